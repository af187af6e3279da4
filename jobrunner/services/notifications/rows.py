"""Notifications in the database: taken, looked at, settled, missed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from jobrunner.db.queryable import Connect
from jobrunner.db.sql import load
from jobrunner.services.mail.accounts import keeping_copy
from jobrunner.services.mail.settling import Settlement

STEP = 500
"""The most rows that one statement marks as missed."""
REASON_LIMIT = 1000
"""Characters of a reason."""
NOW = timedelta(0)


@dataclass(frozen=True, slots=True)
class Taken:
    """One mail's notifications, which are ours to send."""

    token: int
    group: int
    """The first number of them; with doubt the same on each attempt."""
    user_id: str
    numbers: tuple[int, ...]
    attempt_count: int
    doubt_count: int

    @property
    def label(self) -> str:
        """How a log line names it."""
        others = f" and {len(self.numbers) - 1} more" if len(self.numbers) > 1 else ""
        return f"notification {self.group}{others} (user {self.user_id})"


@dataclass(frozen=True)
class Notification:
    """One notification with all that a decision and a mail need, as it is when they are made."""

    number: int
    mail_group: int
    user_id: str
    type: str
    data: Mapping[str, Any]
    related_type: str | None
    related_id: str | None
    parent_type: str | None
    parent_id: str | None
    parent_name: str | None
    parent_path: str | None
    actor_id: str | None
    read: bool
    created_at: datetime
    attempt_count: int
    doubt_count: int
    user_name: str | None
    """None where the user is gone."""
    email: str | None
    user_is_active: bool | None
    time_zone: str | None
    language: str | None
    is_portal_user: bool
    portal_url: str | None
    wants_mentions: bool
    wants_stream: bool
    wants_assignments: bool
    ignored_types: Sequence[str]
    """Types of records of whose assignment the user wants no mail."""
    actor_name: str | None
    record_name: str | None
    """As `jobrunner.notified_record()` knows it."""
    record_path: str | None
    record_is_gone: bool
    assigned_user_ids: Sequence[str | None] | None
    """None where it is not known."""
    reply_to: str | None
    may_see: bool
    addresses: Sequence[str]
    """All addresses of the user."""
    is_known: bool
    """Whether the user was mailed of the same note already."""
    now: datetime
    """The database's clock."""

    @cached_property
    def related(self) -> tuple[str, str] | None:
        """The note or e-mail that it tells of."""
        return None if self.related_type is None or self.related_id is None else (self.related_type, self.related_id)


class Notifications:
    """The statements that a run needs, each in a transaction of its own."""

    def __init__(
        self, connect: Connect, job_id: int | None, max_age: timedelta, *, assignments_only: bool = False
    ) -> None:
        """`job_id` is the job on whose behalf rows are taken: its claim is their lease."""
        self._connect = connect
        self._job_id = job_id
        self._max_age = max_age
        self._assignments_only = assignments_only

    async def release_lost(self) -> int:
        """Free the rows whose sender is lost; each is in doubt. Returns how many."""
        return len(await self._fetch("release_lost_notifications"))

    async def mark_missed(self) -> tuple[int, int]:
        """Finish the rows that are too old, a step at a time; returns how many were missed, and how many were read."""
        missed = skipped = 0
        while True:
            rows = await self._fetch("mark_missed_notifications", self._max_age, STEP)
            missed += sum(row["state"] == "Missed" for row in rows)
            skipped += sum(row["state"] == "Skipped" for row in rows)
            if len(rows) < STEP:
                return missed, skipped

    async def count_due(self, limit: int) -> int:
        """Return how many rows are due, up to a limit."""
        (row,) = await self._fetch("count_due_notifications", self._max_age, self._assignments_only, limit)
        due: int = row["due"]
        return due

    async def take(self, token: int, limit: timedelta) -> Taken | None:
        """Take what the next mail will hold, for at most `limit`; None where nothing is due."""
        rows = await self._fetch(
            "take_notifications", token, self._job_id, limit, self._max_age, self._assignments_only
        )
        if not rows:
            return None
        return Taken(
            token=token,
            group=rows[0]["mail_group"],
            user_id=rows[0]["user_id"],
            numbers=tuple(sorted(row["number"] for row in rows)),
            attempt_count=max(row["attempt_count"] for row in rows),
            doubt_count=max(row["doubt_count"] for row in rows),
        )

    async def read(self, taken: Taken) -> list[Notification]:
        """Return all that is known of them now; fewer where some are ours no more."""
        rows = await self._fetch("read_notifications", taken.token, list(taken.numbers))
        return [Notification(**{**dict(row), "data": json.loads(row["data"])}) for row in rows]

    async def skip(self, taken: Taken, reasons: Mapping[int, str]) -> list[str]:
        """Store that these are not mailed, and why; return the states of those that were ours."""
        return await self._settle(taken, list(reasons), ["Skipped"] * len(reasons), list(reasons.values()))

    async def settle(self, taken: Taken, numbers: Sequence[int], settlement: Settlement) -> list[str]:
        """Store what became of a mail; return the states of those of its notifications that were ours."""
        states, reasons = [settlement.state] * len(numbers), [settlement.reason] * len(numbers)
        return await self._settle(taken, list(numbers), states, reasons, settlement)

    async def hold(self, reason: str, limit: int) -> None:
        """Note on what is due why it waits, up to a limit."""
        await self._fetch("hold_notifications", reason[:REASON_LIMIT], self._max_age, limit)

    async def wake(self, after: timedelta = NOW) -> None:
        """Queue a job for then."""
        await self._fetch("wake_email_notifications", after)

    async def _settle(
        self,
        taken: Taken,
        numbers: list[int],
        states: list[str],
        reasons: Sequence[str | None],
        how: Settlement | None = None,
    ) -> list[str]:
        async with self._connect() as connection, keeping_copy(connection, how.copy if how else None):
            rows = await connection.fetch(
                load(__package__, "settle_notifications"),
                numbers,
                taken.token,
                states,
                list(reasons),
                how.delay if how else None,
                how.counts if how else False,
                how.in_doubt if how else False,
                how.message_id if how else None,
                self._max_age,
            )
        return [row["state"] for row in rows]

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._connect() as connection:
            rows: list[Any] = await connection.fetch(load(__package__, statement), *arguments)
            return rows
