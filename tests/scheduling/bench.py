"""The test's hands: it makes schedules, claims and finishes jobs as a daemon does, and says what the table holds."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobrunner.crontab import Crontab, zone
from jobrunner.db.connection import Connection
from jobrunner.db.migrations import statements
from jobrunner.queue.claim import claim_jobs, new_token
from jobrunner.queue.finish import Finishes, Requeues, advance_groups, finish_jobs, requeue_jobs

ALL_JOBS = """
SELECT
    j.id, j.name, j.status::text AS status, j.hold::text AS hold, j.attempt, j.preparing, j.scheduled_job_id,
    j.firing, j.first_firing, j.firings, j.group_name, j.target_type, j.target_id, j.data, j.created_at, j.error
FROM jobrunner.job AS j
UNION ALL
SELECT
    h.id, h.name, h.status::text, NULL, h.attempt, h.preparing, h.scheduled_job_id,
    h.firing, h.first_firing, h.firings, h.group_name, h.target_type, h.target_id, h.data, h.created_at, h.error
FROM jobrunner.job_history AS h
ORDER BY id
"""

WATCH_FIRINGS = """
CREATE TABLE public.firing_seen (
    at timestamptz, scheduled_job_id bigint, revision bigint, crontab text, fired timestamptz
);
CREATE FUNCTION public.see_firing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.firing_seen VALUES (clock_timestamp(), NEW.id, NEW.revision, NEW.crontab, NEW.last_fire_at);
    RETURN NEW;
END;
$$;
CREATE TRIGGER see_firing AFTER UPDATE OF last_fire_at ON jobrunner.scheduled_job
FOR EACH ROW EXECUTE FUNCTION public.see_firing();
"""


@dataclass(frozen=True)
class Claimed:
    id: int
    claim_id: int
    row: Any


class Bench:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def now(self) -> datetime:
        return await self.connection.fetchval("SELECT clock_timestamp()")

    async def schedule(
        self,
        crontab: str = "* * * * *",
        *,
        name: str = "Nightly",
        job: str = "Noop",
        time_zone: str | None = None,
        next_fire_at: datetime | None = None,
        last_fire_at: datetime | None = None,
        data: dict[str, Any] | None = None,
    ) -> int:
        return await self.connection.fetchval(
            "INSERT INTO jobrunner.scheduled_job (name, job, crontab, time_zone, next_fire_at, last_fire_at, data)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            name,
            job,
            crontab,
            time_zone,
            next_fire_at,
            last_fire_at,
            json.dumps(data or {}),
        )

    async def define(self, name: str, *, often: bool = False, fans_out: bool = False, **options: Any) -> None:
        await self.connection.fetch(
            "INSERT INTO jobrunner.definition"
            " (name, blocking, queue, max_attempts, often, fans_out, parameters, crontab)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            name,
            options.get("blocking", False),
            options.get("queue", "main"),
            options.get("max_attempts", 3),
            often,
            fans_out,
            json.dumps(options.get("parameters", {"type": "object"})),
            options.get("crontab"),
        )

    async def row(self, scheduled_job_id: int) -> Any:
        return await self.connection.fetchrow("SELECT * FROM jobrunner.scheduled_job WHERE id = $1", scheduled_job_id)

    async def jobs(self, scheduled_job_id: int | None = None) -> list[Any]:
        rows = await self.connection.fetch(ALL_JOBS)
        return [row for row in rows if scheduled_job_id is None or row["scheduled_job_id"] == scheduled_job_id]

    async def claim(self, *names: str, queue: str = "main", limit: int = 10_000) -> list[Claimed]:
        claim_id = new_token()
        rows = await claim_jobs(
            self.connection,
            claim_id=claim_id,
            daemon_id=1,
            lease=60,
            queue=queue,
            blocking=False,
            limit=limit,
            names=names or ("Noop",),
        )
        return [Claimed(row["id"], claim_id, row) for row in rows]

    async def finish(self, jobs: Iterable[Claimed], status: str = "Success") -> None:
        finishes = Finishes()
        groups = []
        for job in jobs:
            finishes.add(job.id, job.claim_id, status, None, None)
            groups.append(job.row["group_name"])
        if groups:
            await finish_jobs(self.connection, finishes, [], "bench")
            await advance_groups(self.connection, groups)

    async def requeue(self, job: Claimed, outcome: str, pause: float) -> None:
        requeues = Requeues()
        requeues.add(job.id, job.claim_id, outcome, "it went wrong", pause)
        assert await requeue_jobs(self.connection, requeues, [], "bench") == {job.id}

    async def watch_firings(self) -> None:
        """Have the database itself note each firing, by its own clock."""
        for statement in statements(WATCH_FIRINGS):
            await self.connection.fetch(statement)

    async def firings_seen(self) -> list[Any]:
        return await self.connection.fetch("SELECT * FROM public.firing_seen ORDER BY at")


def check_each_firing_has_its_job(jobs: Iterable[Any], crontab: str, time_zone: str = "UTC") -> dict[int, int]:
    """Fail unless the jobs of each schedule name every fire time from the first to the last, each once.

    Returns the number of firings by scheduled job.
    """
    cron, place = Crontab.parse(crontab), zone(time_zone)
    by_schedule: dict[int, list[Any]] = defaultdict(list)
    for job in jobs:
        by_schedule[job["scheduled_job_id"]].append(job)
    counts = {}
    for scheduled_job_id, own in by_schedule.items():
        own.sort(key=lambda job: job["first_firing"])
        expected = own[0]["first_firing"]
        for job in own:
            times = [job["first_firing"], *cron.matches_between(job["first_firing"], job["firing"], place)]
            assert job["first_firing"] == expected, f"firing {expected} of {scheduled_job_id} is missing or doubled"
            assert job["firings"] == len(times)
            assert times[-1] == job["firing"]
            expected = cron.next_after(job["firing"], place)
        counts[scheduled_job_id] = sum(job["firings"] for job in own)
    return counts


class Signal:
    """Counts what it is told, and lets a test wait for more."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def __call__(self, *_: Any) -> None:
        self.count += 1
        self._event.set()

    async def wait(self, limit: float = 15.0) -> None:
        """Wait for the next one; the limit is for the failing case."""
        async with asyncio.timeout(limit):
            await self._event.wait()
        self._event.clear()


SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
