import asyncio
import json
import os
import signal
import sys

import pytest

from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def test_lines_with_attempt_and_level(call, stage):
    job = await stage.enqueue()
    await stage.log(job, "first")
    await stage.log(job, "second", attempt=2, level=40)
    done = await call("logs", job)
    assert (done.code, done.err) == (0, "")
    assert [line.split(" ", 2)[2] for line in done.lines] == ["[1] INFO job: first", "[2] ERROR job: second"]


async def test_an_id_is_a_number(call):
    done = await call("logs", "abc")
    assert (done.code, done.out) == (2, "")
    assert "'abc' is no job's id, which is a whole number" in done.err


async def test_as_json(call, stage):
    job = await stage.enqueue()
    assert (await call("logs", job, "--json")).json == []
    await stage.log(job, "first\nsecond", level=30)
    ((line),) = (await call("logs", job, "--json")).json
    assert (line["attempt"], line["level"], line["logger"], line["message"]) == (1, "WARNING", "job", "first\nsecond")


async def test_no_message_looks_like_another_line(call, stage):
    """H17: what a job prints over several lines is indented, so that it cannot pretend to be a record."""
    job = await stage.enqueue()
    await stage.log(job, "honest\n2026-01-01 00:00:00.000+00:00 [1] ERROR root: forged\r\x1b[1A")
    done = await call("logs", job)
    assert len(done.lines) == 2
    assert done.lines[1].startswith("    2026-01-01")
    assert "\x1b" not in done.out


@pytest.mark.parametrize(("status", "code"), [("Success", 0), ("Failed", 1), ("Cancelled", 1)])
async def test_following_ends_with_the_jobs_outcome(call, stage, status, code):
    job = await stage.run(status, error=None if status == "Success" else "ValueError: no\nmore")
    await stage.log(job, "last words")
    done = await call("logs", "-f", job)
    assert done.code == code
    assert done.lines[0].endswith("[1] INFO job: last words")
    assert done.err.startswith(f"job {job}: {status} in ")
    assert ("ValueError: no" in done.err) is (code == 1)
    assert (await call("logs", job)).code == 0  # without following, what became of it is no error


async def test_following_a_job_that_waits_says_why(call, stage, database_url):
    job = await stage.enqueue()
    following = asyncio.create_task(call("logs", "--follow", job, "--json"))
    async with asyncio.timeout(30):
        while not await stage.connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%logs'"
            " AND query LIKE '%job_log%'"
        ):
            await asyncio.sleep(0.02)
        await stage.take(job, await stage.daemon())
        await stage.log(job, "one", "two")
        await stage.finish(job)
        done = await following
    assert done.code == 0
    assert [json.loads(line)["message"] for line in done.lines] == ["one", "two"]
    assert done.err.splitlines()[0] == f"job {job} is Pending: no daemon is running: `jobrunner daemon` starts one"


async def test_following_is_left_by_ctrl_c(stage, database_url, tmp_path):
    """Each line is there at once, also through a pipe; Ctrl-C ends with 130 and leaves nothing behind."""
    job = await stage.enqueue()
    await stage.take(job, await stage.daemon())
    await stage.log(job, "now")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jobrunner", "logs", "-f", str(job)),
        env={**os.environ, "JOBRUNNER_DATABASE_URL": database_url, "PYTHONPATH": os.getcwd()},
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert b"now" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in err
