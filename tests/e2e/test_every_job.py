"""Every job of EspoCRM's page, by the command that runs it and by its schedule: its effect is there."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from jobrunner.scheduling.seed import in_words
from jobrunner.services.records import add_user
from tests.cli.calling import caller
from tests.e2e.nine_jobs import ANN, NINE, Site, Work
from tests.e2e.receiver import Receiver
from tests.services.webhooks.stage import serving
from tests.support.daemons import DaemonProcess, until
from tests.support.dovecot import Dovecot

LIMIT = 60.0
"""Seconds that a busy machine may take for once."""
EVERY_SECOND = "* * * * * *"
FIRED_AND_SUCCEEDED = """
SELECT EXISTS (
    SELECT FROM jobrunner.job_history WHERE name = $1 AND scheduled_job_id IS NOT NULL AND status = 'Success'
)
"""


@pytest.fixture
async def site(
    database_url: str,
    connection: Any,
    receiver: Receiver,
    require_tool: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> AsyncIterator[Site]:
    dovecot = Dovecot.start(require_tool("dovecot", "dovecot-imapd"), trustme.CA())
    try:
        async with serving() as endpoints:
            site = Site(connection, caller(capsys), receiver, dovecot, endpoints, tmp_path)
            monkeypatch.chdir(tmp_path)
            for name, value in site.settings(database_url).items():
                monkeypatch.setenv(name, value)
            await add_user(connection, "Ann", ANN, id="ann")
            yield site
    finally:
        dovecot.stop()


async def done(site: Site) -> list[str]:
    """The jobs whose effects are there."""
    return [work.job for work in NINE if await work.is_done(site)]


async def run_job(site: Site, work: Work) -> None:
    target = [] if work.target is None else ["--target-type", work.target, "--target-id=1"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jobrunner", "run-job", work.job, *target),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=site.folder,
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert b"Success" in out


async def test_each_by_run_job(site: Site):
    """No daemon: what is there afterwards this command has done, and nothing else is there."""
    for work in NINE:
        await work.prepare(site)
    assert await done(site) == []

    for number, work in enumerate(NINE, start=1):
        await run_job(site, work)
        assert await done(site) == [one.job for one in NINE[:number]]


async def test_each_by_its_schedule_in_one_daemon(site: Site, database_url: str):
    """What wakes the jobs is taken away, so that only their schedules are left."""
    daemon = await DaemonProcess(database_url, imports="").ready()
    try:
        await site.type("settings", "set", "paused", "yes")
        for work in NINE:
            await site.type("scheduled-jobs", "edit", in_words(work.job), "--crontab", EVERY_SECOND)
        for work in NINE:
            await work.prepare(site)
        waiting = await site.connection.fetch("SELECT id FROM jobrunner.job WHERE scheduled_job_id IS NULL")
        await site.type("jobs", "cancel", *(row["id"] for row in waiting))
        assert await done(site) == []

        await site.type("settings", "reset", "paused")
        there: list[str] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(LIMIT):
                while len(there := await done(site)) < len(NINE):
                    await asyncio.sleep(0.1)
        assert there == [work.job for work in NINE], "what is missing has not run by its schedule"
        for work in NINE:
            await until(site.connection, FIRED_AND_SUCCEEDED, work.job)
        assert not await site.exists("job_history WHERE status = 'Failed'")
    finally:
        code = await asyncio.to_thread(daemon.stop)
    assert code == 0
    assert "Traceback" not in daemon.log
