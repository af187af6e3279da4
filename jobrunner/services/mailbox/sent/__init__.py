"""The Sent folder: mails of ours that went by an account are stored in its mailbox (IMAP APPEND).

A mail waits as a row of `sent_copy`, made in the transaction that noted it as sent, and goes when the server has it. So
a fault here never touches the sending, and a run that dies leaves what it had not finished. Before a mail is stored it
is looked for by its Message-ID: one whose answer was lost, or that the provider has put there by itself, is not stored
again.

What cannot be stored is tried again, after 1, 2, 5, 10, 20, 30 minutes and then every hour, for a week; the reason
stands in the row, and `jobrunner status` tells it. A folder that is not there is made.
"""

from jobrunner.services.mailbox.sent.run import StoreRun

__all__ = ["StoreRun"]
