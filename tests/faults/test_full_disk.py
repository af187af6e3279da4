"""A server whose disk is full: by a small file system, or, without the right to mount one, by a limit on its files."""

import asyncio
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from jobrunner.db.server_account import choose_account
from jobrunner.definitions import Registry
from tests.faults.test_database import OwnServer, own_server
from tests.faults.test_lines import noop_registry
from tests.support.daemons import daemon, define, ended

__all__ = ["own_server"]

MEGABYTES = 17
"""More than a file of PostgreSQL's log, which must not be what fails: that ends the server."""


LEAVES = """
    SELECT relid::regclass::text AS name
    FROM pg_partition_tree('jobrunner.job_history')
    WHERE isleaf
"""
FILL = """
    INSERT INTO jobrunner.job_history (
        id, execute_at, created_at, finished_at, priority, attempt, max_attempts, status, blocking, preparing, name,
        queue, data
    )
    SELECT
        -1, now(), now(), now(), 0, 1, 1, 'Success', false, false, 'filler',
        'main', jsonb_build_object('x', repeat('x', $2))
    FROM generate_series(1, $1)
"""


async def until_refused(connection: Any, statement: str, *arguments: Any) -> asyncpg.PostgresError:
    """Repeat a statement until the server has no room for it; return what it says."""
    while True:
        try:
            await connection.execute(statement, *arguments)
        except asyncpg.PostgresError as error:
            return error


class SmallDisk:
    """A tablespace on a file system of its own, which holds the finished jobs and what is put beside them."""

    def __init__(self, server: OwnServer, folder: Path) -> None:
        self._server = server
        self._folder = folder / "data"

    async def fill(self, connection: Any) -> None:
        choose_account(self._server.folder / "data").own(self._folder)
        await connection.execute(f"CREATE TABLESPACE small LOCATION '{self._folder}'")
        for leaf in await connection.fetch(LEAVES):
            await connection.execute(f"ALTER TABLE {leaf['name']} SET TABLESPACE small")
        await connection.execute("CREATE TABLE public.filler (text text) TABLESPACE small")
        reason = await until_refused(
            connection, "INSERT INTO public.filler SELECT repeat('x', 1000) FROM generate_series(1, 8)"
        )
        assert isinstance(reason, asyncpg.DiskFullError)

    async def empty(self, connection: Any) -> None:
        await connection.execute("DROP TABLE public.filler")


class SmallFiles:
    """No file of the server may grow over a limit, and that of the finished jobs has reached it."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server

    async def prepare(self) -> None:
        """Start the server anew under the limit, which it has from us."""
        await self._server.down(signal.SIGINT)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTES * 2**20, limits[1]))
        try:
            await self._server.up()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    async def fill(self, connection: Any) -> None:
        await connection.execute("ALTER SYSTEM SET autovacuum = off")
        await connection.execute("SELECT pg_reload_conf()")
        for rows, letters in ((100, 1000), (1, 0)):  # at last so that no row as small as that of a job has room
            assert "File too large" in str(await until_refused(connection, FILL, rows, letters))

    async def empty(self, connection: Any) -> None:
        await connection.execute("DELETE FROM jobrunner.job_history WHERE name = 'filler'")
        await connection.execute("VACUUM jobrunner.job_history")


@pytest.fixture
def mounted() -> Iterator[Path]:
    """A folder with a file system of MEGABYTES in it."""
    with TemporaryDirectory(prefix="jobrunner-small-") as folder:
        os.chmod(folder, 0o755)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", folder], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
        try:
            (Path(folder) / "data").mkdir(mode=0o700)
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def held_registry() -> tuple[Registry, asyncio.Event, asyncio.Event, list[int]]:
    registry, begun, may_end = noop_registry(), asyncio.Event(), asyncio.Event()
    runs: list[int] = []

    async def held() -> None:
        runs.append(1)
        begun.set()
        await may_end.wait()

    define(registry, held)
    return registry, begun, may_end, runs


async def pauses_and_goes_on(server: OwnServer, short: SmallDisk | SmallFiles, caplog: Any, reason: str) -> None:
    """A job ends while its end cannot be stored."""
    registry, begun, may_end, runs = held_registry()
    connection = await asyncpg.connect(server.url)
    try:
        async with daemon(server.url, registry) as running:
            finisher = running.host.runner.finisher
            job = await connection.fetchval("SELECT jobrunner.enqueue('held')")
            async with asyncio.timeout(20):
                await begun.wait()
            await short.fill(connection)
            may_end.set()
            async with asyncio.timeout(20):
                while finisher.failures < 3:
                    await asyncio.sleep(0.01)
            assert reason in str(finisher.last_error)
            assert finisher.waiting == 1, "the end is kept"
            assert [record for record in caplog.records if reason in record.getMessage()], "and the log says why"
            assert running.failure is None
            await short.empty(connection)
            (row,) = await ended(connection, job, limit=30)
            assert (row["status"], row["attempt"], len(runs)) == ("Success", 1, 1), "repeated, not run again"
            (row,) = await ended(connection, await connection.fetchval("SELECT jobrunner.enqueue('noop')"))
            assert row["status"] == "Success"
            assert running.failure is None
    finally:
        await connection.close()


async def test_the_disk_is_full(mounted: Path, own_server: OwnServer, caplog: pytest.LogCaptureFixture) -> None:
    """F25: a pause with its reason; the end of a job is kept and repeated, and the daemon goes on unaided."""
    await pauses_and_goes_on(own_server, SmallDisk(own_server, mounted), caplog, "No space left on device")


async def test_a_file_cannot_grow(own_server: OwnServer, caplog: pytest.LogCaptureFixture) -> None:
    """F25: the same without a file system of one's own: the write fails all the same."""
    short = SmallFiles(own_server)
    await short.prepare()
    await pauses_and_goes_on(own_server, short, caplog, "File too large")
