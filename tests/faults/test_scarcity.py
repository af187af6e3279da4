"""Connections that are cancelled at any moment, too few of them, and a server that was demoted."""

import asyncio
import os
from typing import Any

import asyncpg

from jobrunner.db.connection import Connection
from jobrunner.db.pool import Pool
from tests.faults.test_database import OwnServer, own_server
from tests.faults.test_lines import noop_registry
from tests.support.daemons import daemon, ended
from tests.support.proxy import Proxy

__all__ = ["own_server"]

LONG = os.environ.get("JOBRUNNER_LONG") == "1"
CALLS = 1000 if LONG else 300


async def test_cancellation_loses_no_connection_of_the_pool(database_url: str, connection: Any) -> None:
    """F17: cancelled while acquiring, querying or releasing, at every loop turn: none lost, none in a transaction."""
    size = 4
    async with Pool(database_url, size=size) as pool:

        async def use() -> None:
            async with pool.connection() as borrowed, borrowed.transaction():
                await borrowed.fetchval("SELECT pg_sleep(0.0005)")

        for call in range(CALLS):
            tasks = [asyncio.create_task(use()) for _ in range(6)]
            for _ in range(call % 50):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        async with asyncio.timeout(10):
            borrowed = [pool.connection() for _ in range(size)]
            connections = [await one.__aenter__() for one in borrowed]
            for one in connections:
                assert await one.fetchval("SELECT 1") == 1
                assert not one.is_in_transaction()
            for one in borrowed:
                await one.__aexit__(None, None, None)
        idle = """
            SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'jobrunner job' AND datname = current_database() AND state LIKE 'idle in%'
        """
        assert await connection.fetchval(idle) == 0


async def test_cancellation_leaves_a_connection_of_ours_usable(database_url: str) -> None:
    """F17: the same for a part's own line."""
    line = Connection(database_url, "own", limit=10)
    for call in range(CALLS):
        task = asyncio.create_task(line.fetchval("SELECT $1::integer", call))
        for _ in range(call % 20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if call % 50 == 0:
            assert await line.fetchval("SELECT $1::integer", call) == call, "no late answer of a former statement"
    await line.close()


async def test_too_many_connections(own_server: OwnServer) -> None:
    """F25: the server has no place for us: a pause with its reason; it goes on unaided when there is one."""
    connection = await asyncpg.connect(own_server.url)
    hogs: list[Any] = []
    try:
        async with daemon(own_server.url, noop_registry()) as running:
            await connection.execute("ALTER SYSTEM SET superuser_reserved_connections = 0")
            limit = int(await connection.fetchval("SHOW max_connections"))
            standing = int(await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL"))
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'jobrunner %'"
            )
            for _ in range(limit - standing + 40):
                try:
                    hogs.append(await asyncpg.connect(own_server.url, timeout=5))
                except (asyncpg.PostgresError, OSError):
                    break
            running.claimer.look_now()
            job = await connection.fetchval("SELECT jobrunner.enqueue('noop')")
            for _ in range(60):  # whatever line the daemon regains is taken from it at once
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'jobrunner %'"
                )
                try:
                    hogs.append(await asyncpg.connect(own_server.url, timeout=5))
                except (asyncpg.PostgresError, OSError):
                    pass
                if isinstance(running.claimer.last_error, asyncpg.TooManyConnectionsError):
                    break
                running.claimer.look_now()
                await asyncio.sleep(0.05)
            assert isinstance(running.claimer.last_error, asyncpg.TooManyConnectionsError)
            for hog in hogs:
                hog.terminate()
            hogs.clear()
            (row,) = await ended(connection, job, limit=30)
            assert row["status"] == "Success"
            assert running.failure is None
    finally:
        for hog in hogs:
            hog.terminate()
        await connection.close()


async def test_a_server_that_has_become_read_only(own_server: OwnServer) -> None:
    """F15: after a failover the lines lead to a demoted server: refused writes drop them, and new ones are opened."""
    connection = await asyncpg.connect(own_server.url)
    try:
        async with Proxy(own_server.url) as proxy, daemon(proxy.url, noop_registry()) as running:
            (row,) = await ended(connection, await connection.fetchval("SELECT jobrunner.enqueue('noop')"))
            assert row["status"] == "Success"
            # What a demoted server does to a client: every write is refused with 25006.
            await connection.execute("ALTER DATABASE jobrunner SET default_transaction_read_only = on")
            for line in proxy.lines:
                line.cut()
            running.claimer.look_now()
            async with asyncio.timeout(20):
                while not isinstance(running.sweep.last_error, asyncpg.ReadOnlySQLTransactionError):
                    running.sweep.wake()
                    await asyncio.sleep(0.02)
            before = len(proxy.lines)
            await connection.execute("SET default_transaction_read_only = off")
            await connection.execute("ALTER DATABASE jobrunner RESET default_transaction_read_only")
            (row,) = await ended(connection, await connection.fetchval("SELECT jobrunner.enqueue('noop')"), limit=30)
            assert row["status"] == "Success"
            assert len(proxy.lines) > before, "new lines were opened, by name, where the refused ones had been"
            assert running.failure is None
    finally:
        await connection.close()
