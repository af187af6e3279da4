"""Group accounts, mails that come to them, and what follows."""

import itertools
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.services.mail.importing.staging import INCOMING
from jobrunner.services.mail.importing.storing import AccountRef, Fetched, Importer
from jobrunner.services.mailbox.follow_ups.enqueue import enqueue_follow_ups
from jobrunner.services.mailbox.follow_ups.step import Followed, follow_up
from tests.services.mail.importing.letters import letter
from tests.services.mail.importing.storing.conftest import Office

PENDING = """
SELECT f.email_id, f.inbound_email_id
FROM jobrunner.mail_follow_up AS f
WHERE f.done_at IS NULL
ORDER BY f.email_id, f.inbound_email_id
"""


class Desk(Office):
    """Imports letters, and does what follows from them."""

    def __init__(self, connection: Any, root: Path, url: str) -> None:
        super().__init__(connection, root)
        self.url = url
        self.importer = Importer(root, follow_up=enqueue_follow_ups)
        self._uids = itertools.count(1)
        self._ids = itertools.count(1)

    def fetched(self, uid: int, source: bytes, *flags: str) -> Fetched:
        fetched = super().fetched(uid, source, *flags)
        return Fetched(fetched.uid, datetime.now(UTC), fetched.mail, fetched.flags)

    def letter(self, body: bytes = b"Hello\r\n", *, to: str = "help@example.org", **more: Any) -> bytes:
        """One of now, with an id of its own and a return path, to the account called Help."""
        sender = more.setdefault("sender", "Cus <cus@example.com>")
        address = sender.rpartition("<")[2].rstrip(">")
        more = {
            "message_id": f"<{next(self._ids)}@example.com>",
            "date": format_datetime(datetime.now(UTC)),
            "Return_Path": f"<{address}>",
        } | more
        return letter(
            body, to=to, **{name: value for name, value in more.items() if value is not None or name == "message_id"}
        )

    async def arrive(self, account: AccountRef, *sources: bytes) -> list[int]:
        """Import letters; return the ids of their mails."""
        outcomes = [
            outcome for source in sources for outcome in await self.take(account, source, first=next(self._uids))
        ]
        return [outcome.email_id for outcome in outcomes if outcome.email_id is not None]

    async def follow(self) -> list[Followed]:
        """Do all that follows and was not done."""
        followed = []
        for row in await self.connection.fetch(PENDING):
            async with self.connection.transaction():
                done = await follow_up(self.connection, row["email_id"], row["inbound_email_id"])
            assert done is not None
            followed.append(done)
        return followed

    async def get(self, account: AccountRef, *sources: bytes) -> list[Followed]:
        """Import letters and do what follows."""
        await self.arrive(account, *sources)
        return await self.follow()

    async def case(self, number: int = 1) -> Any:
        return await self.connection.fetchrow(
            "SELECT c.*, c.status::text AS state FROM jobrunner.case_record AS c WHERE c.number = $1", number
        )

    async def row(self, email_id: int) -> Any:
        return await self.connection.fetchrow("SELECT * FROM jobrunner.mail_follow_up WHERE email_id = $1", email_id)


@pytest.fixture
def desk(connection: "asyncpg.Connection[Any]", database_url: str, tmp_path: Path) -> Desk:
    (tmp_path / INCOMING).mkdir()
    return Desk(connection, tmp_path, database_url)
