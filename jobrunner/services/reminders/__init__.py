"""E-mail reminders: what is due, and the run that sends it.

Rows of `jobrunner.reminder` are made by `jobrunner.plan_reminders()` (in SQL, in the transaction that changes the
record), which also queues a job for each one's time. A run sends what is due:

* Each sender takes one row at a time, the oldest first, and commits that it is being sent (state Sending) before the
  mail server hears of it. No transaction and no connection is held while the mail server is spoken to.
* A row in Sending belongs to its sender's token. Only under it is a result stored, so that one who wakes late changes
  nothing. It is free again when the job that took it no longer runs under the claim it had (its daemon was killed or
  frozen, and its lease ran out), at the latest when every time limit of a send has passed.
* So a death leaves in doubt the one mail of each connection that was just being handed over. It is sent once more,
  with the same Message-ID; if that is in doubt too, the row becomes Uncertain and a person may look.
* A refusal ends its own row. What would meet the next row as well (server away, login or sender refused, three broken
  transactions in a row) ends the run: the job fails with one sentence, and all that was not sent stays due.
"""
