"""One scheduled job as a daemon holds it: read from the table, its expression parsed, its next fire time kept right."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

from jobrunner.crontab import Crontab, CrontabError, zone
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput

LIST_REVISIONS = load(__package__, "list_revisions")
READ_SCHEDULES = load(__package__, "read_schedules")
SET_FIRE_TIMES = load(__package__, "set_fire_times")

NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The next fire time of an expression that never comes again in its time zone."""

AT_ONCE = 200
"""Expressions that are computed before other tasks get their turn."""


class ScheduleSettings(Protocol):
    """What scheduling asks of the job settings."""

    @property
    def crontab_time_zone(self) -> str:
        """The zone of scheduled jobs that have none of their own."""
        ...

    @property
    def paused(self) -> bool:
        """Whether nothing fires."""
        ...


@dataclass(eq=False, slots=True)
class Schedule:
    """An Active scheduled job. Where its crontab or zone cannot be read, `crontab` is None and `problem` says why."""

    id: int
    revision: int
    has_own_zone: bool
    crontab: Crontab | None
    zone: tzinfo
    problem: str | None
    noted_problem: str | None
    """What the row says."""
    next_fire_at: datetime | None
    last_fire_at: datetime | None
    modified_at: datetime

    @classmethod
    def of_row(cls, row: Any, default: str) -> "Schedule":
        """Parse a row of read_schedules.sql; `default` is the zone of those that have none."""
        crontab: Crontab | None = None
        place: tzinfo = UTC
        problem = None
        try:
            place = zone(row["time_zone"] or default)
            crontab = Crontab.parse(row["crontab"])
        except InvalidInput as error:
            problem = str(error)
        return cls(
            id=row["id"],
            revision=row["revision"],
            has_own_zone=row["time_zone"] is not None,
            crontab=crontab,
            zone=place,
            problem=problem,
            noted_problem=row["problem"],
            next_fire_at=row["next_fire_at"],
            last_fire_at=row["last_fire_at"],
            modified_at=row["modified_at"],
        )

    def next_after(self, moment: datetime) -> datetime:
        """Return the first fire time after `moment`, `NEVER` where none comes."""
        assert self.crontab is not None
        try:
            return self.crontab.next_after(moment, self.zone)
        except CrontabError:
            return NEVER

    def due(self, now: datetime) -> bool:
        """Whether a firing of it is due at `now`, the database's time."""
        return self.crontab is not None and self.next_fire_at is not None and self.next_fire_at <= now

    def right_next(self, now: datetime) -> datetime | None:
        """Return what the row's next fire time should be, read again.

        Where it is missing (a new row, an edit by SQL): the first fire time since the edit. Where it is ahead: the
        first one from now, since the installation's zone or the zone data may have changed. One that is due stays.
        """
        if self.crontab is None or (self.next_fire_at is not None and self.next_fire_at <= now):
            return self.next_fire_at
        if self.next_fire_at is None:
            fired = self.last_fire_at if self.last_fire_at is not None and self.last_fire_at <= now else None
            return self.next_after(max(self.modified_at, fired or self.modified_at))
        return self.next_after(max(now, self.last_fire_at or now))


async def list_revisions(connection: Queryable) -> dict[int, int]:
    """Return the revision of each Active scheduled job."""
    return {row["id"]: row["revision"] for row in await connection.fetch(LIST_REVISIONS)}


async def read_schedules(connection: Queryable, ids: Sequence[int] | None, default: str) -> dict[int, Schedule]:
    """Read Active scheduled jobs, all or those named, and parse them."""
    schedules: dict[int, Schedule] = {}
    for row in await connection.fetch(READ_SCHEDULES, ids):
        if len(schedules) % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
        schedules[row["id"]] = Schedule.of_row(row, default)
    return schedules


async def settle(
    connection: Queryable, schedules: Iterable[Schedule], now: datetime, *, verify: bool = False
) -> list[int]:
    """Write next fire times and problems where they are missing or, with `verify`, wrong.

    Each only if the row is still as it was read. Returns the ids that were to be written: read them again, since
    another daemon may have been first.
    """
    changes: list[tuple[int, int, datetime | None, datetime | None, str | None]] = []
    for place, schedule in enumerate(schedules):
        if place % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
        missing = schedule.next_fire_at is None and schedule.crontab is not None
        following = schedule.right_next(now) if missing or verify else schedule.next_fire_at
        problem = schedule.noted_problem or schedule.problem if schedule.problem else None
        if following != schedule.next_fire_at or problem != schedule.noted_problem:
            changes.append((schedule.id, schedule.revision, schedule.next_fire_at, following, problem))
    if changes:
        await connection.fetch(SET_FIRE_TIMES, *map(list, zip(*changes, strict=True)))
    return [change[0] for change in changes]
