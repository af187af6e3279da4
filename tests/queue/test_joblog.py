import asyncio

import asyncpg
import pytest

from jobrunner.db.connection import Connection
from jobrunner.errors import NotFound
from jobrunner.queue import joblog
from jobrunner.queue.joblog import follow_log, read_log
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def test_lines_come_in_the_order_in_which_they_were_written(stage):
    job, other = await stage.enqueue(), await stage.enqueue()
    await stage.log(job, "one", "two")
    await stage.log(other, "not this")
    await stage.log(job, "three", attempt=2, level=40)
    lines = [line async for line in read_log(stage.connection, job)]
    assert [(line.attempt, line.level, line.message) for line in lines] == [
        (1, 20, "one"),
        (1, 20, "two"),
        (2, 40, "three"),
    ]
    assert [line.message async for line in read_log(stage.connection, job, after=lines[0].line)] == ["two", "three"]


async def test_a_long_log_is_read_in_portions(stage, monkeypatch):
    monkeypatch.setattr(joblog, "PORTION", 7)
    job = await stage.enqueue()
    messages = [str(number) for number in range(21)]
    await stage.log(job, *messages)
    assert [line.message async for line in read_log(stage.connection, job)] == messages


async def test_no_such_job(stage):
    for read in (read_log, follow_log):
        with pytest.raises(NotFound, match="there is no job 77"):
            await anext(read(stage.connection, 77))


async def test_a_finished_job_is_not_waited_for(stage):
    job = await stage.run("Failed")
    await stage.log(job, "last words")
    async with asyncio.timeout(5):
        assert [line.message async for line in follow_log(stage.connection, job)] == ["last words"]


async def test_lines_are_followed_until_the_job_ends(stage, database_url):
    job = await stage.enqueue()
    await stage.claim(await stage.daemon())
    writer = await asyncpg.connect(database_url)
    writing = Stage(writer)
    writing.daemons = stage.daemons
    await stage.log(job, "line 1")
    seen = []
    try:
        async with asyncio.timeout(20):
            async for line in follow_log(stage.connection, job):
                seen.append(line.message)
                # Each next step is taken only when the one before was seen.
                if len(seen) < 3:
                    await writing.log(job, f"line {len(seen) + 1}")
                elif len(seen) == 3:
                    await writing.log(job, "the last")
                    await writing.finish(job)
            assert seen == ["line 1", "line 2", "line 3", "the last"]
    finally:
        await writer.close()


async def test_a_line_that_is_cut_is_repaired_while_following(stage, database_url):
    """F11: the database goes away under `logs -f`; it reads on where it was."""
    job = await stage.enqueue()
    await stage.claim(await stage.daemon())
    await stage.log(job, "before")
    connection = Connection(database_url, "follower")
    seen = []
    try:
        async with asyncio.timeout(20):
            async for line in follow_log(connection, job):
                seen.append(line.message)
                if line.message == "before":
                    cut = await stage.connection.fetchval(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                        " WHERE application_name = 'jobrunner follower' AND datname = current_database()"
                    )
                    assert cut == 1
                    await stage.log(job, "after")
                    await stage.finish(job)
    finally:
        await connection.close()
    assert seen == ["before", "after"]


async def test_a_database_that_stays_away_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(joblog, "PATIENCE", 0.2)
    monkeypatch.setattr(joblog, "FOLLOW_PAUSE", 0.05)
    connection = Connection("postgresql://nobody@127.0.0.1:1/nowhere", "follower")
    with pytest.raises(OSError, match=r"refused|failed"):
        async with asyncio.timeout(10):
            await anext(follow_log(connection, 1))
