"""What the mails of the program to its users have in common: who they are from, and ids that stay on every attempt."""

from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from jobrunner.services.mail.accounts import SendingAccount
from jobrunner.services.mail.address import Mailbox


@dataclass(frozen=True)
class Letterhead:
    """The sender, and where links lead."""

    sender: Mailbox
    site_url: str
    """The application's address; links to records are made from it."""
    reply_to: Mailbox | None = None
    """Where answers go that do not belong to a record with an address of its own."""

    @classmethod
    def of(cls, account: SendingAccount, site_url: str) -> Self:
        """Return that of an account."""
        reply_to = None if account.reply_to is None else Mailbox(account.reply_to)
        return cls(account.sender, site_url, reply_to)

    def stable_id(self, kind: str, *parts: str) -> str:
        """Return a Message-ID that depends on the kind, the site and these parts only: the same on every attempt."""
        digest = sha256("\0".join((self.site_url, *parts)).encode()).digest()[:16]
        token = b32encode(digest).decode("ascii").rstrip("=").lower()
        return f"<{kind}.{token}@{self.sender.address.domain}>"
