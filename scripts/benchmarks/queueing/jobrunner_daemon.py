"""jobrunner: `jobrunner daemon` with its default settings, or with a larger portion of the main queue."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jobrunner import Client, NewJob
from scripts.benchmarks.queueing.jobrunner_jobs import noop, timed
from scripts.benchmarks.queueing.system import System, python

JOBS = "scripts.benchmarks.queueing.jobrunner_jobs"
LARGE = {"jobs_max_portion": 500, "queue_main_concurrency": 1000}


class Jobrunner(System):
    """One daemon."""

    def __init__(self, name: str, database: str, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.name = name
        self.database = database
        self._settings = dict(settings or {})
        self._client: Any = None

    @property
    def environment(self) -> Mapping[str, str]:
        return {"JOBRUNNER_DATABASE_URL": self.url, "JOBRUNNER_MIGRATE_ON_START": "false"}

    @property
    def command(self) -> Sequence[str]:
        return python("-m", "jobrunner", "daemon", "--import", JOBS)

    async def _prepare(self) -> None:
        pass  # its database is a copy of a migrated one

    async def _connect(self) -> None:
        for name, value in self._settings.items():
            await self.set(name, value)
        self._client = Client(self.url, pool_size=1)

    async def _disconnect(self) -> None:
        await self._client.close()

    async def set(self, name: str, value: Any) -> None:
        """Change a job setting; daemons take it over at once."""
        await self.admin.execute(
            "INSERT INTO jobrunner.setting (name, value, changed_by) VALUES ($1, $2::text::jsonb, 'bench')"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            json.dumps(value),
        )

    async def pretend_sleeping_daemon(self) -> None:
        """Have enqueues notify, as they do while a daemon sleeps, though none runs: other queues notify as well."""
        await self.admin.execute(
            "INSERT INTO jobrunner.daemon (id, name, host, pid, version, expires_at, asleep, definitions)"
            " VALUES (1, 'nobody', 'nowhere', 1, '0', now() + interval '1 day', true, '{}')"
        )

    async def forget_sleeping_daemon(self) -> None:
        """Remove the row again."""
        await self.admin.execute("DELETE FROM jobrunner.daemon AS d WHERE d.id = 1")

    async def enqueue(self) -> None:
        await self._client.enqueue(noop)

    async def enqueue_many(self, count: int) -> None:
        await self._client.enqueue_many(NewJob(noop) for _ in range(count))

    async def enqueue_timed(self, number: int) -> None:
        await self._client.enqueue(timed, {"number": number})

    async def span(self) -> tuple[int, int]:
        row = await self.admin.fetchrow("SELECT min(j.id), max(j.id) FROM jobrunner.job AS j WHERE j.priority = 0")
        return row[0], row[1]

    async def has_ended(self, job_id: int) -> bool:
        return not await self.admin.fetchval("SELECT EXISTS (SELECT FROM jobrunner.job AS j WHERE j.id = $1)", job_id)

    async def unfinished(self, first: int, last: int) -> int:
        count: int = await self.admin.fetchval(
            "SELECT count(*) FROM jobrunner.job AS j WHERE j.id BETWEEN $1 AND $2", first, last
        )
        return count

    async def settle(self) -> None:
        await self.admin.execute("VACUUM ANALYZE jobrunner.job")

    async def empty(self) -> None:
        await self.admin.execute("TRUNCATE jobrunner.job, jobrunner.job_history, jobrunner.claim")

    async def idle(self) -> None:
        """Wait until the daemon holds nothing any more."""
        holds_some = "SELECT EXISTS (SELECT FROM jobrunner.claim)"
        while await self.admin.fetchval(holds_some):  # noqa: ASYNC110  no event comes from another process
            await asyncio.sleep(0.01)

    async def make_quiet_copy(self) -> None:
        """Make `bench.enqueue_quietly`: jobrunner.enqueue without the look whether a daemon sleeps, and the NOTIFY."""
        source: str = await self.admin.fetchval("SELECT pg_get_functiondef('jobrunner.enqueue'::regproc)")
        lines = source.splitlines()
        kept = [line for line in lines if "jobrunner.wake(" not in line]
        assert len(kept) == len(lines) - 1, "jobrunner.enqueue wakes in one line"
        quiet = "\n".join(kept).replace("jobrunner.enqueue(", "bench.enqueue_quietly(")
        # Inside, parameters are named with the function's own name before them.
        quiet = re.sub(r"\benqueue\.", "enqueue_quietly.", quiet)
        await self.admin.execute("CREATE SCHEMA IF NOT EXISTS bench")
        await self.admin.execute(quiet)

    async def is_asleep(self) -> bool:
        """Whether the daemon sleeps, and enqueues therefore notify."""
        asleep: bool = await self.admin.fetchval("SELECT bool_or(d.asleep) FROM jobrunner.daemon AS d")
        return asleep
