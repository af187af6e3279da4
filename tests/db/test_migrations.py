"""Migrations: several at once, under a daemon at work, and how a script is read."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.db.migrations import LOCK_KEY, revisions, scripts_folder, statements, upgrade
from jobrunner.definitions import Registry
from jobrunner.errors import DatabaseUnavailable
from tests.support.daemons import daemon, define, ended, until

ROOT = Path(__file__).parents[2]
ONE_WAITS = """
    SELECT count(*) = 1
    FROM pg_locks AS l
    INNER JOIN pg_database AS d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
"""


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
async def test_several_at_once_apply_each_migration_once(empty_database_url: str, isolation: str) -> None:
    """As when many daemons start on a new database: one migrates and says so, the others wait and find all done."""
    connection = await asyncpg.connect(empty_database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    environment = {**os.environ, "JOBRUNNER_DATABASE_URL": empty_database_url, "PYTHONPATH": str(ROOT)}
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "jobrunner",
            "migrate",
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    async with asyncio.timeout(60):
        outputs = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    said = [line for out, _ in outputs for line in out.decode().splitlines()]
    assert sorted(line for line in said if line.startswith("applied: ")) == [f"applied: {name}" for name in revisions()]
    assert said.count("the schema is current") == 2, said
    rows = await connection.fetch("SELECT version_num FROM jobrunner.schema_version")
    await connection.close()
    assert [row[0] for row in rows] == [revisions()[-1]]


async def test_each_says_what_it_applied_itself(empty_database_url: str) -> None:
    """Also where another process comes in between the look at the schema and the lock."""
    connection = await asyncpg.connect(empty_database_url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)
    upgrading = [asyncio.create_task(upgrade(empty_database_url)) for _ in range(3)]
    await until(connection, ONE_WAITS)
    await transaction.rollback()
    async with asyncio.timeout(60):
        applied = await asyncio.gather(*upgrading)
    await connection.close()
    assert sorted(applied) == [[], [], revisions()]
    assert await upgrade(empty_database_url) == []


async def test_a_newer_release_that_is_faster_is_named(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)
        upgrading = asyncio.create_task(upgrade(empty_database_url))
        await until(connection, ONE_WAITS)
        await connection.execute("CREATE SCHEMA jobrunner")
        await connection.execute("CREATE TABLE jobrunner.schema_version AS SELECT '9999_of_later'::text AS version_num")
    with pytest.raises(DatabaseUnavailable, match="has schema 9999_of_later, which this jobrunner does not know"):
        await upgrading
    await connection.close()


async def test_a_table_changes_under_a_daemon_at_work(database_url: str, connection: Any) -> None:
    """F10: what a migration does to a daemon of the release before: statements are prepared anew, no job fails."""
    registry = Registry()

    async def work() -> None:
        await asyncio.sleep(0.005)

    define(registry, work, max_attempts=1)
    jobs: list[int] = []
    over = asyncio.Event()

    async def enqueue() -> None:
        while not over.is_set():
            jobs.append(await connection.fetchval("SELECT jobrunner.enqueue('work')"))

    migrating = await asyncpg.connect(database_url)
    async with daemon(database_url, registry) as running:
        enqueuing = asyncio.create_task(enqueue())
        for table in ("job", "job_history", "claim", "attempt", "daemon", "scheduled_job", "setting"):
            done = len(jobs)
            await migrating.execute(f"ALTER TABLE jobrunner.{table} ADD COLUMN of_the_next_release integer DEFAULT 7")
            async with asyncio.timeout(30):
                while len(jobs) < done + 30:
                    await asyncio.sleep(0.001)
        over.set()
        await enqueuing
        rows = await ended(connection, *jobs)
        assert running.failure is None
        assert running.host.runner.finisher.fenced == 0
    await migrating.close()
    assert len(jobs) >= 200
    assert {(row["status"], row["attempt"]) for row in rows} == {("Success", 1)}


def test_a_script_is_split_at_the_ends_of_its_statements():
    script = "-- one\nSELECT 1;\n\nCREATE FUNCTION f() AS $$\nBEGIN\n  a;\nEND;\n$$;\nSELECT\n  2;\n"
    assert list(statements(script)) == [
        "-- one\nSELECT 1;",
        "CREATE FUNCTION f() AS $$\nBEGIN\n  a;\nEND;\n$$;",
        "SELECT\n  2;",
    ]
    with pytest.raises(ValueError, match="lacks its semicolon"):
        list(statements("SELECT 1"))


def test_every_script_has_its_step():
    folder = scripts_folder() / "versions"
    assert [path.stem for path in sorted(folder.glob("*.sql"))] == [path.stem for path in sorted(folder.glob("*.py"))]
    assert revisions() == sorted(revisions())
