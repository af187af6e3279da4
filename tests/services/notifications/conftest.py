"""A database with people who are notified, and notifications as the code sees them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from jobrunner.config import Configuration
from jobrunner.queue.settings import set_setting
from jobrunner.services.mail.accounts import SendingAccount
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.smtp import Account
from jobrunner.services.notifications import notify
from jobrunner.services.notifications.report import Report
from jobrunner.services.notifications.rows import Notification
from jobrunner.services.notifications.run import Run
from jobrunner.services.records import add_user
from tests.services.mail.smtp.scripted_server import ScriptedServer

MOMENT = datetime(2026, 5, 14, 8, 30, tzinfo=UTC)


def notification(**changes: Any) -> Notification:
    """A post in a case, which is mailed where stream mails are on."""
    values: dict[str, Any] = {
        "number": 1,
        "mail_group": 1,
        "user_id": "ann",
        "type": "Post",
        "data": {"post": "Hello"},
        "related_type": "Note",
        "related_id": "n1",
        "parent_type": "Case",
        "parent_id": "c1",
        "parent_name": "Printer",
        "parent_path": None,
        "actor_id": "bob",
        "read": False,
        "created_at": MOMENT,
        "attempt_count": 0,
        "doubt_count": 0,
        "user_name": "Ann",
        "email": "ann@example.org",
        "user_is_active": True,
        "time_zone": "UTC",
        "language": "en",
        "is_portal_user": False,
        "portal_url": None,
        "wants_mentions": True,
        "wants_stream": True,
        "wants_assignments": True,
        "ignored_types": (),
        "actor_name": "Bob",
        "record_name": None,
        "record_path": None,
        "record_is_gone": False,
        "assigned_user_ids": None,
        "reply_to": None,
        "may_see": True,
        "addresses": (),
        "is_known": False,
        "now": MOMENT + timedelta(seconds=30),
    }
    return Notification(**(values | changes))


def account(server: ScriptedServer, **options: Any) -> SendingAccount:
    smtp = Account("127.0.0.1", server.port, **({"security": "none"} | options))
    return SendingAccount("system", "system", "System", smtp, Mailbox(parse_address("crm@example.com"), "CRM"))


class Database:
    """A pool of the test's database, with shortcuts. Connections are counted while they are lent."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.lent = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection:
            self.lent += 1
            try:
                yield connection
            finally:
                self.lent -= 1

    async def set(self, **settings: object) -> None:
        async with self.connect() as connection:
            for name, value in settings.items():
                await set_setting(connection, name, value, by="test")

    async def all_on(self) -> None:
        await self.set(
            stream_email_notifications=True,
            mention_email_notifications=True,
            assignment_email_notifications=True,
        )

    async def user(self, name: str = "Ann", **options: Any) -> str:
        email = options.pop("email", f"{name.lower()}@example.org")
        async with self.connect() as connection:
            return await add_user(connection, name, email, **({"id": name.lower()} | options))

    async def notify(self, user: str, type: str = "Post", data: Any = None, **options: Any) -> int:
        options = {"parent": ("Case", "c1"), "parent_name": "Printer", "actor": "zoe"} | options
        async with self.connect() as connection:
            return await notify(connection, user, type, {"post": "Hello"} if data is None else data, **options)

    async def turn_clock(self, seconds: float = 31) -> None:
        """As if that much time had passed since all that waits was created."""
        await self.pool.execute(
            "UPDATE jobrunner.notification SET (created_at, next_attempt_at) = (created_at - $1::interval,"
            " next_attempt_at - $1::interval) WHERE mail = 'Waiting'",
            timedelta(seconds=seconds),
        )

    async def due(self, user: str, type: str = "Post", data: Any = None, **options: Any) -> int:
        number = await self.notify(user, type, data, **options)
        await self.pool.execute(
            "UPDATE jobrunner.notification SET (created_at, next_attempt_at) = (created_at - interval '31 s',"
            " now() - interval '1 s') WHERE number = $1",
            number,
        )
        return number

    async def rows(self, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        chosen = ", ".join(columns)
        rows = await self.pool.fetch(f"SELECT {chosen} FROM jobrunner.notification WHERE {where} ORDER BY number")
        return [tuple(row) for row in rows]

    async def states(self) -> list[str]:
        return [row[0] for row in await self.rows("mail::text")]

    async def jobs(self) -> list[tuple[Any, ...]]:
        rows = await self.pool.fetch(
            "SELECT name, queue, execute_at, status FROM jobrunner.job ORDER BY execute_at, id"
        )
        return [tuple(row) for row in rows]

    async def run(self, statement: str, *arguments: Any) -> Any:
        return await self.pool.fetchval(statement, *arguments)

    def new_run(self, server: ScriptedServer | None, smtp: Any = None, **options: Any) -> Run:
        configuration = Configuration(site_url="https://crm.example.com")
        if server is not None:
            options = {"account": account(server, **(smtp or {}))} | options
        return Run(self.connect, configuration, **options)

    async def send(self, server: ScriptedServer | None, **options: Any) -> Report:
        return await self.new_run(server, **options).send()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with asyncpg.create_pool(database_url, min_size=0, max_size=8) as pool:
        yield Database(pool)
