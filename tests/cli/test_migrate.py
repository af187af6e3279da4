import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import asyncpg
import pytest

from jobrunner.db.migrations import revisions
from tests.cli.calling import caller


@pytest.fixture
def call(capsys, empty_database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", empty_database_url)
    return caller(capsys)


async def test_it_says_what_it_applied_and_then_that_all_is_there(call):
    assert (await call("migrate", "--check")).code == 1
    done = await call("migrate")
    assert (done.code, done.err) == (0, "")
    assert done.lines == [f"applied: {name}" for name in revisions()]
    done = await call("migrate")
    assert (done.code, done.out) == (0, "the schema is current\n")
    done = await call("migrate", "--check")
    assert (done.code, done.out) == (0, "the schema is current\n")


async def test_of_several_at_once_each_names_what_it_applied_itself(empty_database_url, tmp_path):
    environment = {
        **os.environ,
        "JOBRUNNER_DATABASE_URL": empty_database_url,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-m", "jobrunner", "migrate"]
    processes = [
        await asyncio.create_subprocess_exec(*command, env=environment, cwd=tmp_path, stdout=PIPE) for _ in range(3)
    ]
    said = [(await process.communicate())[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    lines = sorted(line for text in said for line in text.splitlines())
    assert lines == sorted([*(f"applied: {name}" for name in revisions()), *["the schema is current"] * 2])


async def test_a_check_names_what_is_missing_and_changes_nothing(call, empty_database_url):
    done = await call("migrate", "--check")
    assert done.lines == [f"to apply: {name}" for name in revisions()]
    assert (await call("migrate", "--check", "--json")).json == {"pending": revisions()}
    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetchval("SELECT to_regnamespace('jobrunner')") is None
    await connection.close()
    assert (await call("migrate", "--json")).json == {"applied": revisions()}


@pytest.mark.parametrize("options", [[], ["--check"]])
async def test_a_schema_of_a_newer_release_is_refused(call, empty_database_url, options):
    """F10: an older program leaves it alone and says so."""
    await call("migrate")
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("UPDATE jobrunner.schema_version SET version_num = '9999_future'")
    await connection.close()
    done = await call("migrate", *options)
    assert (done.code, done.out) == (1, "")
    assert "schema 9999_future" in done.err
    assert "install the newer jobrunner" in done.err


async def test_a_database_that_is_away_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", "postgresql://crm:canary-51c9@127.0.0.1:1/crm")
    done = await caller(capsys)("migrate")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: cannot use the database ")
    assert "canary" not in done.err
