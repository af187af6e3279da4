"""The documents' examples run, and what they say of the database is what it holds."""

import ast
import re
import shlex
from typing import Any

import pytest

from jobrunner.config import Configuration
from jobrunner.definitions import registry
from jobrunner.execution.runner import STOP_LIMIT
from jobrunner.queue.settings import Settings
from jobrunner.queue.wake import KEEP_ALIVE, KEEP_ALIVE_LIMIT
from tests.cli.calling import caller
from tests.docs.documents import ROOT, blocks, documents

CONCEPTS = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
SCHEDULED_JOBS = (ROOT / "docs" / "scheduled-jobs.md").read_text(encoding="utf-8")


async def test_scheduled_jobs_from_the_shell_and_from_sql(
    database_url: str, connection: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    call = caller(capsys)
    for block in blocks(SCHEDULED_JOBS):
        if block.language == "sh":
            for line in block.text.splitlines():
                done = await call(*shlex.split(line)[1:])
                assert done.code == 0, f"{line}: {done.err}"
        elif block.language == "sql":
            for statement in filter(str.strip, block.text.split(";\n")):
                await connection.execute(statement)
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.scheduled_job") == 0
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.jobs WHERE name = 'SendEmailReminders'") == 1


def test_the_default_schedules_are_listed():
    registry.load()
    defaults = {one.name: one.crontab for one in registry if one.crontab and one.module.startswith("jobrunner.")}
    listed = re.findall(r"^\| ([A-Z][\w ]+) \| `([^`]+)` \|", SCHEDULED_JOBS.split("## What is there")[1], re.MULTILINE)
    assert {name.replace(" ", ""): crontab for name, crontab in listed} == defaults


async def test_the_public_part_of_the_schema(connection: Any) -> None:
    columns = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'jobrunner.jobs'::regclass AND attnum > 0 ORDER BY attnum"
    )
    listed = CONCEPTS.split("The view has the columns ")[1].split(".\n")[0]
    assert re.findall(r"`(\w+)`", listed) == [row[0] for row in columns]
    for name, arguments in re.findall(r"^\| `jobrunner\.(\w+)\(([^)]*)\)`", CONCEPTS, re.MULTILINE):
        found = await connection.fetchval(
            "SELECT proargnames FROM pg_proc WHERE proname = $1 AND pronamespace = 'jobrunner'::regnamespace", name
        )
        said = [word.strip() for word in arguments.split(",") if word.strip() != "…"]
        assert found[: len(said)] == said, name
    for table in re.findall(r"^\| (?:table|view) `jobrunner\.(\w+)`", CONCEPTS, re.MULTILINE):
        assert await connection.fetchval("SELECT to_regclass('jobrunner.' || $1)", table), table
    for block in blocks(CONCEPTS):
        if block.language == "sql":
            await connection.execute(block.text)


async def test_the_states(connection: Any) -> None:
    states = await connection.fetch("SELECT unnest(enum_range(NULL::jobrunner.job_status))::text")
    picture = CONCEPTS.split("## The life of a job")[1].split("```")[1]
    assert all(row[0] in picture for row in states)


def test_the_numbers():
    """Where the documents name a default, it is that."""
    configuration, settings = Configuration(), Settings()
    assert (configuration.lease, configuration.sweep_interval, configuration.grace) == (30, 5, 30)
    assert (configuration.heartbeat_interval, configuration.statement_timeout, settings.daemon_interval) == (10, 30, 10)
    assert (KEEP_ALIVE, KEEP_ALIVE_LIMIT, STOP_LIMIT) == (10, 5, 5)
    assert (settings.jobs_max_portion, settings.jobs_pool_concurrency_number) == (15, 8)
    assert [settings.portion(queue) for queue in ("main", "m0", "q0", "q1", "e0", "x")] == [15, 200, 200, 500, 100, 200]
    assert (settings.concurrency("x"), settings.weight("x")) == (100, 1)
    assert (settings.cleanup_job_period, settings.cleanup_failed_job_period, settings.cleanup_job_log_period) == (
        30,
        90,
        30,
    )


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_python_is_python(document: Any):
    for block in blocks(document.read_text(encoding="utf-8")):
        if block.language == "python":
            compile(block.text, str(document), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
