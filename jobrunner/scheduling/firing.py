"""Firing: what is due becomes jobs, by compare-and-set on the rows of the scheduled jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobrunner.db.clock import database_time
from jobrunner.db.connection import Connection
from jobrunner.db.sql import load
from jobrunner.scheduling.clock import DatabaseClock
from jobrunner.scheduling.schedule import Schedule, ScheduleSettings, read_schedules, settle

FIRE_SCHEDULES = load(__package__, "fire_schedules")

BATCH = 500
"""Scheduled jobs that one statement fires: it holds the lock of all groups meanwhile."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of firing one scheduled job."""

    schedule: Schedule
    following: datetime
    """The next fire time that follows from ours."""
    revision: int | None
    """The row's revision afterwards; None where there is none, or it is Inactive."""
    next_fire_at: datetime | None
    """The row's next fire time afterwards."""
    job_id: int | None
    """The job that was added or folded into; None where the firing was not ours."""


async def fire(connection: Connection, schedules: Sequence[Schedule], now: datetime) -> list[Outcome]:
    """Fire scheduled jobs that are due at `now`, the database's time, in one transaction."""
    due = []
    for schedule in schedules:
        assert schedule.crontab is not None
        assert schedule.next_fire_at is not None
        latest, count = schedule.crontab.latest_due(schedule.next_fire_at, now, schedule.zone)
        due.append((schedule, latest, count, schedule.next_after(latest)))
    rows = await connection.fetch(
        FIRE_SCHEDULES,
        [schedule.id for schedule, *_ in due],
        [schedule.revision for schedule, *_ in due],
        [schedule.next_fire_at for schedule, *_ in due],
        [latest for _, latest, *_ in due],
        [count for _, _, count, _ in due],
        [following for *_, following in due],
    )
    after = {row["id"]: row for row in rows}
    outcomes = []
    for schedule, _, _, following in due:
        row = after.get(schedule.id)
        outcomes.append(
            Outcome(schedule, following, None, None, None)
            if row is None
            else Outcome(schedule, following, row["revision"], row["next_fire_at"], row["job_id"])
        )
    return outcomes


async def fire_due(connection: Connection, settings: ScheduleSettings) -> int:
    """Fire everything that is due, once, as a pass without a daemon does; return how many jobs were placed."""
    if settings.paused:
        return 0
    clock = DatabaseClock()
    clock.measure(await database_time(connection))
    default = settings.crontab_time_zone
    schedules = await read_schedules(connection, None, default)
    settled = await settle(connection, schedules.values(), clock.now(), verify=True)
    if settled:
        schedules |= await read_schedules(connection, settled, default)
    now = clock.now()
    due = [schedule for schedule in schedules.values() if schedule.due(now)]
    fired = 0
    for start in range(0, len(due), BATCH):
        outcomes = await fire(connection, due[start : start + BATCH], now)
        fired += sum(outcome.job_id is not None for outcome in outcomes)
    return fired
