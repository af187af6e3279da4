"""E-mail notifications: what happened to a record is mailed to those who have not seen it in the application.

The application adds a row of `jobrunner.notification` for each user whom something concerns (`notify`, or in SQL
`jobrunner.notify()` or INSERT), in the transaction in which it happens. A trigger queues the job for the end of the
delay; a notification that was read by then is not mailed. An assignment has no delay.

* `rows`: a sender takes all that waits for one user and one record, once any of it is due: that is one mail. It
  commits that they are being sent (state Sending) before anything is looked at, and holds neither transaction nor
  connection while the mail server is spoken to.
* `decide`: then it looks at the facts as they are now, and decides on each notification. What is not mailed keeps the
  reason in its row. The facts are read apart from the taking, so that a function of the application's own that fails
  holds up its own record only.
* `compose`: what is left is one mail, in its user's language and zone, in the thread of its record.
* `run`: hands them over on a few connections of the system account, within its rates, and not while it is paused.

A row in Sending belongs to its sender's token; only under it is a result stored. It is free again when the job that
took it no longer runs under the claim it had. Whether such a mail went is not known: it is sent once more, with the
same notifications and the same Message-ID; if that is in doubt too, they become Uncertain. A mail that was surely not
taken is dissolved instead: what waits for its next attempt goes with what has happened since.
"""

from jobrunner.services.notifications.notify import notify

__all__ = ["notify"]
