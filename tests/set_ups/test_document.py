"""The lines that docs/set-ups.md has for nohup and cron do what it says."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jobrunner.crontab import Crontab
from tests.docs.documents import ROOT, blocks
from tests.set_ups.container import environment
from tests.support.daemons import until

DOCUMENT = list(blocks((ROOT / "docs" / "set-ups.md").read_text(encoding="utf-8")))
CRONTABS = [block.text for block in DOCUMENT if block.language == "cron"]
INSTALLED = "/opt/jobrunner/bin/jobrunner"
COMMAND = str(Path(sys.executable).parent / "jobrunner")


def lines(crontab: str) -> list[tuple[Crontab, str]]:
    """The schedules of a user's crontab with their commands, as our own reader takes them."""
    found = [line for line in crontab.splitlines() if not re.match(r"\w+=", line)]
    return [(Crontab.parse(" ".join(line.split(None, 5)[:5])), line.split(None, 5)[5]) for line in found]


def test_every_minute_and_every_15_seconds():
    delays = []
    for crontab in CRONTABS:
        found = lines(crontab)
        assert all(str(schedule) == "* * * * *" for schedule, _ in found)
        delays.append([int(match[1]) if (match := re.match(r"sleep (\d+); ", line)) else 0 for _, line in found])
        assert all("%" not in line for _, line in found), "cron would cut the line there"
    assert delays == [[0], [0, 15, 30, 45]]


async def test_a_line_as_cron_runs_it(empty_database_url: str, connection: Any, database_url: str, tmp_path: Path):
    """With cron's poor environment, on an empty database, then on one with a job: quiet both times."""
    variables = dict(re.findall(r"^(\w+)=(.*)$", CRONTABS[0], re.MULTILINE))
    ((_, line),) = lines(CRONTABS[0])
    job = await connection.fetchval("SELECT jobrunner.enqueue('Cleanup')")
    for url in (empty_database_url, database_url):
        done = subprocess.run(
            ["/bin/sh", "-c", line.replace(INSTALLED, COMMAND)],
            cwd=tmp_path,
            env={**environment(tmp_path), "PATH": "/usr/bin:/bin", **variables, "JOBRUNNER_DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "cron would mail that each minute"
    status = await connection.fetchval("SELECT status::text FROM jobrunner.jobs WHERE id = $1", job)
    assert status == "Success"


async def test_nohup_as_written(database_url: str, connection: Any, tmp_path: Path):
    """It outlives the hang-up of its terminal, and ends well when it is told to."""
    starting, stopping = (block.text for block in DOCUMENT if block.heading == "nohup" and block.language == "sh")
    shell = environment(tmp_path, JOBRUNNER_DATABASE_URL=database_url, JOBRUNNER_HTTP__ENABLED="false")
    subprocess.run(["bash", "-ec", starting], cwd=tmp_path, env=shell, check=True, timeout=30)
    pid = int((tmp_path / "jobrunner.pid").read_text())
    try:
        await until(connection, "SELECT count(*) FROM jobrunner.daemon", limit=60)
        os.kill(pid, signal.SIGHUP)
        job = await connection.fetchval("SELECT jobrunner.enqueue('Cleanup')")
        await until(connection, "SELECT 1 FROM jobrunner.jobs WHERE id = $1 AND status = 'Success'", job, limit=60)
        subprocess.run(["bash", "-ec", stopping], cwd=tmp_path, env=shell, check=True, timeout=30)
        await until(connection, "SELECT NOT EXISTS (SELECT FROM jobrunner.daemon)", limit=60)
        gone_within(pid, 30)
    finally:
        if runs(pid):
            os.kill(pid, signal.SIGKILL)
    log = (tmp_path / "jobrunner.log").read_text()
    assert "SIGTERM: stopping" in log
    assert "Traceback" not in log


def runs(pid: int) -> bool:
    try:
        return "jobrunner" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def gone_within(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while runs(pid):
        if time.monotonic() > deadline:
            pytest.fail("the daemon has not ended")
        time.sleep(0.02)
