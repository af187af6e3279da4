"""Watching accounts (IMAP IDLE, RFC 2177): new mail starts the account's job at once; the schedule is the net beneath.

A watcher only places the job that the schedule makes as well, in the same group: leases, limits and logs stay one path.
What a server pushes is a hint, never the truth: the job searches by UID. It is placed when watching begins and at each
renewal too, for what came in between is told by nobody.

One daemon watches an account, by a lease in `mail_watch`: it renews it every ten seconds, and another daemon takes over
within half a minute of its end; at once where it ends as it should. An account that waits after a failure, or is
paused, is not watched; one whose server cannot IDLE is left to the schedule.
"""

from jobrunner.services.mailbox.watching.watcher import Watcher

__all__ = ["Watcher"]
