"""What the mails of the program to its users have in common: who they are from, and ids that stay on every attempt."""

from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Self

from jobrunner.config import Configuration
from jobrunner.db.queryable import Connect
from jobrunner.db.secrets import Keyring
from jobrunner.services.mail.accounts import SendingAccount
from jobrunner.services.mail.address import Mailbox
from jobrunner.services.mail.importing.storing import load_record_ids
from jobrunner.services.mail.importing.storing.record_ids import RecordIds

LINKLESS = (
    "have had no links to their records in the last day, since nobody has set where the application is: set "
    "JOBRUNNER_SITE_URL, here and for the daemons"
)
"""What `jobrunner status` says of mails to users who have no other address of the application."""


@dataclass(frozen=True)
class Letterhead:
    """The sender, and where links lead."""

    sender: Mailbox
    site_url: str
    """The application's address; ids are made from it, and links to records."""
    reply_to: Mailbox | None = None
    """Where answers go that do not belong to a record with an address of its own."""
    record_ids: RecordIds | None = None
    """By which its mails name their records; None where there is no key to sign them with."""
    has_links: bool = True
    """Whether records are to be found there: not where nobody has set that address."""

    @classmethod
    def of(
        cls, account: SendingAccount, site_url: str, record_ids: RecordIds | None = None, *, has_links: bool = True
    ) -> Self:
        """Return that of an account."""
        reply_to = None if account.reply_to is None else Mailbox(account.reply_to)
        return cls(account.sender, site_url, reply_to, record_ids, has_links)

    @classmethod
    async def load(cls, connect: Connect, configuration: Configuration, account: SendingAccount) -> Self:
        """Return that of an account, with what signs its ids."""
        keyring, site_url = Keyring.from_configuration(configuration), configuration.site_url
        has_links = configuration.given_site_url is not None
        async with connect() as connection:
            record_ids = await load_record_ids(connection, keyring, site_url)
        return cls.of(account, site_url, record_ids, has_links=has_links)

    def message_id(self, kind: str, about: tuple[str, str], moment: datetime, *parts: str) -> str:
        """Return the Message-ID of a mail to a user of ours: the same on every attempt, and not imported by us.

        Args:
            kind: as for `stable_id`.
            about: type and id of the record, which an answer to the mail is then about, too.
            moment: of what it tells; whole seconds of it are kept.
            parts: what tells it from others.
        """
        if self.record_ids is None:
            return self.stable_id(kind, *parts)
        domain = self.sender.address.domain
        return self.record_ids.make_stable(*about, moment, domain, self.site_url, kind, *parts, notification=True)

    def stable_id(self, kind: str, *parts: str) -> str:
        """Return a Message-ID that depends on the kind, the site and these parts only: the same on every attempt."""
        digest = sha256("\0".join((self.site_url, *parts)).encode()).digest()[:16]
        token = b32encode(digest).decode("ascii").rstrip("=").lower()
        return f"<{kind}.{token}@{self.sender.address.domain}>"
