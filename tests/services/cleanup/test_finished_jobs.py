"""Finished jobs go by whole days; what stands in no day goes row by row; what lives stays."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jobrunner.db.connection import Connection
from jobrunner.queue import finished
from jobrunner.queue.retention import DROP_DAY, Retention
from jobrunner.queue.settings import Settings
from jobrunner.scheduling.firing import fire
from jobrunner.scheduling.schedule import read_schedules
from jobrunner.services.cleanup.run import Run
from tests.queue.test_retention import make_day, there
from tests.scheduling.bench import Bench
from tests.services.cleanup.conftest import House

ADD = """
INSERT INTO jobrunner.job_history (
    id, execute_at, created_at, finished_at, status,
    priority, attempt, max_attempts, blocking, preparing, name, queue, data
)
SELECT
    n, now(), now(), now() - $3::text::interval, $2::text::jobrunner.job_status,
    0, 1, 1, false, false, 'Job', 'main', '{}'
FROM generate_series(1, $1::integer) AS n
"""


async def test_a_day_that_is_over_is_dropped_and_its_rows_are_counted(house: House):
    days = [await make_day(house.pool, "job_history_done", ago) for ago in (40, 20)]
    await house.run(ADD, 30, "Success", "40 days")
    await house.run(ADD, 3, "Success", "20 days")
    assert await house.preview("jobs") == {"jobs": 30}

    report = await house.clean("jobs")

    assert report.targets[0].rows == 30
    assert [await there(house.pool, day) for day in days] == [False, True]
    assert await house.preview("jobs") == {}


async def test_what_stands_in_no_day_goes_row_by_row(house: House):
    await house.run(ADD, 30, "Failed", "100 days")
    await house.run(ADD, 3, "Failed", "80 days")

    report = await house.clean("failed-jobs", largest=7)

    assert report.targets[0].rows == 30
    assert await house.run("SELECT count(*) FROM jobrunner.job_history") == 3


async def test_a_period_of_no_days_takes_all_that_is_finished_and_nothing_that_lives(house: House):
    await house.run(ADD, 30, "Success", "1 second")
    await house.run(ADD, 3, "Failed", "1 second")
    waiting = await house.run("SELECT jobrunner.enqueue('Waiting')")
    running = await house.run("SELECT jobrunner.enqueue('Running')")
    await house.run(
        "UPDATE jobrunner.job SET status = 'Running', claim_id = 1, started_at = now() - interval '1 year'"
        " WHERE id = $1",
        running,
    )
    await house.run("INSERT INTO jobrunner.setting (name, value) VALUES ('cleanup_job_period', '0')")

    await house.clean()

    assert await house.run("SELECT count(*) FROM jobrunner.job_history WHERE status = 'Success'") == 0
    assert await house.run("SELECT count(*) FROM jobrunner.job_history") == 3
    assert set(await house.ids("job")) == {waiting, running}


async def test_the_newest_runs_of_a_scheduled_job_stay_whatever_their_age(house: House):
    """By days, and row by row; of one that was removed nothing stays."""
    await house.set("cleanup_kept_runs", "4")
    scheduled = await house.run(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab) VALUES ('Rare', 'Job', '0 0 1 1 *') RETURNING id"
    )
    for ago in (70, 60, 50):
        day = await make_day(house.pool, "job_history_done", ago)
        await house.run(ADD, 2, "Success", f"{ago} days")
        await house.run(f"UPDATE jobrunner.{day} SET scheduled_job_id = $1", scheduled)

    assert await house.preview("jobs") == {"jobs": 2}
    assert (await house.clean("jobs")).rows == 2

    assert not await there(house.pool, day)
    ages = "SELECT array_agg(extract(days FROM now() - finished_at)::integer ORDER BY finished_at) FROM jobrunner."
    assert await house.run(f"{ages}job_history") == [60, 60, 50, 50]
    await house.set("cleanup_kept_runs", "2")
    assert (await house.clean("jobs")).rows == 2
    assert await house.run(f"{ages}job_history_done_default") == [50, 50]
    await house.run("DELETE FROM jobrunner.scheduled_job")
    assert (await house.clean("jobs")).rows == 2


async def test_a_firing_is_replayed_in_vain_when_its_job_was_cleaned_up(house: House, own: Connection, bench: Bench):
    """F27: retention 0; a late daemon that still knows the old firing fires nothing."""
    minute = (await bench.now()).replace(second=0, microsecond=0)
    await bench.define("Noop")
    id = await bench.schedule(next_fire_at=minute)
    stale = (await read_schedules(own, [id], "UTC"))[id]
    [fired] = await fire(own, [stale], minute)
    assert fired.job_id is not None
    await bench.finish(await bench.claim("Noop"))
    for setting in ("cleanup_job_period", "cleanup_kept_runs"):
        await house.set(setting, "0")
    await house.run("UPDATE jobrunner.setting SET value = '0'")

    assert (await house.clean("jobs")).rows == 1

    assert await house.run("SELECT count(*) FROM jobrunner.jobs") == 0
    [again] = await fire(own, [stale], minute)
    assert again.job_id is None
    assert await house.run("SELECT count(*) FROM jobrunner.jobs") == 0


class Watched:
    """A connection; after each of its statements somebody looks which tables it holds alone."""

    def __init__(self, connection: Any, house: House) -> None:
        self._connection = connection
        self._house = house
        self.held: list[str] = []
        self.drops: list[float] = []
        """Seconds that each try to drop a day took."""

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._connection, name)
        if name not in ("fetch", "fetchval", "execute"):
            return act

        async def watched(statement: str, *arguments: Any, **options: Any) -> Any:
            began = time.monotonic()
            try:
                return await act(statement, *arguments, **options)
            finally:
                if statement == DROP_DAY:
                    self.drops.append(time.monotonic() - began)
                rows = await self._house.pool.fetch(HELD, self._connection.get_server_pid())
                self.held += [row["name"] for row in rows]

        return watched


HELD = """
SELECT l.relation::regclass::text AS name
FROM pg_locks AS l
WHERE l.pid = $1 AND l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL
"""


@asynccontextmanager
async def watching(house: House, targets: Sequence[str]) -> AsyncIterator[tuple[Run, Watched]]:
    async with house.pool.acquire() as borrowed:
        watched = Watched(borrowed, house)

        @asynccontextmanager
        async def connect() -> AsyncIterator[Any]:
            yield watched

        yield Run(connect, house.configuration, house.targets(*targets)), watched


async def test_whoever_freezes_after_a_day_was_dropped_holds_up_no_job_that_ends(house: House):
    """Not a statement lies between the lock on the whole history and its end."""
    for ago in (41, 40):
        await make_day(house.pool, "job_history_done", ago)
    async with watching(house, ["jobs"]) as (run, watched):
        await run.clean()
    assert len(watched.drops) == 2
    assert watched.held == []


async def test_a_history_in_use_is_tried_three_times_and_holds_up_ends_of_jobs_for_a_tenth_of_a_second(house: House):
    """A report reads all of it. What stands beside the days goes all the same."""
    day = await make_day(house.pool, "job_history_done", 40)
    await house.run(ADD, 3, "Success", "45 days")
    async with house.connect() as report, report.transaction():
        await report.execute("LOCK TABLE ONLY jobrunner.job_history_done IN ACCESS SHARE MODE")
        async with watching(house, ["jobs"]) as (run, watched):
            await run.clean()
    assert len(watched.drops) == 3
    assert min(watched.drops) < 0.4
    [told] = run.report.targets
    assert (told.rows, told.note) == (3, "in use: what is left goes with the next run")
    assert await there(house.pool, day)
    await house.clean("jobs")
    assert not await there(house.pool, day)


async def test_a_day_that_somebody_has_for_himself_holds_up_no_clean_up(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finished, "WAIT_BRIEFLY", "SET LOCAL lock_timeout = '200ms'")
    day = await make_day(house.pool, "job_history_done", 40)
    async with house.connect() as rewriting, rewriting.transaction(), asyncio.timeout(20):
        await rewriting.execute(f"LOCK TABLE jobrunner.{day} IN ACCESS EXCLUSIVE MODE")
        report = await house.clean("jobs")
    assert report.targets[0].note == "in use: what is left goes with the next run"
    assert await there(house.pool, day)


async def test_where_no_daemon_runs_the_days_ahead_are_made_by_it(house: House):
    """So what a cron set-up leaves is dropped by whole days, too."""
    tomorrow = await house.run("SELECT 'job_log_' || to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYYMMDD')")
    await house.run(f"DROP TABLE jobrunner.{tomorrow}")
    await house.clean("job-log")
    assert await there(house.pool, tomorrow)


async def test_two_clean_ups_and_a_retention_at_once_beside_jobs_that_end(house: House, own: Connection):
    """F20: the same days, and rows beside them; each goes once, nobody meets a deadlock, and no end is lost."""
    days = [await make_day(house.pool, "job_history_done", ago) for ago in range(40, 52)]
    await house.run(ADD, 300, "Success", "200 days")
    over = asyncio.Event()

    async def end() -> int:
        ended = 0
        while not over.is_set():
            await house.run(ADD, 1, "Success", "0 days")
            await house.pool.fetch("SELECT FROM jobrunner.jobs AS j WHERE j.id = 1")  # locks every day to read it
            ended += 1
        return ended

    ends = [asyncio.create_task(end()) for _ in range(3)]
    try:
        async with asyncio.timeout(60):
            first, second, _ = await asyncio.gather(
                house.clean("jobs", largest=50), house.clean("jobs", largest=70), Retention(own, Settings).once()
            )
    finally:
        over.set()
    ended = sum(await asyncio.gather(*ends))

    assert first.rows + second.rows == 300
    await house.clean("jobs")
    assert not [day for day in days if await there(house.pool, day)]
    assert await house.run("SELECT count(*) FROM jobrunner.job_history") == ended > 0
    assert await house.run("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
