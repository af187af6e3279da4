"""Reading mail over IMAP (RFC 3501).

`connect` gives a `Mailbox`, the one seam between those who read mail and how it is read:

    mailbox = await connect(account)
    folder = await mailbox.open("INBOX", read_only=True)
    plan = plan_batches(await mailbox.details(await mailbox.search(after=last_uid)))
    async with aclosing(mailbox.fetch(plan.batches, octets=plan.octets)) as messages:
        async for message in messages:
            ...
    for large in plan.large:
        async for window in mailbox.windows(large.uid, large.size, at_most=…):
            ...
    await mailbox.logout()

What goes wrong is a `MailboxError`: its `fault` is what a program goes by, its text a sentence for a person, with the
server's words and without secrets.

Below it is aioimaplib, whose protocol is subclassed where it fails (`ImapProtocol`); aioimaplib is under the GPL, so it
is imported in this package only. Three rules keep the line and what we think of it the same:

- Whatever the server sends has a limit (`Caps`), set by what was asked for; whatever is waited for has one too
  (`Limits`), counted from the server's last octet, and the answer as a whole has another.
- A connection on which a limit ran out, a call was cancelled or something came that makes no sense is thrown away:
  an answer that comes late would be taken for that of the next command.
- The loss of a connection and the server's BYE end what waits, at once. Where nothing comes any more and nobody says
  so, keep-alive finds it within two minutes, and IDLE with its next renewal.
"""

from jobrunner.services.mail.imap.account import Account, Limits
from jobrunner.services.mail.imap.connecting import connect
from jobrunner.services.mail.imap.fault import Fault, MailboxError
from jobrunner.services.mail.imap.idling import LONGEST_RENEW, RENEW
from jobrunner.services.mail.imap.mailbox import (
    Details,
    Folder,
    FolderCounts,
    Idle,
    Mailbox,
    Message,
    OpenFolder,
    Part,
    Push,
    PushKind,
)
from jobrunner.services.mail.imap.planning import Plan, plan_batches

__all__ = [
    "LONGEST_RENEW",
    "RENEW",
    "Account",
    "Details",
    "Fault",
    "Folder",
    "FolderCounts",
    "Idle",
    "Limits",
    "Mailbox",
    "MailboxError",
    "Message",
    "OpenFolder",
    "Part",
    "Plan",
    "Push",
    "PushKind",
    "connect",
    "plan_batches",
]
