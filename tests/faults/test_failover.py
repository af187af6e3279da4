"""Failover: a primary and a standby that streams from it change places under a daemon."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from jobrunner.db import migrations
from jobrunner.db.binaries import find_binaries
from jobrunner.db.data_folder import prepare
from jobrunner.db.embedded import EmbeddedServer
from jobrunner.db.server_account import choose_account
from tests.faults.conftest import UNSEED
from tests.faults.test_kill import IMPORTS
from tests.faults.test_lines import noop_registry
from tests.support.daemons import DaemonProcess, daemon, ended, until
from tests.support.proxy import Proxy


class Pair:
    """Two servers of one database, of which one takes writes."""

    def __init__(self, folder: Path) -> None:
        self.primary = EmbeddedServer(folder / "one", settings={"fsync": "off"})
        self.standby = EmbeddedServer(folder / "two", settings={"fsync": "off"})
        self.urls: dict[EmbeddedServer, str] = {}

    async def start(self) -> None:
        self.urls[self.primary] = await self.primary.start()
        await migrations.upgrade(self.urls[self.primary])
        await self.ask(UNSEED)
        await asyncio.to_thread(self._copy)
        self.urls[self.standby] = await self.standby.start()
        await self.in_step()

    def _copy(self) -> None:
        """Make the standby of a base backup; it streams from the primary."""
        account = choose_account(self.primary.data_dir / "data")
        programs = find_binaries(account, self.primary.data_dir / "binaries", None).folder
        prepare(self.standby.data_dir, account)
        data = self.standby.data_dir / "data"
        data.mkdir(mode=0o700)
        account.own(data)
        host = self.primary.data_dir / "data"
        done = account.run(
            programs / "pg_basebackup",
            f"--dbname=host={host} port=5432 user=jobrunner",
            f"--pgdata={data}",
            "--write-recovery-conf",
            "--checkpoint=fast",
        )
        assert done.returncode == 0, done.stderr

    async def ask(self, statement: str, server: EmbeddedServer | None = None) -> object:
        connection = await asyncpg.connect(self.urls[server or self.primary])
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    async def in_step(self) -> None:
        connection = await asyncpg.connect(self.urls[self.primary])
        try:
            await until(connection, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
        finally:
            await connection.close()

    async def fail_over(self) -> None:
        """End the primary, promote the standby, and have the former primary come back as the standby of that."""
        old, new = self.primary, self.standby
        pid = old.pid
        assert pid is not None
        os.kill(pid, signal.SIGINT)  # the standby gets all of it before the server is gone
        async with asyncio.timeout(30):
            while old.pid is not None:
                await asyncio.sleep(0.01)
        assert await self.ask("SELECT pg_promote()", new)
        data = old.data_dir / "data"
        account = choose_account(data)
        (data / "standby.signal").touch()
        account.own(data / "standby.signal")
        with (data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = 'host={new.data_dir}/data port=5432 user=jobrunner'\n")
        await old.start()
        self.primary, self.standby = new, old
        await self.in_step()

    @property
    def both(self) -> str:
        """A URL that names the two, in an order that never changes."""
        folders = ",".join(str(server.data_dir / "data") for server in self.urls)
        return f"postgresql://jobrunner@/jobrunner?host={folders}&port=5432"

    async def stop(self) -> None:
        await self.standby.stop()
        await self.primary.stop()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    with TemporaryDirectory(prefix="jobrunner-pair-") as folder:
        os.chmod(folder, 0o755)
        pair = Pair(Path(folder))
        try:
            await pair.start()
            yield pair
        finally:
            await pair.stop()
            shutil.rmtree(folder, ignore_errors=True)
            Path(folder).mkdir()


async def runs_a_job(pair: Pair) -> None:
    connection = await asyncpg.connect(pair.urls[pair.primary])
    try:
        job = await connection.fetchval("SELECT jobrunner.enqueue('noop')")
        (row,) = await ended(connection, job, limit=30)
        assert row["status"] == "Success"
    finally:
        await connection.close()


async def test_a_url_with_both_hosts_follows_the_primary_there_and_back(pair: Pair) -> None:
    """F15: the host that comes first answers as a standby; the one that takes writes is found, without a restart."""
    async with daemon(pair.both, noop_registry()) as running:
        await runs_a_job(pair)
        for _ in range(2):
            await pair.fail_over()
            await runs_a_job(pair)
        assert running.failure is None


async def test_a_name_that_leads_to_the_demoted_server_and_then_to_the_new_one(pair: Pair) -> None:
    """F15: refused writes drop the lines, also those that stand; the name is resolved again."""
    async with Proxy(pair.urls[pair.primary]) as name, daemon(name.url, noop_registry()) as running:
        await runs_a_job(pair)
        await pair.fail_over()
        async with asyncio.timeout(30):
            while not isinstance(running.sweep.last_error, asyncpg.ReadOnlySQLTransactionError):
                running.sweep.wake()
                await asyncio.sleep(0.02)
        name._host = str(pair.primary.data_dir / "data")
        await runs_a_job(pair)
        assert running.failure is None


async def test_a_daemon_that_starts_on_a_standby_waits_until_it_is_promoted(pair: Pair) -> None:
    """F15: it says why, and goes on by itself."""
    process = DaemonProcess(pair.urls[pair.standby], imports=IMPORTS)
    try:
        said = await asyncio.to_thread(process.wait_for, "trying again")
        assert "read-only" in said
        await pair.fail_over()
        await process.ready()
        connection = await asyncpg.connect(pair.urls[pair.primary])
        job = await connection.fetchval("SELECT jobrunner.enqueue('Quick')")
        (row,) = await ended(connection, job)
        await connection.close()
        assert row["status"] == "Success"
    finally:
        code = process.stop()
    assert code == 0
    assert "Traceback" not in process.log
