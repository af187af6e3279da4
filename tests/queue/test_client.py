"""The public client, on an event loop and without one."""

import asyncio
import dataclasses
import os
import re
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

import jobrunner
from jobrunner import Client, NewJob, SyncClient, Target
from jobrunner.db.embedded import EmbeddedServer
from jobrunner.db.migrations import upgrade
from jobrunner.errors import (
    Conflict,
    DatabaseUnavailable,
    InvalidInput,
    InvalidJobData,
    LimitExceeded,
    NotFound,
)
from jobrunner.queue.enqueue import PORTION

ROOT = Path(jobrunner.__file__).parents[1]


async def count(connection: Any) -> int:
    total: int = await connection.fetchval("SELECT count(*) FROM jobrunner.job")
    return total


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[Client]:
    async with Client(database_url) as client:
        yield client


async def test_enqueue_look_and_cancel(client: Client) -> None:
    job_id = await client.enqueue("SendGreeting", {"name": "Ada", "big": 2**63}, target=Target("Person", "7"), delay=60)
    job = await client.job(job_id)
    assert (job.id, job.name, job.status, job.hold) == (job_id, "SendGreeting", "Pending", "Time")
    assert (job.data, job.target_type, job.target_id) == ({"name": "Ada", "big": 2**63}, "Person", "7")
    assert await client.cancel(job_id, by="ada") == "Cancelled"
    assert (await client.job(job_id)).status == "Cancelled"
    with pytest.raises(Conflict):
        await client.cancel(job_id)
    for nobody in (job_id + 1, 0, 2**70):
        with pytest.raises(NotFound):
            await client.job(nobody)
        with pytest.raises(NotFound):
            await client.cancel(nobody)


async def test_many_are_one_whole(client: Client, connection: Any) -> None:
    """H02: a refusal in the last portion leaves nothing of the first ones, which were sent already."""
    ids = await client.enqueue_many(NewJob("Send", {"n": n}) for n in range(3 * PORTION + 1))
    assert len(ids) == 3 * PORTION + 1 == await count(connection)
    assert ids == sorted(ids)
    jobs = [NewJob("Send", {"n": n}) for n in range(3 * PORTION)]
    jobs[-1].data = {"n": float("inf")}
    with pytest.raises(InvalidJobData) as refusal:
        await client.enqueue_many(jobs)
    assert refusal.value.index == 3 * PORTION - 1
    assert await count(connection) == 3 * PORTION + 1
    keyed = [NewJob("Send", unique_key=f"k{n % 1500}") for n in range(3 * PORTION)]
    ids = await client.enqueue_many(keyed)
    assert ids[:1500] == ids[1500:]
    assert await client.enqueue_many([]) == []


async def test_on_the_callers_connection(client: Client, connection: Any, database_url: str) -> None:
    transaction = connection.transaction()
    await transaction.start()
    job_id = await client.enqueue("Send", connection=connection)
    await client.enqueue_many([NewJob("Send")] * 3, connection=connection)
    with pytest.raises(NotFound):
        await client.job(job_id)
    await transaction.commit()
    assert (await client.job(job_id)).status == "Pending"
    with psycopg.connect(database_url) as line:
        await client.enqueue("Send", connection=line)
        line.rollback()
    assert await count(connection) == 4


async def test_the_applications_pool(database_url: str, connection: Any) -> None:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
        async with Client(pool=pool) as client:
            await client.enqueue("Send")
            await client.enqueue_many([NewJob("Send")] * (PORTION + 1))
        assert await pool.fetchval("SELECT count(*) FROM jobrunner.job") == PORTION + 2, "the pool is still open"


async def test_many_tasks_share_few_connections(database_url: str, connection: Any) -> None:
    async with Client(database_url, pool_size=3) as client:
        ids = await asyncio.gather(*(client.enqueue("Send", {"n": n}) for n in range(50)))
        assert len(set(ids)) == 50
        mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'jobrunner client'"
        assert await connection.fetchval(mine + " AND datname = current_database()") <= 3


async def test_without_a_url_it_goes_where_the_daemons_go(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """To what the environment names, else the file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    async with Client() as client:
        assert await client.enqueue("Send") > 0
    monkeypatch.delenv("JOBRUNNER_DATABASE_URL")
    (tmp_path / "jobrunner.toml").write_text(f'database_url = "{database_url}"')
    async with Client() as client:
        assert await client.enqueue("Send") > 0
    with Client.sync() as blocking:
        assert await asyncio.to_thread(blocking.enqueue, "Send") > 0


async def test_without_any_url_it_uses_the_embedded_server_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says what to do where none runs; it starts none, for nobody would take the jobs."""
    with tempfile.TemporaryDirectory(prefix="jobrunner-client-") as name:
        os.chmod(name, 0o755)
        monkeypatch.chdir(name)
        folder = Path(name) / "data"
        monkeypatch.setenv("JOBRUNNER_DATA_DIR", str(folder))
        async with Client() as client:
            with pytest.raises(DatabaseUnavailable, match=r"start one \(`jobrunner daemon`\).*JOBRUNNER_DATABASE_URL"):
                await client.enqueue("Send")
            assert not folder.exists()
            server = EmbeddedServer(folder, settings={"fsync": "off"})
            await upgrade(await server.start())
            try:
                assert await client.enqueue("Send") > 0
                await client.close()
            finally:
                await server.stop()
            assert server.pid is None, "a client keeps no server running"
        async with Client() as client:
            with pytest.raises(DatabaseUnavailable, match="start one"):
                await client.enqueue("Send")


async def test_a_closed_client_says_so(database_url: str) -> None:
    client = Client(database_url)
    await client.enqueue("Send")
    await client.close()
    await client.close()
    with pytest.raises(InvalidInput, match="the client is closed"):
        await client.enqueue("Send")


# What goes wrong with the database


async def test_a_database_without_our_schema(empty_database_url: str) -> None:
    async with Client(empty_database_url) as client:
        for call in (client.enqueue("Send"), client.enqueue_many([NewJob("Send")]), client.job(1)):
            with pytest.raises(DatabaseUnavailable, match="`jobrunner migrate` brings it to this version's schema"):
                await call


async def test_no_server_there(unused_tcp_port: int) -> None:
    async with Client(f"postgresql://ada:secret@127.0.0.1:{unused_tcp_port}/jobs") as client:
        with pytest.raises(DatabaseUnavailable) as refusal:
            await client.enqueue("Send")
    assert "secret" not in str(refusal.value)
    assert str(unused_tcp_port) in str(refusal.value)


async def test_it_comes_back_after_its_connection_was_cut(client: Client, connection: Any) -> None:
    """F11 for clients: what was cut while it rested is replaced unnoticed."""
    await client.enqueue("Send")
    cut = """
        SELECT pg_terminate_backend(pid)
        FROM pg_stat_activity
        WHERE application_name = 'jobrunner client' AND datname = current_database()
    """
    (raw, _since), *_ = client._lines._source._resting  # type: ignore[union-attr]
    gone = asyncio.Event()
    raw.add_termination_listener(lambda _: gone.set())
    await connection.fetch(cut)
    async with asyncio.timeout(10):
        await gone.wait()
    await client.enqueue("Send")
    assert await count(connection) == 2


async def test_a_lock_is_waited_for_no_longer_than_the_limit(database_url: str, connection: Any) -> None:
    async with Client(database_url, limit=0.3) as client:
        await client.enqueue("Send", unique_key="k")
        async with connection.transaction():
            await connection.execute("LOCK TABLE jobrunner.job IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(LimitExceeded, match=r"within the client's limit of 0\.3 s"):
                await client.enqueue("Send")
            with pytest.raises(LimitExceeded):
                await client.enqueue_many([NewJob("Send")] * (2 * PORTION))
        assert await client.enqueue("Send") > 0, "and then it works again"


async def test_no_connection_is_free(database_url: str, connection: Any) -> None:
    async with Client(database_url, limit=0.3, pool_size=1) as client:
        await client.enqueue("Send")
        source = client._lines._source
        only = await source.take(10)
        with pytest.raises(LimitExceeded, match="no connection to the database was free"):
            await client.enqueue("Send")
        await source.give_back(only)
        await client.enqueue("Send")
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job WHERE name = 'Send'") == 2


async def test_a_server_that_never_says_a_word() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        async with Client(f"postgresql://ada@127.0.0.1:{server.getsockname()[1]}/jobs", limit=0.3) as client:
            with pytest.raises(LimitExceeded, match=r"came up within the client's limit of 0\.3 s"):
                await client.enqueue("Send")


async def test_a_cancelled_call_leaves_nothing_behind(client: Client, connection: Any) -> None:
    await client.enqueue("Send")
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("LOCK TABLE jobrunner.job IN ACCESS EXCLUSIVE MODE")
    call = asyncio.create_task(client.enqueue_many([NewJob("Send")] * (3 * PORTION)))
    async with asyncio.timeout(10):
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await transaction.rollback()
    await client.enqueue("Send")
    assert await count(connection) == 2


async def test_a_deadlock_is_repeated(client: Client, connection: Any) -> None:
    """40P01: two calls that want the same keys in opposite order both succeed."""
    keys = [f"k{n}" for n in range(200)]
    forth = [NewJob("Send", unique_key=key) for key in keys]
    for _ in range(5):
        first, second = await asyncio.gather(client.enqueue_many(forth), client.enqueue_many(forth[::-1]))
        assert first == second[::-1]
        await connection.execute("DELETE FROM jobrunner.job")


# Without an event loop


def test_the_blocking_client(database_url: str) -> None:
    with Client.sync(database_url) as client:
        job_id = client.enqueue("Send", {"a": 1}, queue="q0")
        ids = client.enqueue_many(NewJob("Send", {"n": n}) for n in range(PORTION + 5))
        assert len(ids) == PORTION + 5
        assert client.job(job_id).queue == "q0"
        assert client.cancel(job_id) == "Cancelled"
        with pytest.raises(Conflict):
            client.cancel(job_id)
        with pytest.raises(InvalidJobData, match="job 1"):
            client.enqueue_many([NewJob("Send"), NewJob("Send", {"a": {1}})])
    client.close()
    with client:
        assert client.enqueue("Send") > job_id, "it may be used again"
    assert not [thread for thread in threading.enumerate() if thread.name == "jobrunner client"]


def test_the_blocking_client_on_the_callers_connection(database_url: str) -> None:
    with SyncClient(database_url) as client, psycopg.connect(database_url) as line:
        job_id = client.enqueue("Send", connection=line)
        client.enqueue_many([NewJob("Send")] * 3, connection=line)
        with pytest.raises(NotFound):
            client.job(job_id)
        line.commit()
        assert client.job(job_id).status == "Pending"


def test_threads_share_the_blocking_client(database_url: str) -> None:
    with SyncClient(database_url) as client, ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda n: client.enqueue("Send", {"n": n}), range(80)))
    assert len(set(ids)) == 80


def test_the_blocking_client_in_a_running_loop(database_url: str) -> None:
    async def inside() -> int:
        with SyncClient(database_url) as client:
            return client.enqueue("Send")

    assert asyncio.run(inside()) > 0


def test_a_fork_has_connections_of_its_own(database_url: str) -> None:
    """A child uses the client it inherited, ends as any program does, and its parent's goes on undisturbed."""
    program = """
        import os, sys
        from jobrunner import SyncClient

        client = SyncClient(limit=5)
        first = client.enqueue("Parent")
        for use in (False, True):
            child = os.fork()
            if child == 0:
                if use:
                    assert client.enqueue("Child") > first
                    client.close()
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
            assert client.enqueue("Parent") > first
        print(client.job(first).status)
        client.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "JOBRUNNER_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "Pending\n"), done.stderr
    assert done.stderr == ""


def test_a_program_may_end_without_closing(database_url: str) -> None:
    program = "from jobrunner import SyncClient; print(SyncClient().enqueue('Send') > 0)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "JOBRUNNER_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


# The package


def test_importing_jobrunner_loads_no_database_code() -> None:
    program = """
        import sys
        import jobrunner
        heavy = {"asyncpg", "psycopg", "pydantic", "sqlalchemy", "typer", "asyncio", "jobrunner.definitions"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        from jobrunner import JobContext, NewJob, Target, job
        assert not {"asyncpg", "psycopg", "pydantic"} & set(sys.modules)
        assert set(jobrunner.__all__) <= set(dir(jobrunner))
        for name in jobrunner.__all__:
            assert getattr(jobrunner, name).__name__ == name
        assert "psycopg" not in sys.modules
        try:
            jobrunner.Klient
        except AttributeError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "module 'jobrunner' has no attribute 'Klient'\n", done.stderr


PAGE = (ROOT / "docs" / "enqueueing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_of_the_documentation_run(example: str, database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example],
        env={**os.environ, "JOBRUNNER_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_the_sql_of_the_documentation_runs(connection: Any) -> None:
    (statement,) = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert await connection.fetchval(statement) > 0


def test_the_documentation_has_every_option() -> None:
    options = [field.name for field in dataclasses.fields(NewJob) if field.name != "job"]
    assert not [option for option in options if f"`{option}`" not in PAGE.partition("## Many at once")[0]]
