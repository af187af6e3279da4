"""A database with people in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from jobrunner.services.records import add_meeting, add_user


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

    async def now(self) -> datetime:
        moment: datetime = await self.pool.fetchval("SELECT now()")
        return moment

    async def ahead(self, **time: float) -> datetime:
        return await self.now() + timedelta(**time)

    async def user(self, name: str = "Ann", **options: Any) -> str:
        email = options.pop("email", f"{name.lower()}@example.org")
        async with self.connect() as connection:
            return await add_user(connection, name, email, **options)

    async def meeting(self, start: datetime | None = None, name: str = "Budget", **options: Any) -> str:
        options = {"reminders": [("Email", 600)]} | options
        async with self.connect() as connection:
            return await add_meeting(connection, name, start or await self.ahead(minutes=10), **options)

    async def due(self, *users: str, name: str = "Budget", start: float = 600.0, **options: Any) -> str:
        """Add a meeting of these users of which they are to be reminded right now; it starts so many seconds ahead."""
        options = {"reminders": [("Email", 3600)]} | options
        ahead = max(start, 600.0)
        meeting = await self.meeting(await self.ahead(seconds=ahead), name, attendees=users, **options)
        if start < ahead:
            await self.turn_clock(meeting, ahead - start)
        return meeting

    async def turn_clock(self, meeting: str, seconds: float) -> None:
        """Move a meeting and its reminders back in time together, as if that much time had passed."""
        async with self.connect() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")  # no triggers
            back = timedelta(seconds=seconds)
            await connection.execute(
                "UPDATE jobrunner.meeting SET date_start = date_start - $2::interval WHERE id = $1", meeting, back
            )
            await connection.execute(
                "UPDATE jobrunner.reminder SET (start_at, remind_at, next_attempt_at)"
                " = (start_at - $2::interval, remind_at - $2::interval, next_attempt_at - $2::interval)"
                " WHERE entity_type = 'Meeting' AND entity_id = $1",
                meeting,
                back,
            )

    async def reminders(self, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        chosen, order = ", ".join(columns), "remind_at, user_id, type, id"
        rows = await self.pool.fetch(f"SELECT {chosen} FROM jobrunner.reminder WHERE {where} ORDER BY {order}")
        return [tuple(row) for row in rows]

    async def wakes(self) -> list[datetime]:
        """When jobs are queued for."""
        rows = await self.pool.fetch(
            "SELECT execute_at FROM jobrunner.job WHERE name = 'SendEmailReminders' ORDER BY execute_at"
        )
        return [row["execute_at"] for row in rows]

    async def run(self, statement: str, *arguments: Any) -> Any:
        return await self.pool.fetchval(statement, *arguments)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with asyncpg.create_pool(database_url, min_size=0, max_size=8) as pool:
        yield Database(pool)
