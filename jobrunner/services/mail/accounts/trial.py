"""A real mail by an account, to see whether it is taken."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from jobrunner.services.mail.accounts.advice import explain
from jobrunner.services.mail.accounts.loading import SendingAccount
from jobrunner.services.mail.address import Address, Mailbox
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.smtp import Envelope, Outcome, Result, Session

TEXT = """\
This mail shows that {place} takes mail by the account "{name}" of jobrunner.

If it is in the folder for junk, the sender's domain may lack SPF, DKIM or DMARC.
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test mail."""

    result: Result
    advice: str | None
    """What to do; None where it was taken."""

    @property
    def taken(self) -> bool:
        """Whether the server took it."""
        return self.result.outcome is Outcome.ACCEPTED


async def try_account(account: SendingAccount, recipient: Address, *, at: datetime) -> Trial:
    """Send one mail from the account to an address, over a connection of its own, past rates and pauses.

    Raises:
        InvalidInput: the mail cannot be composed, or a DKIM key cannot sign.
    """
    message = Message(
        sender=account.sender,
        recipient=Mailbox(recipient),
        subject=f"Test mail by the account {account.name}",
        text=TEXT.format(place=account.smtp.place, name=account.name),
        html=None,
        message_id=f"<{secrets.token_hex(16)}@{account.sender.address.domain}>",
        date=at,
        headers={"Auto-Submitted": "auto-generated"},
        reply_to=None if account.reply_to is None else Mailbox(account.reply_to),
    ).to_bytes()
    if account.signer is not None:
        message = account.signer.sign(message, at=at) + message
    session = Session(account.smtp)
    try:
        result = await session.send(message, Envelope(account.sender.address, recipient))
    finally:
        await session.close()
    return Trial(result, None if result.outcome is Outcome.ACCEPTED else await explain(account, result))
