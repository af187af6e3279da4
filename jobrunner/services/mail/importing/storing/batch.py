"""One import under way, and the messages in it that are to be stored."""

from dataclasses import dataclass, field
from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.storing.filters import Filter
from jobrunner.services.mail.importing.storing.outcome import AccountRef, Fetched, FolderRef, Kind
from jobrunner.services.mail.importing.storing.record_ids import RecordIds


@dataclass
class Batch:
    """One import, in its transaction."""

    connection: Any
    account: AccountRef
    folder: FolderRef
    record_ids: RecordIds | None
    b2c: bool
    replied: dict[int, int] = field(default_factory=dict)
    """What the new mails answer."""

    @property
    def place(self) -> tuple[Kind, int, str]:
        """The folder, as statements name it."""
        return self.account.kind, self.account.id, self.folder.name

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """Run one of this package's statements."""
        rows: list[Any] = await self.connection.fetch(load(__package__, statement), *arguments)
        return rows


@dataclass
class Taken:
    """A message that is to be stored."""

    fetched: Fetched
    filter: Filter | None
    user_ids: list[str]
    team_ids: list[str]
    group_folder_id: int | None
    key: str = ""
    email_id: int = 0
    is_new: bool = False

    @property
    def mail(self) -> ParsedMail:
        """What was read of it."""
        return self.fetched.mail
