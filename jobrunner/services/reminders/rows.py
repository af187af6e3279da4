"""Reminders in the database: taken, settled, missed."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from jobrunner.db.queryable import Connect
from jobrunner.db.sql import load
from jobrunner.services.mail.accounts import keeping_copy
from jobrunner.services.mail.settling import Settlement
from jobrunner.services.records import EntityType, plan

PAST_LIMIT = timedelta(hours=1)
"""How long after its start a record is still reminded of."""
REASON_LIMIT = 1000
"""Characters of a reason."""
PORTION = 500
"""The most that one run sends, and the most rows that one statement changes."""


@dataclass(frozen=True, slots=True)
class DueReminder:
    """One reminder that was taken to be sent, with all that its mail says."""

    id: int
    token: int
    attempt_count: int
    doubt_count: int
    remind_at: datetime
    start_at: datetime
    user_id: str
    entity_type: EntityType
    entity_id: str
    user_name: str | None
    """None where the user is gone."""
    email: str | None
    user_is_active: bool | None
    time_zone: str | None
    language: str | None
    record_name: str | None
    """None where the record is gone."""
    record_is_open: bool | None
    record_start_at: datetime | None
    """When it starts by now; other than `start_at` where it was moved and nobody planned it anew."""
    record_start_date: date | None
    """The day, where it takes all day."""
    is_receiver: bool
    now: datetime
    """The database's clock."""

    @property
    def label(self) -> str:
        """How a log line names it."""
        return f"reminder {self.id} ({self.entity_type} {self.entity_id}, user {self.user_id})"


class Reminders:
    """The statements that a run needs, each in a transaction of its own."""

    def __init__(self, connect: Connect, job_id: int | None = None) -> None:
        """`job_id` is the job on whose behalf rows are taken: its claim is their lease."""
        self._connect = connect
        self._job_id = job_id

    async def release_lost(self) -> int:
        """Free the rows whose sender is lost; each is in doubt. Returns how many."""
        return len(await self._fetch("release_lost_reminders"))

    async def mark_missed(self) -> int:
        """Finish the rows for which it is too late, a portion at a time; returns how many."""
        missed = 0
        while True:
            rows = await self._fetch("mark_missed_reminders", PAST_LIMIT, PORTION)
            missed += len(rows)
            if len(rows) < PORTION:
                return missed

    async def count_due(self) -> int:
        """Return how many rows are due, up to a portion."""
        (row,) = await self._fetch("count_due_reminders", PAST_LIMIT, PORTION)
        due: int = row["due"]
        return due

    async def take(self, token: int, limit: timedelta) -> DueReminder | None:
        """Take the oldest due row, for at most `limit`; None where none is due."""
        rows = await self._fetch("take_reminder", token, self._job_id, limit, PAST_LIMIT)
        return DueReminder(token=token, **rows[0]) if rows else None

    async def settle(self, reminder: DueReminder, settlement: Settlement) -> str | None:
        """Store what became of a taken row; return its state, or None where it is not ours any more (moved, lost)."""
        async with self._connect() as connection, keeping_copy(connection, settlement.copy):
            rows = await connection.fetch(
                load(__package__, "settle_reminder"),
                reminder.id,
                reminder.token,
                settlement.state,
                settlement.reason,
                settlement.delay,
                settlement.counts,
                settlement.in_doubt,
                settlement.message_id,
                PAST_LIMIT,
            )
        return rows[0]["state"] if rows else None

    async def plan(self, reminder: DueReminder) -> None:
        """Plan the record anew, since nobody did when it was moved."""
        async with self._connect() as connection:
            await plan(connection, reminder.entity_type, reminder.entity_id)

    async def hold(self, reason: str) -> None:
        """Note on what is due why it waits, up to a portion."""
        await self._fetch("hold_reminders", reason[:REASON_LIMIT], PAST_LIMIT, PORTION)

    async def wake(self, after: timedelta = timedelta()) -> None:
        """Queue a job for now, or for later."""
        await self._fetch("wake_email_reminders", after)

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._connect() as connection:
            rows: list[Any] = await connection.fetch(load(__package__, statement), *arguments)
            return rows
