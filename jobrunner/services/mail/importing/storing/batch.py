"""One import under way, and the messages in it that are to be stored."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.storing.filters import Filter
from jobrunner.services.mail.importing.storing.outcome import AccountRef, Fetched, FolderRef, Kind
from jobrunner.services.mail.importing.storing.record_ids import RecordIds
from jobrunner.services.mail.importing.storing.rows import rows_as_json

ROWS = 500
"""Rows that one statement takes: a hundred mails may have many times as many recipients, files and users."""


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

    async def insert(self, statement: str, rows: Iterable[dict[str, Any]]) -> list[Any]:
        """Run a statement that takes rows, so many at a time that the event loop goes on; return what comes back."""
        found: list[Any] = []
        waiting = iter(rows)
        while portion := list(islice(waiting, ROWS)):
            text = rows_as_json(portion)
            await asyncio.sleep(0)
            found += await self.fetch(statement, text)
        return found


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
