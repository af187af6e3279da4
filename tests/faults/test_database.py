"""A database that restarts under load, or is away when the daemon is to stop."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from jobrunner.db import migrations
from jobrunner.db.embedded import EmbeddedServer
from tests.faults.conftest import UNSEED
from tests.faults.test_kill import CREATE_RUN, IMPORTS, account
from tests.support.daemons import DaemonProcess, until

LONG = os.environ.get("JOBRUNNER_LONG") == "1"
JOBS = 10_000 if LONG else 1_500
STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class OwnServer:
    """A PostgreSQL that only this test uses, so that it may be ended and started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self._users: list[EmbeddedServer] = []

    async def up(self) -> None:
        server = EmbeddedServer(self.folder)
        self.url = await server.start()
        self._users.append(server)

    async def down(self, number: signal.Signals) -> None:
        server = self._users[-1]
        pid = server.pid
        assert pid is not None
        os.kill(pid, number)
        async with asyncio.timeout(30):
            while server.pid is not None:
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        for server in reversed(self._users):
            await server.stop()


@pytest.fixture
async def own_server() -> AsyncIterator[OwnServer]:
    with TemporaryDirectory(prefix="jobrunner-server-") as folder:
        os.chmod(folder, 0o755)
        server = OwnServer(Path(folder) / "data")
        await server.up()
        await migrations.upgrade(server.url)
        connection = await asyncpg.connect(server.url)
        await connection.execute(UNSEED)
        await connection.close()
        yield server
        await server.close()


async def test_the_database_is_restarted_under_load(own_server: OwnServer) -> None:
    """F11: five restarts in all stop modes; no daemon exits, jobs go on, every end is stored once."""
    connection = await asyncpg.connect(own_server.url)
    await connection.execute(CREATE_RUN)
    await connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('queue_main_concurrency', '20')")
    await connection.execute(
        "INSERT INTO jobrunner.job (name, max_attempts) SELECT 'Counted', 20 FROM generate_series(1, $1)", JOBS
    )
    daemons = [await DaemonProcess(own_server.url, imports=IMPORTS, name=name).ready() for name in ("one", "two")]
    try:
        for name in ("fast", "immediate", "fast", "immediate", "smart"):
            done = await connection.fetchval("SELECT count(*) FROM jobrunner.job_history")
            await until(connection, "SELECT count(*) >= $1 FROM jobrunner.job_history", min(done + JOBS // 10, JOBS))
            connection.terminate()
            if name == "smart":  # waits for its clients to leave, so they are made to
                for daemon in daemons:
                    daemon.kill()
            await own_server.down(STOPS[name])
            await own_server.up()
            connection = await asyncpg.connect(own_server.url)
            if name == "smart":
                daemons = [
                    await DaemonProcess(own_server.url, imports=IMPORTS, name=daemon.name).ready() for daemon in daemons
                ]
            assert [daemon.process.poll() for daemon in daemons] == [None, None]
        await until(connection, "SELECT count(*) = $1 FROM jobrunner.job_history", JOBS, limit=120)
        fenced = sum(daemon.log.count("after its claim was gone") for daemon in daemons)
        rows = await connection.fetch("SELECT status, count(*) FROM jobrunner.job_history GROUP BY status")
        assert [tuple(row) for row in rows] == [("Success", JOBS)]
        assert await connection.fetchval("SELECT count(DISTINCT id) FROM jobrunner.job_history") == JOBS
        assert await connection.fetchval("SELECT count(*) FROM jobrunner.job") == 0
        lost, failed = await connection.fetchrow(
            "SELECT count(*) FILTER (WHERE outcome = 'Lost'), count(*) FILTER (WHERE outcome <> 'Lost') "
            "FROM jobrunner.attempt"
        )
        runs = await connection.fetchval("SELECT count(*) FROM public.run")
        # A job whose own line was cut had written its row or not: it is an attempt that failed, with its reason.
        assert JOBS <= runs <= JOBS + lost + failed + fenced
        for daemon in daemons:
            assert "Traceback" not in daemon.log
    finally:
        await connection.close()
        codes = [daemon.stop() for daemon in daemons]
    assert codes == [0, 0]


async def test_sigterm_while_the_database_is_away(own_server: OwnServer) -> None:
    """F44: the same time to stop; leases run out by themselves."""
    connection = await asyncpg.connect(own_server.url)
    await connection.execute(CREATE_RUN)
    daemon = await DaemonProcess(own_server.url, imports=IMPORTS, grace=1).ready()
    try:
        job = await connection.fetchval("SELECT jobrunner.enqueue('Held', '{\"seconds\": 100}')")
        await until(connection, "SELECT count(*) = 1 FROM public.run")
        connection.terminate()
        await own_server.down(signal.SIGINT)
        began = time.monotonic()
        code = daemon.stop(limit=20)
        took = time.monotonic() - began
        assert code == 0
        assert took < 1 + 8, "grace, and a little for parts that do not answer"
    finally:
        if daemon.process.poll() is None:
            daemon.kill()
    await own_server.up()
    connection = await asyncpg.connect(own_server.url)
    second = await DaemonProcess(own_server.url, imports=IMPORTS, name="second").ready()
    try:
        assert await until(
            connection, "SELECT attempt = 2 FROM jobrunner.job WHERE id = $1 AND status = 'Running'", job
        ), "the lease ran out and the job runs again"
    finally:
        await connection.close()
        second.send(signal.SIGTERM)
        second.send(signal.SIGTERM)
        assert second.wait() == 0


async def test_account_is_strict(own_server: OwnServer) -> None:
    """The counting of the kill test would notice a job that ran twice without a lost lease."""
    connection = await asyncpg.connect(own_server.url)
    try:
        await connection.execute(CREATE_RUN)
        async with asyncio.timeout(30):
            daemon = await DaemonProcess(own_server.url, imports=IMPORTS).ready()
        job = await connection.fetchval("SELECT jobrunner.enqueue('Counted')")
        await until(connection, "SELECT count(*) = 1 FROM jobrunner.job_history")
        assert daemon.stop() == 0
        await account(connection, 1)
        await connection.execute("INSERT INTO public.run (job_id, attempt, pid) VALUES ($1, 1, 1)", job)
        with pytest.raises(AssertionError, match="ran more often"):
            await account(connection, 1)
    finally:
        await connection.close()
