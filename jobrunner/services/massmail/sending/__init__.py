"""Sending mass e-mails: the run of the job ProcessMassEmail, and test sends.

A run builds the queues that are due, settles what a lost run left in doubt, and sends each mass e-mail that is In
Process: those of one account one after another, each for its share of the time and of what may be sent.

Sending one (`dispatch`) has three parts, and a row for each mail goes through them:

* the *feeder* leases the next few items to this run (four times as many as there are connections, still Pending),
  writes their mails, has them signed in threads (`signing`), and lays them ready (`buffer`);
* the *lanes*, one for each connection, hand them over, one at a time;
* the *ledger* stores what became of those handed over and marks Sending those that go next: all connections together,
  one statement, once the last one is back or has had a few milliseconds for it. Nothing is said to the mail server of a
  mail before its mark is committed, and no connection begins another before its last result is.

What results mean beyond the item is told in `results`; what stops one part stops all (`course`).

So, wherever a run is killed, the mails in doubt are those marked Sending: at most one for each connection. All else is
Pending, and its lease is lost with the job's claim, or at `sender_until`. The mark is also the last look: whether the
mailing goes on (paused, aborted, campaign Inactive), whether the target is there and still wants mail, and the limit of
the hour are judged in the same statement. Results and marks are stored under the sender's token only, so that a run
which was frozen and wakes late changes nothing.
"""
