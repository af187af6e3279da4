"""A PostgreSQL for the whole run, a database for each test, and a look at what each test leaves behind.

The server is the one that JOBRUNNER_TEST_DATABASE_URL names, whose user may create databases, or else an embedded
one in a temporary folder. All migrations are applied once, to a template; a test's database is a copy of it, in which
a name without its schema is not found.
"""

import asyncio
import inspect
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psutil
import psycopg
import pytest

from jobrunner.db import migrations
from jobrunner.db.embedded import EmbeddedServer

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: what the tests start would inherit that, and not hear what they send.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SERVER_FOLDER = "JOBRUNNER_TEST_SERVER_FOLDER"
RUN = "JOBRUNNER_TEST_RUN"
TEMPLATE_LOCK = 5717442301842
MEMORY_NEEDED = 6 << 30
"""Bytes that must be free in memory for the databases of a run to be there."""
LEAVING_LIMIT = 5.0
"""Seconds that a task, connection or process has to be gone after its test."""

# No test needs its data after the machine went down; those that kill servers start their own.
FAST = {"fsync": "off", "full_page_writes": "off"}

numbers = count(1)


# The run as a whole: the first process names it and cleans up; with pytest-xdist the workers find it by environment.


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("JOBRUNNER_")]:
        if not name.startswith(("JOBRUNNER_TEST_", "JOBRUNNER_LONG")):
            del os.environ[name]  # the developer's own configuration is not under test
    os.environ["JOBRUNNER_DEBUG"] = "1"  # a traceback that nobody expects is to be found by the tests, not hidden
    if not hasattr(config, "workerinput"):
        os.environ[RUN] = uuid.uuid4().hex[:8]
        # Not below pytest's own folder: that is closed to the account under which root's server runs.
        os.environ[SERVER_FOLDER] = tempfile.mkdtemp(prefix="jobrunner-tests-", dir=roomy_memory())


def roomy_memory() -> Path | None:
    """Return the folder in memory, where there is one with room: measured, the tests of a table take half the time."""
    folder = Path("/dev/shm")
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return folder if usage.free >= MEMORY_NEEDED and os.access(folder, os.W_OK) else None


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or RUN not in os.environ:
        return
    if url := os.environ.get("JOBRUNNER_TEST_DATABASE_URL"):
        with psycopg.connect(url, autocommit=True) as server:
            found = server.execute("SELECT datname FROM pg_database WHERE datname ~ %s", [f"^{database_name()}"])
            for (name,) in found.fetchall():
                drop_database(server, name)
    shutil.rmtree(os.environ.pop(SERVER_FOLDER), ignore_errors=True)
    del os.environ[RUN]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: Any = yield
    item.stash.setdefault(failed_key, False)
    item.stash[failed_key] |= report.failed
    return report


failed_key = pytest.StashKey[bool]()


def apart(work: Callable[[], Any]) -> Any:
    """Run a coroutine function to its end on an event loop of its own, also where one runs already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


# Databases


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[EmbeddedServer | None]:
    """The server of this run, shared by its processes; None where another was given."""
    if "JOBRUNNER_TEST_DATABASE_URL" in os.environ:
        yield None
        return
    server = EmbeddedServer(Path(os.environ[SERVER_FOLDER]), settings=FAST)
    apart(server.start)
    yield server
    apart(server.stop)


@pytest.fixture(scope="session")
def server_url(embedded_server: EmbeddedServer | None) -> str:
    """The URL of the server's own database, from which others may be created. Nothing is to be left in it."""
    return os.environ["JOBRUNNER_TEST_DATABASE_URL"] if embedded_server is None else apart(embedded_server.start)


@pytest.fixture(scope="session")
def server(server_url: str) -> Iterator["psycopg.Connection[Any]"]:
    """A connection to the server's own database; not asyncpg's, since it outlives the event loop of each test."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(server: "psycopg.Connection[Any]", server_url: str) -> str:
    """The name of the migrated database that those of the tests are copies of; made by whoever comes first."""
    name = database_name("template")
    server.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
    try:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            server.execute(f"CREATE DATABASE {name}_new TEMPLATE template0")
            apart(lambda: migrations.upgrade(url_of(server_url, f"{name}_new")))
            server.execute(f"ALTER DATABASE {name}_new RENAME TO {name}")
    finally:
        server.execute("SELECT pg_advisory_unlock(%s)", [TEMPLATE_LOCK])
    return name


@pytest.fixture
def database_url(
    server: "psycopg.Connection[Any]", server_url: str, template: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The URL of a migrated database of this test's own, with an empty search_path."""
    yield from lend_database(server, server_url, template, request)


@pytest.fixture
def empty_database_url(
    server: "psycopg.Connection[Any]", server_url: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The URL of a database of this test's own to which no migration was applied."""
    yield from lend_database(server, server_url, "template0", request)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """An asyncpg connection to the test's database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def lend_database(
    server: "psycopg.Connection[Any]", server_url: str, template: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    name = database_name(os.environ.get("PYTEST_XDIST_WORKER", "main"), next(numbers))
    # From version 15 on through the log, not file by file: measured, 30 ms, whatever other databases do.
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        server.execute(f"ALTER DATABASE {name} SET search_path = ''")
        yield url_of(server_url, name)
        if left := wait_until_none(lambda: connections_to(server, name), request):
            pytest.fail(f"the test left connections to its database: {left}")
    finally:
        drop_database(server, name)


def database_name(*parts: object) -> str:
    return "_".join(["jobrunner_test", os.environ[RUN], *map(str, parts)])


def url_of(server_url: str, database: str) -> str:
    return urlsplit(server_url)._replace(path=f"/{database}").geturl()


def drop_database(server: "psycopg.Connection[Any]", name: str) -> None:
    server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def connections_to(server: "psycopg.Connection[Any]", database: str) -> list[str]:
    found = server.execute(
        "SELECT concat_ws(' ', pid, application_name, state, query) FROM pg_stat_activity"
        " WHERE datname = %s AND backend_type = 'client backend'",
        [database],
    )
    return [text for (text,) in found.fetchall()]


# What is left after each test; of a failed one nothing is asked.


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a task, a process or (see `lend_database`) a connection. Set up first, so judges last."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("no_task_left")
    before = set(own_processes())
    yield
    left = wait_until_none(lambda: [process for process in own_processes() if process not in before], request)
    names = [describe(process) for process in left]
    for process in left:
        process.kill()
        process.wait()
    if left:
        pytest.fail(f"the test left processes: {names}")


@pytest.fixture
async def no_task_left(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left and not has_failed(request):
        _, left = await asyncio.wait(left, timeout=1)
        if left:
            pytest.fail(f"the test left tasks: {sorted(str(task.get_coro()) for task in left)}")


def has_failed(request: pytest.FixtureRequest) -> bool:
    return bool(request.node.stash.get(failed_key, False))


def own_processes() -> list[psutil.Process]:
    """All descendants of ours but the run's server and what multiprocessing keeps for the life of a process."""
    kept = {
        getattr(multiprocessing.resource_tracker._resource_tracker, "_pid", None),
        getattr(multiprocessing.forkserver._forkserver, "_forkserver_pid", None),
    }
    found: list[psutil.Process] = []
    for pid in child_pids():
        try:
            child = psutil.Process(pid)
            if not is_server_of_run(child):
                found += [*([] if pid in kept else [child]), *child.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found


def child_pids() -> list[int]:
    """Our children, zombies too; asked of the kernel where it tells, since psutil looks at every process there is."""
    try:
        told = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    except OSError:
        told = []
    return [int(pid) for pid in " ".join(told).split()] if told else [c.pid for c in psutil.Process().children()]


def is_server_of_run(process: psutil.Process) -> bool:
    try:
        return f"{os.environ[SERVER_FOLDER]}/data" in process.cmdline()
    except psutil.ZombieProcess:
        return False


def describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {process.status()} {process.name()} {' '.join(process.cmdline())}"
    except psutil.NoSuchProcess:
        return f"{process.pid} (a zombie)"


def wait_until_none(look: Callable[[], list[Any]], request: pytest.FixtureRequest) -> list[Any]:
    """Look again and again until nothing is seen; return what still is after LEAVING_LIMIT, if the test passed."""
    deadline = time.monotonic() + LEAVING_LIMIT
    while (seen := look()) and time.monotonic() < deadline and not has_failed(request):
        time.sleep(0.01)
    return [] if has_failed(request) else seen


# Tools of the machine


@pytest.fixture
def require_tool() -> Callable[..., Path]:
    """Return the path of a program of the machine, or skip the test; where CI=true, fail it: there it must be."""

    def require(name: str, package: str | None = None) -> Path:
        for folder in (*os.get_exec_path(), "/usr/sbin", "/sbin"):
            if os.access(path := Path(folder) / name, os.X_OK):
                return path
        missing = f"{name} is not installed (`apt-get install {package or name}`)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)

    return require
