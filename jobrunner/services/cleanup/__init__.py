"""The job Cleanup: what is old is removed, each kind after its own period.

What goes is declared where it is kept (`jobrunner.queue.cleanup_target`); here is the walk over it.

* One target after the other, in a fixed order: rows that refer to others before these. One that fails is named, the
  others run, and the job ends Failed.
* A batch is a transaction: rows are picked in the order of their age, passed over where somebody holds them, and
  deleted. No lock is waited for longer than a second, and no statement runs for longer than half a minute; after such a
  time-out the next batch is half as large. A target of which even 100 rows are held is left to the next run; one of
  which they take too long has failed. Between batches is a pause as long as the batch, at most 50 ms, so that others
  get on.
* The condition is the bookmark: whatever ends a run (cancelled, killed, out of time), the batches that were committed
  stay, and the next run goes on. Age is by the database's clock.
* What is still referred to stays: foreign keys without cascade are guards, and a row that one holds back is counted.
"""
