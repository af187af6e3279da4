"""Accounts by which mail is sent: their rows, what is known of their state, and how much they may send.

An account is named by a key: the id of its row in `jobrunner.smtp_account` as text, or `system`. The system account is
the row of the kind System, and where there is none the mail server of the configuration (`JOBRUNNER_SMTP__…`).

What becomes of an account stands apart from it, and is shared by all daemons:

* `smtp_account_state`: a pause, by a person or after a refused login, which ends when somebody has looked; a cool-down
  after the server said that it was too much, 60 s at first and up to an hour; the speed, which each such reply halves
  and each minute raises by a tenth of the whole; the back-off after connections that failed, 5 s to 10 min.
* `mail_rate`: token buckets, for the account and for each receiving domain. Whoever sends reserves first
  (`reserve`), and gives back what was not used or not charged (`give_back`). The rates are kept in any stretch of a
  minute and of an hour, not only on average: what may go at once, a few seconds' share, is taken off the rate.

All of it is judged by the database's clock. What several connections say of one event counts once: a second "too many"
while the account cools down changes nothing.

`Outgoing` puts it together for those who send one mail after another: allowance, connections, signature, and what
results mean for the account.
"""

from jobrunner.services.mail.accounts.loading import SendingAccount, load_account
from jobrunner.services.mail.accounts.observing import observe
from jobrunner.services.mail.accounts.outgoing import Outgoing
from jobrunner.services.mail.accounts.rates import (
    Allowance,
    give_back,
    reserve,
)
from jobrunner.services.mail.accounts.sent_copies import SentCopy, keep_copy, keeping_copy
from jobrunner.services.mail.accounts.state import cool_down, note_failure, note_success, pause, resume
from jobrunner.services.mail.accounts.tokens import keeping_token

__all__ = [
    "Allowance",
    "Outgoing",
    "SendingAccount",
    "SentCopy",
    "cool_down",
    "give_back",
    "keep_copy",
    "keeping_copy",
    "keeping_token",
    "load_account",
    "note_failure",
    "note_success",
    "observe",
    "pause",
    "reserve",
    "resume",
]
