"""The commands beside a daemon that really runs: one job's way through failure, retry, cancel and success."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.calling import Call, caller

MODULE = """
import asyncio
from pathlib import Path

from jobrunner.definitions import job

@job("Careful", max_attempts=1)
async def careful(ctx, path: str):
    ctx.log.info("looking for %s", path)
    if not Path(path).exists():
        raise FileNotFoundError("it is not there")
    ctx.log.info("found")

@job("Patient")
async def patient(ctx):
    ctx.log.info("waiting")
    await asyncio.Event().wait()
"""
LIMIT = 60.0


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path) -> Call:
    (tmp_path / "jobs_beside_daemon.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    return caller(capsys)


@pytest.fixture
async def daemon(call, tmp_path: Path) -> AsyncIterator["asyncio.subprocess.Process"]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jobrunner", "--import", "jobs_beside_daemon", "daemon"),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(LIMIT):
            while b" is ready: " not in (line := await process.stdout.readline()):
                assert line, "the daemon ended before it was ready"
        reading = asyncio.create_task(process.stdout.read())
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(LIMIT):
        await reading
        assert await process.wait() == 0


async def test_a_job_fails_is_retried_and_succeeds(call: Call, daemon: object, tmp_path: Path):
    async with asyncio.timeout(LIMIT):
        assert (await call("status")).code == 0
        data = json.dumps({"path": str(tmp_path / "here")})
        job = (await call("jobs", "enqueue", "careful", "--data", data)).out.strip()
        done = await call("logs", "-f", job)
        assert done.code == 1
        assert "looking for" in done.lines[0]
        assert f"job {job}: Failed in " in done.err
        assert "FileNotFoundError: it is not there" in done.err
        failures = (await call("status", "--json")).json["failures"]
        assert [(one["name"], one["jobs"]) for one in failures] == [("Careful", 1)]

        (tmp_path / "here").touch()
        assert (await call("jobs", "retry", "--failed", "--name", "careful")).out == "1 job is Pending again\n"
        done = await call("logs", "-f", job)
        assert done.code == 0
        assert done.lines[-1].endswith("found")
        shown = (await call("jobs", "show", job, "--json")).json
        assert (shown["status"], [one["outcome"] for one in shown["attempts"]]) == ("Success", ["Error", "Success"])
        entry = next(one for one in (await call("app-info", "--jobs", "--json")).json if one["name"] == "Careful")
        assert (entry["last_run"]["id"], entry["last_run"]["status"]) == (int(job), "Success")


async def test_a_running_job_is_seen_and_cancelled(call: Call, daemon: object):
    async with asyncio.timeout(LIMIT):
        job = (await call("jobs", "enqueue", "Patient")).out.strip()
        while not (await call("jobs", "list", "--status", "Running", "--json")).json:
            pass
        assert "it is running on" in (await call("why", job)).out
        assert (await call("jobs", "cancel", job)).out == f"job {job} was asked to stop\n"
        done = await call("logs", "-f", job)
        assert (done.code, f"job {job}: Cancelled" in done.err) == (1, True)
        assert "waiting" in done.lines[0]
        assert (await call("jobs", "cancel", job)).code == 1
