"""`jobrunner cron` and `jobrunner run-job`, as processes of their own."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.calling import Done
from tests.queue.stage import Stage
from tests.support.daemons import until

MODULE = """
import asyncio
import time
from jobrunner import Target, job

@job("Greet")
async def greet(ctx, name: str = "world"):
    ctx.log.info("hello %s", name)
    return {"greeted": name}

@job("Count")
def count(ctx, limit: int = 3):
    for number in range(limit):
        print("number", number)
        ctx.progress((number + 1) / limit)
    return limit

@job("Boom", max_attempts=5)
async def boom():
    raise ValueError("no luck")

async def accounts(ctx):
    for name in ("a", "b"):
        yield Target("account", name)

@job("CheckAccounts", targets=accounts)
async def check_accounts(ctx):
    ctx.log.info("checking %s", ctx.target.id)

@job("Patient")
async def patient(ctx):
    ctx.log.info("waiting")
    await asyncio.sleep(1000)

@job("Threaded", max_attempts=1)
async def threaded():
    await asyncio.to_thread(time.sleep, 1000)

@job("Overdue", max_attempts=1, deadline=0.2)
async def overdue():
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 1000)

@job("Step", queue="steps")
async def step(ctx):
    pass
"""
Call = Callable[..., Awaitable[Done]]


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO jobrunner.seeded_scheduled_job (job) VALUES ('SendEmailReminders')")
    (tmp_path / "jobs_to_run.py").write_text(MODULE)
    return {
        **os.environ,
        "JOBRUNNER_DATABASE_URL": database_url,
        "JOBRUNNER_IMPORT": "jobs_to_run",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]),
    }


@pytest.fixture
def call(environment: dict[str, str]) -> Call:
    async def run(*words: str) -> Done:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jobrunner", *words, env=environment, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    return run


async def test_run_job_shows_log_and_outcome(call: Call, connection: Any) -> None:
    done = await call("run-job", "greet", "--data", '{"name": "Ada"}')
    assert done.code == 0
    assert "hello Ada" in done.err
    assert "Success" in done.out
    row = await connection.fetchrow("SELECT status::text, attempt, result FROM jobrunner.job_history")
    assert (row["status"], row["attempt"], json.loads(row["result"])) == ("Success", 1, {"greeted": "Ada"})
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.daemon") == 0
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.claim") == 0


async def test_run_job_runs_blocking_jobs_in_a_process(call: Call) -> None:
    done = await call("run-job", "Count", "--json")
    assert done.code == 0
    assert "number 2" in done.err
    assert [one["status"] for one in done.json] == ["Success"]


async def test_run_job_fails_with_one_and_is_not_tried_again(call: Call, connection: Any) -> None:
    done = await call("run-job", "Boom")
    assert done.code == 1
    assert "Error: ValueError: no luck" in done.err
    assert await connection.fetchval("SELECT status::text FROM jobrunner.jobs") == "Failed"


async def test_run_job_without_a_target_takes_all_that_the_preparator_yields(call: Call) -> None:
    done = await call("run-job", "check-accounts")
    assert done.code == 0
    assert "checking a" in done.err
    assert "checking b" in done.err
    one = await call("run-job", "CheckAccounts", "--target-id=b")
    assert one.code == 0
    assert "checking a" not in one.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["Gret"], "no job is named 'Gret'; did you mean Greet?"),
        (["CheckAccounts", "--target-id", "z"], "no target 'z'; there are: a, b"),
        (["Greet", "--data", '{"nam": 1}'], "'nam' is no parameter of it; did you mean name?"),
        (["Greet", "--data", "{"], "JSON"),
        (["Greet", "--data", "[1]"], "object"),
    ],
)
async def test_run_job_refuses_before_a_row_is_written(
    call: Call, connection: Any, words: list[str], sentence: str
) -> None:
    done = await call("run-job", *words)
    assert done.code == 2
    assert sentence in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.jobs") == 0


async def test_run_job_says_which_daemon_knows_what_this_process_does_not(call: Call, connection: Any) -> None:
    stage = Stage(connection)
    await stage.publish("SendInvoice")
    done = await call("run-job", "send-invoice")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: SendInvoice is known to a daemon that no longer runs, but not to this process")
    for name in ("one", "two"):
        await stage.daemon(name, definitions=["SendInvoice"])
    done = await call("run-job", "SendInvoice")
    assert done.code == 2
    assert done.err == (
        "Error: SendInvoice is known to the daemons one and two, but not to this process, in which it would run: give "
        "the module that defines it with --import MODULE\n"
    )
    assert "did you mean SendInvoice?" in (await call("run-job", "SendInvoce")).err
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.jobs") == 0


async def test_run_job_without_a_database_of_ours_names_what_it_knows(call: Call, empty_database_url: str) -> None:
    done = await call("run-job", "Gret", "--database-url", empty_database_url)
    assert (done.code, done.err) == (2, "Error: no job is named 'Gret'; did you mean Greet?\n")


@pytest.mark.parametrize("command", [("run-job", "Greet"), ("cron",)], ids=" ".join)
async def test_tables_that_are_not_there_are_one_sentence(
    call: Call, environment: dict[str, str], empty_database_url: str, command: tuple[str, ...]
) -> None:
    environment |= {"JOBRUNNER_DATABASE_URL": empty_database_url, "JOBRUNNER_MIGRATE_ON_START": "false"}
    done = await call(*command)
    assert done.code == 1
    assert done.err.startswith("Error: cannot use the database ")
    assert "`jobrunner migrate` brings it to this version's schema" in done.err
    assert "Traceback" not in done.err


async def test_run_job_does_not_overlap_unless_forced(call: Call, connection: Any, environment: dict[str, str]) -> None:
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jobrunner", "run-job", "Patient", env=environment, stdout=PIPE, stderr=PIPE
    )
    try:
        await until(connection, "SELECT count(*) = 1 FROM jobrunner.job WHERE status = 'Running'")
        second = await call("run-job", "Patient")
        assert second.code == 1
        assert "is running already" in second.err
        assert "--force" in second.err
    finally:
        first.send_signal(signal.SIGINT)
        _, said = await first.communicate()
    assert first.returncode == 130, said.decode()
    assert b"Traceback" not in said
    assert await connection.fetchval("SELECT status::text FROM jobrunner.jobs") == "Cancelled"


async def test_a_killed_run_job_ends_as_failed(connection: Any, environment: dict[str, str], call: Call) -> None:
    """F01: a job that runs in a terminal is not left Running either."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jobrunner", "run-job", "Patient"),
        env={**environment, "JOBRUNNER_LEASE": "1"},
        stdout=PIPE,
        stderr=PIPE,
    )
    await until(connection, "SELECT count(*) = 1 FROM jobrunner.job WHERE status = 'Running'")
    process.kill()
    await process.communicate()
    await until(connection, "SELECT expires_at < clock_timestamp() FROM jobrunner.claim")
    assert (await call("cron")).code == 0
    row = await connection.fetchrow("SELECT status::text, error FROM jobrunner.jobs")
    assert row["status"] == "Failed"
    assert "lease" in row["error"]


async def test_a_pass_takes_each_queues_portion_and_no_more(call: Call, connection: Any) -> None:
    await connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('jobs_max_portion', '4')")
    await connection.execute("SELECT jobrunner.enqueue('Greet') FROM generate_series(1, 10)")
    await connection.execute("SELECT jobrunner.enqueue('Step', queue => 'steps') FROM generate_series(1, 3)")
    done = await call("cron", "--json")
    assert done.code == 0
    assert done.json["ran"] == 4 + 3
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job") == 6
    for _ in range(2):
        assert (await call("cron")).code == 0
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job") == 0


async def test_a_pass_fires_what_is_due_and_runs_a_group_in_order(call: Call, connection: Any) -> None:
    await connection.execute(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab, next_fire_at) "
        "VALUES ('greet', 'Greet', '0 0 1 1 *', now() - interval '1 minute')"
    )
    for _ in range(3):
        await connection.execute("SELECT jobrunner.enqueue('Count', '{\"limit\": 1}', group_name => 'g')")
    done = await call("cron", "--json")
    assert (done.code, done.json["ran"]) == (0, done.json["fired"] + 3)
    rows = await connection.fetch(
        "SELECT started_at, finished_at FROM jobrunner.job_history WHERE name = 'Count' ORDER BY id"
    )
    assert all(before["finished_at"] <= after["started_at"] for before, after in pairwise(rows))


async def test_two_passes_at_once_run_each_job_once(call: Call, connection: Any) -> None:
    await connection.execute("SELECT jobrunner.enqueue('Greet') FROM generate_series(1, 15)")
    first, second = await asyncio.gather(call("cron", "--json"), call("cron", "--json"))
    assert (first.code, second.code) == (0, 0)
    assert first.json["ran"] + second.json["ran"] == 15
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job_history WHERE status = 'Success'") == 15


async def test_a_paused_pass_runs_nothing_and_says_so(call: Call, connection: Any) -> None:
    await connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('paused', 'true')")
    await connection.execute("SELECT jobrunner.enqueue('Greet')")
    done = await call("cron")
    assert done.code == 0
    assert "paused" in done.err
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job") == 1


async def test_with_log_level_warning_a_pass_is_silent_but_for_what_goes_wrong(
    call: Call, connection: Any, environment: dict[str, str]
) -> None:
    """As the page on cron advises: cron mails what a command says."""
    environment["JOBRUNNER_LOG_LEVEL"] = "warning"
    await connection.execute("SELECT jobrunner.enqueue('Greet')")
    done = await call("cron")
    assert (done.code, done.err) == (0, "")
    boom, strange = [
        await connection.fetchval(f"SELECT jobrunner.enqueue({words})")
        for words in ("'Boom', max_attempts => 1", "'Greet', '{\"nam\": 1}'")
    ]
    done = await call("cron")
    assert done.code == 0
    first, second = sorted(line.partition(" WARNING ")[2] for line in done.err.splitlines())
    assert first == f"job {boom} (Boom), attempt 1 failed, no attempt is left: ValueError: no luck"
    assert second.startswith(f"job {strange} (Greet), attempt 1 failed and is not tried again: Greet: 'nam' is no")


async def test_a_thread_that_cannot_be_stopped_does_not_keep_a_pass(call: Call, connection: Any) -> None:
    job = await connection.fetchval("SELECT jobrunner.enqueue('Overdue', max_attempts => 1)")
    async with asyncio.timeout(60):
        done = await call("cron", "--json")
    assert (done.code, done.json["ran"]) == (0, 1)
    assert f"'job {job} (Overdue), attempt 1' still runs: the process ends without it" in done.err
    assert await connection.fetchval("SELECT status::text FROM jobrunner.jobs") == "Failed"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_nor_run_job_that_is_interrupted(
    connection: Any, environment: dict[str, str], number: signal.Signals, code: int
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jobrunner", "run-job", "Threaded", env=environment, stdout=PIPE, stderr=PIPE
    )
    await until(connection, "SELECT count(*) = 1 FROM jobrunner.job WHERE status = 'Running'")
    process.send_signal(number)
    try:
        async with asyncio.timeout(60):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == code
    assert b"(Threaded), attempt 1' still runs" in said
    assert b"Traceback" not in said
    assert await connection.fetchval("SELECT status::text FROM jobrunner.jobs") == "Cancelled"
