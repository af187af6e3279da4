"""A whole run: a daemon drains its queue, without a clean-up, with one, and without again, in each round."""

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from jobrunner.db import migrations
from scripts.benchmarks.cleaning import judging, seeding
from scripts.benchmarks.cleaning.locks import watched
from scripts.benchmarks.cleaning.sizes import LONG, QUICK, Sizes
from scripts.benchmarks.mailing.statements import SETTINGS
from scripts.benchmarks.queueing.jobrunner_daemon import Jobrunner
from scripts.benchmarks.queueing.worker import Ear, Worker
from scripts.benchmarks.report import say
from scripts.benchmarks.samples import Samples
from scripts.benchmarks.server import machine, server

PACKAGES = ("jobrunner", "asyncpg", "uvloop")
PERIODS = {"cleanup_job_period": 30, "cleanup_failed_job_period": 90}
"""How long finished jobs are kept, in days: the defaults."""
FOR_NOW = 3650
"""Days for which they are kept until the clean-up begins."""
LIMIT = 300.0
"""Seconds that a clean-up may take here."""
ENDED = "SELECT count(*) FROM jobrunner.job_history AS h WHERE h.id > 0 AND h.status = 'Success' AND h.finished_at > $1"
RESULT = """
SELECT
    c.status::text AS status,
    c.error,
    c.result,
    extract(epoch FROM c.finished_at - c.started_at)::float8 AS seconds,
    (
        SELECT count(*)
        FROM jobrunner.job_history AS h
        WHERE h.id > 0 AND h.status = 'Success' AND h.finished_at >= c.started_at AND h.finished_at < c.finished_at
    ) AS ended
FROM jobrunner.job_history AS c
WHERE c.id = $1
"""
LONGEST = """
SELECT s.max_exec_time AS milliseconds, s.calls, s.query
FROM pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.toplevel AND s.query !~* '^\\s*vacuum' AND NOT s.queryid = ANY ($1::bigint[])
ORDER BY s.max_exec_time DESC
LIMIT 3
"""
SEEN = """
SELECT coalesce(array_agg(s.queryid), '{}')
FROM pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid
WHERE d.datname = current_database()
"""


class CleaningDaemon(Jobrunner):
    """The daemon with its default settings, and a data folder of its own."""

    def __init__(self, folder: str) -> None:
        super().__init__("jobrunner", "cleaning")
        self._folder = folder

    @property
    def environment(self) -> Mapping[str, str]:
        return {**super().environment, "JOBRUNNER_DATA_DIR": self._folder, "JOBRUNNER_HTTP__ENABLED": "false"}


class Run:
    """One run on one server."""

    def __init__(self, sizes: Sizes, system: CleaningDaemon, worker: Worker) -> None:
        self.sizes = sizes
        self.system = system
        self.worker = worker
        self.admin = system.admin
        self.samples = Samples()
        self.counts_statements = False

    async def whole(self) -> None:
        """Measure all rounds."""
        self.counts_statements = bool(
            await self.admin.fetchval(
                "SELECT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_stat_statements')"
            )
        )
        for number in range(self.sizes.rounds):
            say(f"round {number + 1}: {self.sizes.jobs:,} old jobs, {self.sizes.removed:,} removed records")
            await self.round()

    async def round(self) -> None:
        """Measure before, during and after one clean-up, all with jobs left to run."""
        for name in PERIODS:
            await self.system.set(name, FOR_NOW)  # else the daemon's retention drops the days before Cleanup does
        await self.system.set("paused", True)
        await self.system.idle()
        await seeding.seed(self.admin, self.sizes)
        await self.system.set("paused", False)
        await self.rate(1.0)  # it warms up
        if self.counts_statements:
            await self.admin.execute("SELECT pg_stat_statements_reset()")
        before = await self.rate(self.sizes.window)
        others = await self.admin.fetchval(SEEN) if self.counts_statements else []
        during, took = await self.clean(others)
        after = await self.rate(self.sizes.window)
        if not await self.admin.fetchval("SELECT EXISTS (SELECT FROM jobrunner.job AS j WHERE j.hold IS NULL)"):
            raise RuntimeError("the queue was empty before the round was over: it says nothing")
        say(f"{before:,.0f}, {during:,.0f} and {after:,.0f} jobs/s; the clean-up took {took:.1f} s")
        self.samples.add(judging.RATE, judging.WITHOUT, (before + after) / 2)
        self.samples.add(judging.RATE, judging.WITH, during)
        self.samples.add(judging.TOOK, judging.WITH, took)

    async def rate(self, seconds: float) -> float:
        """Return how many jobs end a second."""
        began, done = time.perf_counter(), await self.ended()
        await asyncio.sleep(seconds)
        return (await self.ended() - done) / (time.perf_counter() - began)

    async def ended(self) -> int:
        """Return how many have ended lately; the old ones are in other tables, which are not looked at."""
        count: int = await self.admin.fetchval(ENDED, datetime.now(UTC) - timedelta(hours=2))
        return count

    async def clean(self, others: list[int]) -> tuple[float, float]:
        """Have the daemon clean; return how many jobs ended a second meanwhile, and how long it took."""
        for name, days in PERIODS.items():
            await self.system.set(name, days)
        async with watched(self.system.url) as waits, asyncio.timeout(LIMIT):
            job = await self.admin.fetchval("SELECT jobrunner.enqueue('Cleanup', priority => -100)")
            while not await self.system.has_ended(job):  # noqa: ASYNC110  no event comes from another process
                await asyncio.sleep(0.02)
        if self.counts_statements:  # before ours, which count among them
            longest = await self.admin.fetch(LONGEST, others)
            self.samples.add(
                judging.STATEMENT, judging.WITH, max((one["milliseconds"] for one in longest), default=0.0)
            )
            for one in longest:
                query = " ".join(one["query"].split())[:300]
                say(f"{one['milliseconds']:,.0f} ms at most, {one['calls']} calls: {query}")
        row = await self.admin.fetchrow(RESULT, job)
        if row["status"] != "Success" or (rows := await seeding.left(self.admin)):
            raise RuntimeError(f"not all was cleaned: {row['status']}, {row['error']}, {rows} rows are left")
        seeding.check(json.loads(row["result"])["targets"], self.sizes)
        self.samples.add(judging.LOCK, judging.WITH, waits.longest)
        self.samples.add(judging.WAITS, judging.WITH, waits.count)
        return row["ended"] / row["seconds"], row["seconds"]


async def main(*, quick: bool, as_json: bool, database_url: str | None) -> None:
    """Run and print."""
    sizes = QUICK if quick else LONG
    further = {**SETTINGS, "pg_stat_statements.track": "top"}
    with Ear() as ear, tempfile.TemporaryDirectory(prefix="jobrunner-bench-cleanup-") as folder:
        async with server(database_url, further) as given:
            say(machine(given, PACKAGES))
            url = await given.create_database("cleaning")
            await migrations.upgrade(url)
            system = CleaningDaemon(folder)
            await system.prepare(url)
            try:
                if database_url is None:
                    await system.admin.execute("CREATE EXTENSION pg_stat_statements")
                worker = Worker(system, ear)
                try:
                    await worker.ready()
                    run = Run(sizes, system, worker)
                    await run.whole()
                except BaseException:
                    say(worker.log)
                    raise
                finally:
                    await worker.stop()
            finally:
                await system.close()
    judging.report(run.samples, sizes).print(as_json=as_json)
