"""Storing ends: what another daemon holds or has taken over is left alone, rows are locked in id order."""

import asyncio
from typing import Any

import asyncpg
import pytest

from jobrunner.db.connection import STEADY_PLANS, Connection
from jobrunner.queue.finish import DISCARD_JOBS, Finishes, discard_jobs, finish_jobs
from tests.queue.plans import rows_touched
from tests.queue.stage import Stage
from tests.support.daemons import until


@pytest.fixture
def stage(connection: Any) -> Stage:
    return Stage(connection)


@pytest.fixture
async def finishing(database_url: str):
    """A connection as a daemon's finisher has it."""
    connection = Connection(database_url, "finish", session=STEADY_PLANS)
    yield connection
    await connection.close()


async def running(stage: Stage, count: int) -> list[tuple[int, int]]:
    """Make running jobs; return their ids and claims."""
    for _ in range(count):
        await stage.enqueue()
    await stage.claim(await stage.daemon(), limit=count)
    rows = await stage.connection.fetch("SELECT id, claim_id FROM jobrunner.job ORDER BY id")
    return [(row["id"], row["claim_id"]) for row in rows]


def successes(jobs: list[tuple[int, int]]) -> Finishes:
    finishes = Finishes()
    for job_id, claim_id in jobs:
        finishes.add(job_id, claim_id, "Success", None, None)
    return finishes


async def test_rows_are_locked_in_the_order_of_the_ids(
    stage: Stage, finishing: Connection, database_url: str, connection: Any
) -> None:
    """So it meets nobody crosswise: while it waits for a row, it holds those before it and none behind it."""
    jobs = await running(stage, 9)
    ids = [job_id for job_id, _ in jobs]
    for job_id in reversed(ids):  # in the table they lie the other way round
        await connection.execute("UPDATE jobrunner.job SET progress = 0.5 WHERE id = $1", job_id)
    await connection.execute("ANALYZE jobrunner.job")
    holder = await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM jobrunner.job WHERE id = $1 FOR UPDATE", ids[4])
            storing = asyncio.create_task(finish_jobs(finishing, successes(jobs), [jobs[0][1]], "one"))
            waiting = "SELECT count(*) = 1 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))"
            await until(connection, waiting, holder.get_server_pid())
            free = await connection.fetch("SELECT id FROM jobrunner.job ORDER BY id FOR UPDATE SKIP LOCKED")
            assert [row["id"] for row in free] == ids[5:]
        async with asyncio.timeout(10):
            assert await storing == set(ids)
    finally:
        await holder.close()
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.claim") == 0


async def test_what_runs_under_another_claim_is_left_alone(
    stage: Stage, finishing: Connection, connection: Any
) -> None:
    first, second = await running(stage, 2)
    await connection.execute("UPDATE jobrunner.job SET claim_id = claim_id + 1 WHERE id = $1", second[0])
    assert await finish_jobs(finishing, successes([first, second]), [], "one") == {first[0]}
    assert [await stage.status(job_id) for job_id, _ in (first, second)] == ["Success", "Running"]


async def test_discarding_reads_few_rows_of_a_long_history(
    stage: Stage, finishing: Connection, connection: Any
) -> None:
    """It asks for the last word on the scheduled job, by index, of one day at most."""
    schedule = await stage.schedule("Check")
    (job,) = await running(stage, 1)
    await connection.execute(
        "UPDATE jobrunner.job SET scheduled_job_id = $1, firing = created_at, first_firing = created_at", schedule
    )
    await connection.execute(
        "INSERT INTO jobrunner.job_history (id, execute_at, created_at, finished_at, priority, attempt, max_attempts,"
        " status, blocking, preparing, name, queue, scheduled_job_id, data)"
        " SELECT 1000 + n, now(), now(), now() - n * interval '1 minute', 0, 1, 3, 'Success', false, false, 'Send',"
        " 'main', $1, '{}' FROM generate_series(1, 5000) AS n",
        schedule,
    )
    await connection.execute("SET enable_seqscan = off")
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    assert await rows_touched(connection, DISCARD_JOBS, [job[0]], [job[1]]) < 20
    assert await discard_jobs(finishing, [job[0]], [job[1]]) == {job[0]}
    assert await stage.status(job[0]) is None


async def test_only_the_holder_of_the_claim_discards(stage: Stage, finishing: Connection, connection: Any) -> None:
    schedule = await stage.schedule("Check")
    first = await stage.run(name="Send")
    await connection.execute("UPDATE jobrunner.job_history SET scheduled_job_id = $2 WHERE id = $1", first, schedule)
    ((job_id, claim_id),) = await running(stage, 1)
    await connection.execute("UPDATE jobrunner.job SET scheduled_job_id = $1, firing = created_at", schedule)
    assert await discard_jobs(finishing, [job_id], [claim_id + 1]) == set()
    assert await stage.status(job_id) == "Running"
    assert await discard_jobs(finishing, [job_id], [claim_id]) == {job_id}
