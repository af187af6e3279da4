"""Accounts, and an import of letters into them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.services.mail.importing.parsing import ParsedAttachment, parse
from jobrunner.services.mail.importing.parsing.entity import Source
from jobrunner.services.mail.importing.parsing.parse import placed
from jobrunner.services.mail.importing.staging import INCOMING, stage
from jobrunner.services.mail.importing.storing import AccountRef, Fetched, FolderRef, Importer, Outcome

RECEIVED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
INBOX = FolderRef("INBOX", 1)


class Office:
    """Users, accounts, and who imports into them."""

    def __init__(self, connection: Any, root: Path) -> None:
        self.connection = connection
        self.root = root
        self.importer = Importer(root)

    async def user(self, id: str, **columns: Any) -> str:
        await self.insert("app_user", id=id, name=id.title(), email=f"{id}@example.org", **columns)
        return id

    async def insert(self, table: str, **columns: Any) -> Any:
        names, places = ", ".join(columns), ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        statement = f"INSERT INTO jobrunner.{table} ({names}) VALUES ({places}) RETURNING *"
        return (await self.connection.fetchrow(statement, *columns.values()))[0]

    async def personal(self, user: str, **columns: Any) -> AccountRef:
        id = await self.insert(
            "email_account", assigned_user_id=user, name=f"of {user}", email_address=f"{user}@example.org",
            host="mx", username=user, fetch_since=RECEIVED.date(), **columns,
        )  # fmt: skip
        return AccountRef("Personal", id, 0)

    async def group(self, name: str = "Help", **columns: Any) -> AccountRef:
        id = await self.insert(
            "inbound_email", name=name, email_address=f"{name.lower()}@example.org",
            host="mx", username=name, fetch_since=RECEIVED.date(), **columns,
        )  # fmt: skip
        return AccountRef("Group", id, 0)

    async def team(self, id: str, *users: str, **columns: Any) -> str:
        await self.insert("team", id=id, name=id)
        for user in users:
            await self.insert("team_member", team_id=id, user_id=user, **columns)
        return id

    def keep(self, attachment: ParsedAttachment, content: Source) -> ParsedAttachment:
        name, size, sha256 = stage(self.root, content)
        return placed(attachment, size=size, sha256=sha256, staged=name)

    def fetched(self, uid: int, source: bytes, *flags: str) -> Fetched:
        return Fetched(uid, RECEIVED, parse(source, keep=self.keep), frozenset(flags))

    async def take(
        self, account: AccountRef, *sources: bytes, folder: FolderRef = INBOX, first: int = 1, flags: Sequence[str] = ()
    ) -> list[Outcome]:
        messages = [self.fetched(uid, source, *flags) for uid, source in enumerate(sources, first)]
        return await self.importer.import_batch(self.connection, account, folder, messages)

    async def column(self, statement: str, *arguments: Any) -> list[Any]:
        return [row[0] for row in await self.connection.fetch(statement, *arguments)]

    async def count(self, table: str) -> int:
        (number,) = await self.column(f"SELECT count(*) FROM jobrunner.{table}")
        return number


@pytest.fixture
async def office(connection: "asyncpg.Connection[Any]", tmp_path: Path) -> Office:
    (tmp_path / INCOMING).mkdir()
    return Office(connection, tmp_path)
