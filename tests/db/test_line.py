"""A line that is kept: replaced where it was lost, patient with a database that is away, with plans of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from jobrunner.db import line as module
from jobrunner.db.line import Line
from jobrunner.db.pool import Pool
from jobrunner.errors import DatabaseUnavailable
from tests.support.proxy import Proxy

PROCESS = "SELECT pg_backend_pid()"
JOINS = "SELECT current_setting('enable_seqscan'), current_setting('enable_hashjoin')"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with Pool(database_url, size=1, acquire_limit=5) as pool:
        yield pool


async def value(line: Line, query: str) -> Any:
    ((found,),) = await line.fetch(query)
    return found


async def test_one_connection_is_kept_and_another_one_taken_where_it_was_lost(pool: Pool, connection: Any) -> None:
    line = Line(pool.connection)
    first = await value(line, PROCESS)
    assert await asyncio.gather(*(value(line, PROCESS) for _ in range(3))) == [first] * 3
    await connection.fetchval("SELECT pg_terminate_backend($1, 10_000)", first)
    assert await value(line, PROCESS) != first  # the statement found the line dead, and ran on another one
    await line.close()
    assert await value(line, PROCESS)  # it may be used again
    await line.close()


@pytest.mark.parametrize(("by_row", "hashed"), [(False, "on"), (True, "off")])
async def test_its_plans_are_its_own(pool: Pool, by_row: bool, hashed: str) -> None:
    line = Line(pool.connection, by_row=by_row)
    assert [tuple(row) for row in await line.fetch(JOINS)] == [("off", hashed)]
    await line.close()
    async with pool.connection() as next_one:
        assert tuple(await next_one.fetchrow(JOINS)) == ("on", "on")


async def test_what_is_wrong_with_the_statement_costs_no_connection(pool: Pool) -> None:
    line = Line(pool.connection)
    first = await value(line, PROCESS)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await line.fetch("SELECT 1 / 0")
    assert await value(line, PROCESS) == first
    await line.close()


async def test_a_statement_that_was_cut_off_leaves_no_line_behind(pool: Pool, connection: Any) -> None:
    line = Line(pool.connection)
    first = await value(line, PROCESS)
    sleeping = asyncio.create_task(line.fetch("SELECT pg_sleep(60)"))
    async with asyncio.timeout(10):
        while not await connection.fetchval(
            "SELECT wait_event = 'PgSleep' FROM pg_catalog.pg_stat_activity WHERE pid = $1", first
        ):
            await asyncio.sleep(0.01)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    async with pool.connection() as free:  # of one that there may be
        assert await free.fetchval("SELECT 1") == 1
    assert await value(line, PROCESS)
    await line.close()


async def test_a_line_that_cannot_be_prepared_is_given_back(pool: Pool) -> None:
    """Else each attempt would keep one more connection of the pool, until jobs find none."""
    failing = True

    class Refusing:
        def __init__(self, raw: Any) -> None:
            self._raw = raw

        def get_server_pid(self) -> int:
            return int(self._raw.get_server_pid())

        async def fetch(self, *args: Any, **options: Any) -> Any:
            return await self._raw.fetch("SELECT 1 / 0" if failing else args[0], *(() if failing else args[1:]))

    @asynccontextmanager
    async def connect() -> AsyncIterator[Any]:
        async with pool.connection() as raw:
            yield Refusing(raw)

    line = Line(connect)
    for _ in range(2):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await line.fetch(PROCESS)
    failing = False
    assert await value(line, PROCESS)
    await line.close()


async def test_a_database_that_is_away_is_asked_again_as_long_as_there_is_patience(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.1)
    async with Proxy(database_url) as proxy, Pool(proxy.url, size=1) as pool:
        attempts = 0
        third = asyncio.Event()

        @asynccontextmanager
        async def connect() -> AsyncIterator[Any]:
            nonlocal attempts
            attempts += 1
            if attempts == 3:
                third.set()
            if not back:
                raise DatabaseUnavailable("it is away")
            async with pool.connection() as raw:
                yield raw

        back = False
        hurried, patient = Line(connect, patience=0), Line(connect)
        with pytest.raises(DatabaseUnavailable):
            await hurried.fetch(PROCESS)
        assert attempts == 1
        waiting = asyncio.create_task(value(patient, PROCESS))
        async with asyncio.timeout(30):
            await third.wait()
            back = True
            first = await waiting
            (connected,) = proxy.open_lines("jobrunner job")
            connected.cut()
            assert await value(patient, PROCESS) != first
        await patient.close()
