"""The lines to the database: cut, half-open, mute; answers that get lost; connections that jobs hold."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from jobrunner.definitions import JobContext, Registry
from tests.support.daemons import daemon, define, ended, until
from tests.support.proxy import Line, Proxy

LISTEN = "jobrunner listen"
POLL = "INSERT INTO jobrunner.setting (name, value) VALUES ('daemon_interval', '3600')"
"""So that what starts, starts by a notification or a look, not by the poll."""


def noop_registry() -> Registry:
    registry = Registry()

    async def noop() -> None: ...

    define(registry, noop)
    return registry


async def quiet(running: Any) -> None:
    """Wait until the daemon sleeps and looks no more for overlapping transactions."""
    async with asyncio.timeout(15):
        while not (running.listener.listening and running.claimer._asleep and running.claimer._horizon is None):
            await asyncio.sleep(0.01)


async def test_the_listening_line_is_cut(database_url: str, connection: Any) -> None:
    """F12: connect, LISTEN, then look: nothing waits for a poll, whenever it is enqueued during the reconnect."""
    await connection.execute(POLL)
    async with Proxy(database_url) as proxy, daemon(proxy.url, noop_registry()) as running:
        for _ in range(5):
            await quiet(running)
            jobs: list[int] = []
            enqueued = asyncio.Event()

            async def enqueue_steadily(jobs: list[int] = jobs, enqueued: asyncio.Event = enqueued) -> None:
                while not enqueued.is_set():
                    jobs.append(await connection.fetchval("SELECT jobrunner.enqueue('noop')"))
                    await asyncio.sleep(0.005)

            enqueuing = asyncio.create_task(enqueue_steadily())
            (line,) = proxy.open_lines(LISTEN)
            line.cut()
            await line.ended.wait()
            async with asyncio.timeout(10):
                while not proxy.open_lines(LISTEN) or not running.listener.listening:
                    await asyncio.sleep(0.01)
            enqueued.set()
            await enqueuing
            await ended(connection, *jobs, limit=10)


async def test_a_silent_line_is_noticed(database_url: str, connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """F13: packets vanish, no FIN: noticed by a notification to itself; polling serves until then; status says so."""
    monkeypatch.setattr("jobrunner.queue.wake.KEEP_ALIVE", 0.5)
    monkeypatch.setattr("jobrunner.queue.wake.KEEP_ALIVE_LIMIT", 0.5)
    async with Proxy(database_url) as proxy, daemon(proxy.url, noop_registry()) as running:
        await quiet(running)
        block = True

        def swallow_new(line: Line) -> None:
            line.swallow = block and line.label == LISTEN

        proxy.on_line = swallow_new
        (line,) = proxy.open_lines(LISTEN)
        line.swallow = True
        async with asyncio.timeout(10):
            while running.listener.listening:
                await asyncio.sleep(0.01)
        assert "listener" in running.host.state()["unhealthy"]
        assert running.host.state()["listening"] is False
        job = await connection.fetchval("SELECT jobrunner.enqueue('noop')")
        await ended(connection, job, limit=10)  # by polling
        block = False
        async with asyncio.timeout(30):
            while not running.listener.listening:
                await asyncio.sleep(0.01)
        await connection.execute(POLL)
        await quiet(running)
        job = await connection.fetchval("SELECT jobrunner.enqueue('noop')")
        await ended(connection, job, limit=10)


async def test_the_answer_to_a_finish_is_lost(database_url: str, connection: Any) -> None:
    """F03: the server did commit: repeating the finish changes nothing, no second run, one row."""
    registry = Registry()
    runs = 0

    async def counted() -> None:
        nonlocal runs
        runs += 1

    define(registry, counted)
    cuts = 0

    def cut_finish(data: bytes) -> bool:
        nonlocal cuts
        if cuts < 2 and b"Success" in data:
            cuts += 1
            return True
        return False

    def arm(line: Line) -> None:
        if line.label == "jobrunner finish":
            line.after_request = cut_finish

    async with Proxy(database_url) as proxy:
        proxy.on_line = arm
        async with daemon(proxy.url, registry) as running:
            jobs = [await connection.fetchval("SELECT jobrunner.enqueue('counted')") for _ in range(10)]
            rows = await ended(connection, *jobs)
            await running.host.runner.finisher.drained()
            assert running.host.runner.finisher.fenced == 0, "what was stored already is not taken for fenced"
    assert cuts >= 1
    assert runs == 10
    assert [(row["status"], row["attempt"]) for row in rows] == [("Success", 1)] * 10
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job_history") == 10


async def test_jobs_hold_every_pooled_connection(database_url: str, connection: Any) -> None:
    """F16: heartbeat, finish and listener have lines of their own; waiting for the pool ends with a named error."""
    registry = Registry()
    release = asyncio.Event()

    async def hold(ctx: JobContext) -> None:
        async with ctx.connection():
            await release.wait()

    define(registry, hold, max_attempts=1)
    async with daemon(database_url, registry, lease=1, heartbeat_interval=0.2, pool_size=3) as running:
        running.host.pool._acquire_limit = 1.0
        jobs = [await connection.fetchval("SELECT jobrunner.enqueue('hold')") for _ in range(6)]
        failed = await until(connection, "SELECT count(*) = 3 FROM jobrunner.job_history WHERE status = 'Failed'")
        assert failed
        await asyncio.sleep(2.2)  # two leases, held
        release.set()
        rows = await ended(connection, *jobs)
        assert running.host.runner.finisher.fenced == 0
    assert sorted(row["status"] for row in rows) == ["Failed"] * 3 + ["Success"] * 3
    error = next(row["error"] for row in rows if row["error"])
    assert "no connection became free within 1 s" in error
    assert "JOBRUNNER_POOL_SIZE" in error
    assert {row["attempt"] for row in rows} == {1}


async def test_a_locked_table_stops_nothing_for_good(database_url: str, connection: Any) -> None:
    """F18: every statement has a named limit; loops log, back off and resume."""
    async with daemon(database_url, noop_registry(), statement_timeout=1) as running:
        await quiet(running)
        async with connection.transaction():
            await connection.execute("LOCK TABLE jobrunner.job IN ACCESS EXCLUSIVE MODE")
            running.claimer.look_now()
            async with asyncio.timeout(20):
                while not (running.claimer.failures and running.sweep.failures):
                    await asyncio.sleep(0.01)
            assert "within its limit of 1 s" in str(running.claimer.last_error)
            assert "claim" in str(running.claimer.last_error)
        job = await connection.fetchval("SELECT jobrunner.enqueue('noop')")
        await ended(connection, job)


async def test_a_frozen_backend_is_left_behind(database_url: str, connection: Any) -> None:
    """F18: the server's process of one line does not answer: the line is dropped and another one serves."""
    async with daemon(database_url, noop_registry(), statement_timeout=1) as running:
        await quiet(running)
        pid = await connection.fetchval(
            "SELECT pid FROM pg_stat_activity "
            "WHERE application_name = 'jobrunner claim' AND datname = current_database()"
        )
        os.kill(pid, signal.SIGSTOP)
        try:
            job = await connection.fetchval("SELECT jobrunner.enqueue('noop')")
            await ended(connection, job, limit=15)
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_a_row_is_deleted_while_its_job_runs(database_url: str, connection: Any) -> None:
    """F24: the finish hits no row: one line in the log, the daemon goes on."""
    registry = Registry()
    started, release = asyncio.Event(), asyncio.Event()

    async def held() -> None:
        started.set()
        await release.wait()

    define(registry, held)
    async with daemon(database_url, registry) as running:
        await connection.fetchval("SELECT jobrunner.enqueue('held')")
        await started.wait()
        await connection.execute("DELETE FROM jobrunner.job")
        release.set()
        await running.host.runner.finisher.drained()
        async with asyncio.timeout(10):
            while running.host.runner.held:
                await asyncio.sleep(0.01)
        assert running.host.runner.finisher.fenced == 1
        (row,) = await ended(connection, await connection.fetchval("SELECT jobrunner.enqueue('held')"))
        assert row["status"] == "Success"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the account nobody may enter."""
    with TemporaryDirectory(prefix="jobrunner-pgbouncer-") as folder:
        yield Path(folder)


async def test_pgbouncer_in_transaction_mode(
    database_url: str, connection: Any, require_tool: Any, open_folder: Path
) -> None:
    """F14: LISTEN is accepted but mute: one warning, polling, and everything else works."""
    program, tmp_path = require_tool("pgbouncer"), open_folder
    async with Proxy(database_url) as direct:
        port = direct.url.rsplit(":", 1)[1].split("/")[0]
        database = direct.url.rsplit("/", 1)[1]
        with __import__("socket").socket() as free:
            free.bind(("127.0.0.1", 0))
            own = free.getsockname()[1]
        (tmp_path / "users.txt").write_text('"jobrunner" ""\n')
        (tmp_path / "pgbouncer.ini").write_text(
            f"[databases]\n{database} = host=127.0.0.1 port={port} user=jobrunner\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {own}\nauth_type = any\n"
            f"auth_file = {tmp_path}/users.txt\npool_mode = transaction\nunix_socket_dir =\n"
            "default_pool_size = 5\n"
        )
        for path in (tmp_path, *tmp_path.iterdir()):
            path.chmod(0o755)
        options = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
        bouncer = await asyncio.create_subprocess_exec(
            program, str(tmp_path / "pgbouncer.ini"), stderr=asyncio.subprocess.DEVNULL, **options
        )
        try:
            url = f"postgresql://jobrunner@127.0.0.1:{own}/{database}"
            async with asyncio.timeout(10):
                while True:
                    try:
                        await (await asyncpg.connect(url, statement_cache_size=0)).close()
                        break
                    except OSError:
                        assert bouncer.returncode is None, "pgbouncer did not start"
                        await asyncio.sleep(0.05)
            registry = noop_registry()

            async def uses(ctx: JobContext) -> int:
                async with ctx.connection() as pooled:
                    return int(await pooled.fetchval("SELECT 41 + $1::integer", 1))

            define(registry, uses)
            async with daemon(url, registry) as running:
                jobs = [
                    await connection.fetchval("SELECT jobrunner.enqueue($1)", name)
                    for name in ["noop"] * 50 + ["uses"] * 50
                ]
                rows = await ended(connection, *jobs, limit=30)
                assert {row["status"] for row in rows} == {"Success"}
                assert running.host.pooled
                async with asyncio.timeout(15):
                    while not running.listener.failures:
                        await asyncio.sleep(0.01)
                assert not running.listener.listening
            # The commands go through it as well.
            for words in (["migrate"], ["jobs", "list"], ["settings", "list"], ["cron"], ["why", str(jobs[0])]):
                environment = {**os.environ, "JOBRUNNER_DATABASE_URL": url}
                command = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "jobrunner", *words, env=environment, stdout=PIPE, stderr=PIPE
                )
                _, said = await command.communicate()
                assert command.returncode == 0, f"{words}: {said.decode()}"
        finally:
            if bouncer.returncode is None:
                bouncer.terminate()
            await bouncer.wait()
