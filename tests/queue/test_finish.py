"""Storing ends: what another daemon holds or has taken over is left alone, rows are locked in id order."""

import asyncio
from typing import Any

import asyncpg
import pytest

from jobrunner.db.connection import STEADY_PLANS, Connection
from jobrunner.queue.finish import Finishes, finish_jobs
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
