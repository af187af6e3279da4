"""The clean-up targets of the engine: finished jobs, what they logged, and notes of attempts.

They are kept by day, and go by day: a table is dropped, which costs the same however many rows it has. Daemons do that
once an hour by themselves (`retention`); the job Cleanup does it for who runs none, and removes row by row what stands
in no day's table, or is to be kept for no time at all. The newest runs of each scheduled job stay all the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from jobrunner.db.queryable import WAIT_BRIEFLY
from jobrunner.db.sql import load
from jobrunner.queue.cleanup_target import Amount, CleanupTarget, Occasion, old_rows
from jobrunner.queue.engine_settings import SETTINGS
from jobrunner.queue.retention import CREATE_PARTITIONS, DAYS_AHEAD, DROP_DAY

Parent = Literal["job_history_done", "job_history_failed", "job_log"]
TIMES: dict[Parent, str] = {"job_history_done": "finished_at", "job_history_failed": "finished_at", "job_log": "at"}

LIST_DAYS = load(__package__, "list_days")
COUNT_KEPT_RUNS = load(__package__, "count_kept_runs")
LAST_MOMENT = "SELECT now() - $1::text::interval"
STATEMENT_LIMIT = 30.0
"""Seconds that a statement may take. Of a drop nearly all is to move the runs that are kept."""
COUNTED = 5_000_000
"""Rows of a day that are counted one by one."""


@dataclass(frozen=True, slots=True)
class OldDays:
    """Rows of a table that is kept by day."""

    parent: Parent

    async def count(self, given: Occasion) -> Amount:
        """Return how many rows are in days that are over, and beside them."""
        before: datetime = await given.connection.fetchval(LAST_MOMENT, given.period)
        rows = 0
        for day in await given.connection.fetch(LIST_DAYS, self.parent, before):
            rows += await self._rows_of(given, day)
        rows += await given.connection.fetchval(f"SELECT count(*) FROM ({self._single(given)}) AS old", given.period)  # noqa: S608
        return Amount(rows)

    async def step(self, given: Occasion) -> Amount:
        """Drop the oldest day that is over and that nobody uses.

        Raises:
            asyncpg.LockNotAvailableError: somebody uses the table of all days, in a report or a backup, or all days
                that are over.
        """
        before: datetime = await given.connection.fetchval(LAST_MOMENT, given.period)
        rows: dict[str, int] = {}
        for day in await given.connection.fetch(LIST_DAYS, self.parent, before):
            rows[day["name"]] = await self._rows_of(given, day)
            # One statement and no transaction: what holds up the ends of jobs is over when it is.
            dropped = await given.connection.fetchval(DROP_DAY, self.parent, day["ended_at"], timeout=STATEMENT_LIMIT)
            if dropped is not None:
                return Amount(rows.get(f"jobrunner.{dropped}", 0))
        if rows:
            raise asyncpg.LockNotAvailableError(f"each day of {self.parent} that is over is in use")
        # At last, since yesterday is among them. Where no daemon runs nobody else makes them.
        await given.connection.fetchval(CREATE_PARTITIONS, DAYS_AHEAD, timeout=STATEMENT_LIMIT)
        return Amount(is_last=True)

    async def remove(self, given: Occasion, most: int) -> Amount:
        """Remove rows that go one by one."""
        found = await given.connection.fetch(
            f"{self._single(given)} LIMIT $2::integer FOR UPDATE OF t SKIP LOCKED", given.period, most
        )
        rows: dict[str, list[Any]] = {}
        for row in found:
            rows.setdefault(row["name"], []).append(row["ctid"])
        # By the place of each row in its own table: else every batch reads the whole history.
        for name, places in rows.items():
            await given.connection.execute(f"DELETE FROM {name} AS t WHERE t.ctid = ANY($1::tid[])", places)  # noqa: S608
        return Amount(len(found), is_last=not found)

    async def _rows_of(self, given: Occasion, day: Any) -> int:
        """Return how many rows go with a day; of a very large one what PostgreSQL thinks."""
        if day["estimate"] > COUNTED:
            return int(day["estimate"])
        try:
            async with given.connection.transaction():
                await given.connection.execute(WAIT_BRIEFLY)
                rows: int = await given.connection.fetchval(
                    f"SELECT count(*) FROM {day['name']}",  # noqa: S608
                    timeout=STATEMENT_LIMIT,
                )
                if self.parent == "job_log":
                    return rows
                failed = self.parent == "job_history_failed"
                kept: int = await given.connection.fetchval(
                    COUNT_KEPT_RUNS, day["ended_at"], failed, timeout=STATEMENT_LIMIT
                )
        except asyncpg.UndefinedTableError:  # a daemon, or another clean-up, has dropped it meanwhile
            return 0
        return max(rows - kept, 0)

    def _single(self, given: Occasion) -> str:
        """Select rows that are over and go one by one: all of them where they are not kept, else those of no day.

        In no order: there is no index by age (it would cost every job that ends), and to sort a history for each batch
        would take longer than the batch. None waits for a lock, so nobody can wait for another in a circle.
        """
        time = TIMES[self.parent]
        table = self.parent if given.period.startswith("0 ") else f"{self.parent}_default"
        is_kept = "t.scheduled_job_id IS NOT NULL AND jobrunner.is_kept_run(t.scheduled_job_id, t.finished_at)"
        runs = "" if self.parent == "job_log" else f" AND NOT ({is_kept})"
        return (
            f"SELECT t.tableoid::regclass::text AS name, t.ctid FROM jobrunner.{table} AS t"  # noqa: S608
            f" WHERE t.{time} < now() - $1::text::interval{runs}"
        )


def _kept_by_day(name: str, what: str, setting: str, parent: Parent) -> CleanupTarget:
    days = OldDays(parent)
    return CleanupTarget(name, what, SETTINGS[setting], days, ahead=days)


TARGETS: tuple[CleanupTarget, ...] = (
    old_rows(
        "attempts",
        "Notes of attempts that ended without finishing their job",
        SETTINGS["cleanup_failed_job_period"],
        table="jobrunner.attempt",
        time="ended_at",
        where="NOT EXISTS (SELECT FROM jobrunner.job AS j WHERE j.id = t.job_id)",
    ),
    _kept_by_day("job-log", "Log lines of jobs", "cleanup_job_log_period", "job_log"),
    _kept_by_day("jobs", "Jobs that succeeded or were cancelled", "cleanup_job_period", "job_history_done"),
    _kept_by_day("failed-jobs", "Jobs that failed", "cleanup_failed_job_period", "job_history_failed"),
)
