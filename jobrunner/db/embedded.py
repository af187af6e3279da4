"""PostgreSQL that starts by itself in a folder, for whoever has no database yet.

Everybody who uses the folder shares one server. Two file locks say who may do what:

* `start.lock` is held alone while somebody starts or stops the server, so that nobody sees a half of either.
* `use.lock` is held by every user for as long as they use it. Whoever leaves and then gets it alone was the
  last, and stops the server. A killed user frees its lock by dying; the server it leaves behind is found and
  used by the next start, and stopped by the last to leave.

The server is reached through a socket in its folder only (no TCP port), and lets in the account that it runs
under, and root. It writes to disk as PostgreSQL does everywhere: a machine that dies loses nothing committed.
"""

import asyncio
import itertools
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import asyncpg

from jobrunner.db.binaries import find_binaries
from jobrunner.db.cluster import USER, environment, major_version, make_data, write_access_rules
from jobrunner.db.data_folder import choose_socket_folder, default_data_dir, prepare, refused
from jobrunner.db.file_lock import FileLock
from jobrunner.db.postmaster import clear_stale_files, is_postmaster, read_postmaster
from jobrunner.db.server_account import ServerAccount, choose_account
from jobrunner.db.server_log import ServerLog
from jobrunner.errors import DatabaseUnavailable, LimitExceeded

__all__ = ["EmbeddedServer", "default_data_dir", "running_url"]

DATABASE = "jobrunner"

START_LIMIT = 60.0
"""Seconds until the server must answer; long, since after a crash it first replays its log."""
STOP_LIMIT = 60.0
"""Seconds for a stop that writes everything out; then it is ended without (nothing is lost, see above)."""
LOCK_LIMIT = START_LIMIT + STOP_LIMIT
"""Seconds to wait for another process that starts or stops the server."""

# Settings that the rest of this module stands on; given on the command line, where no file can change them.
FIXED = {"listen_addresses": "", "port": "5432", "unix_socket_permissions": "0700", "logging_collector": "off"}

Result = TypeVar("Result")


def running_url(data_dir: Path) -> str | None:
    """Return the URL of the folder's server if it runs now; for whoever uses it without keeping it running."""
    data = Path(os.path.abspath(data_dir)) / "data"
    found = read_postmaster(data)
    if found is None or found.socket_folder is None or not is_postmaster(found.pid, data):
        return None
    return _url(found.socket_folder, DATABASE)


class EmbeddedServer:
    """The PostgreSQL of one data folder, shared by all processes of this machine that start it there.

    `settings` are given to PostgreSQL on its command line if it is this object that starts it;
    `start_limit` is in seconds.
    """

    def __init__(
        self, data_dir: Path, *, settings: Mapping[str, str] | None = None, start_limit: float = START_LIMIT
    ) -> None:
        self.data_dir = Path(os.path.abspath(data_dir))
        self._data = self.data_dir / "data"
        self._log = ServerLog(self.data_dir / "postgresql.log")
        self._settings = FIXED | dict(settings or {})
        self._start_limit = start_limit
        self._use: FileLock | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, whoever started it; None when it does not run."""
        found = read_postmaster(self._data)
        return found.pid if found is not None and is_postmaster(found.pid, self._data) else None

    async def start(self) -> str:
        """Return the URL of a database that answers, having started the server unless it already runs.

        Called again it makes sure that the server runs, and brings it back when it was killed.
        Raises DatabaseUnavailable, or LimitExceeded, having undone itself; only a server that is still busy
        after `start_limit` is left to finish, for the next start to find.
        """
        account = await _to_its_end(self._prepare)
        starting = FileLock(self.data_dir / "start.lock")
        await starting.exclusive(LOCK_LIMIT)
        try:
            began_here = self._use is None
            if self._use is None:
                use = FileLock(self.data_dir / "use.lock")
                await use.shared(LOCK_LIMIT)
                self._use = use
            try:
                return await self._bring_up(account)
            except BaseException as error:
                if began_here:
                    await self._leave(stop=not isinstance(error, LimitExceeded))
                raise
        finally:
            starting.release()

    async def stop(self) -> None:
        """Leave the server, and stop it if nobody else uses it. Harmless when called twice or before start.

        Raises LimitExceeded when the server would not end.
        """
        if self._use is None:
            return
        starting = FileLock(self.data_dir / "start.lock")
        try:
            await starting.exclusive(LOCK_LIMIT)
            await self._leave(stop=True)
        finally:
            self._let_go()
            starting.release()

    async def ended(self, pause: float = 1.0) -> None:
        """Return when the server is gone, whoever ended it, looking every `pause` seconds; start() brings it back."""
        while self.pid is not None:  # noqa: ASYNC110  no event tells of a process that is not our child
            await asyncio.sleep(pause)

    async def _leave(self, stop: bool) -> None:
        """Under the start lock: give back the use lock and, if asked and nobody else holds it, stop the server."""
        try:
            if stop and self._use is not None and self._use.try_exclusive():
                await self._shut_down()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        use, self._use = self._use, None
        if use is not None:
            use.release()

    # Starting

    def _prepare(self) -> ServerAccount:
        account = choose_account(self._data)
        try:
            prepare(self.data_dir, account)
        except OSError as error:
            raise refused(self.data_dir, error) from error
        return account

    async def _bring_up(self, account: ServerAccount) -> str:
        """Wait until the server answers, launching it whenever there is none."""
        self._process = None  # of a former start; how that one ended is no news
        try:
            async with asyncio.timeout(self._start_limit):
                while True:
                    found = read_postmaster(self._data)
                    if found and found.socket_folder and await self._answers(found.socket_folder):
                        return _url(found.socket_folder, DATABASE)
                    if self._process is not None and self._process.poll() is not None:
                        self._process = None
                        self._judge_failed_launch()
                        await asyncio.sleep(0.2)
                    elif self._process is None and (found is None or not is_postmaster(found.pid, self._data)):
                        await _to_its_end(lambda: self._try_launch(account))
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise LimitExceeded(
                f"PostgreSQL in {self._data} did not answer within {self._start_limit:g} s (limit of its start),"
                f" perhaps still replaying its log after a crash: see {self._log.path}, and start again"
            ) from None

    async def _answers(self, socket_folder: Path) -> bool:
        """Whether our database answers there; it is made if it is missing."""
        try:
            connection = await asyncpg.connect(_url(socket_folder, DATABASE), timeout=self._start_limit)
        except asyncpg.InvalidCatalogNameError:
            await self._create_database(socket_folder)
            return True
        except PermissionError:
            raise DatabaseUnavailable(
                f"the PostgreSQL that runs in {self._data} belongs to another account:"
                " choose a data folder of your own with JOBRUNNER_DATA_DIR"
            ) from None
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return False  # not yet, or no more
        except asyncpg.PostgresError as error:
            raise DatabaseUnavailable(
                f"the PostgreSQL in {self._data} refuses us: {error}; its log is {self._log.path}"
            ) from error
        await connection.close()
        return True

    async def _create_database(self, socket_folder: Path) -> None:
        connection = await asyncpg.connect(_url(socket_folder, "postgres"), timeout=self._start_limit)
        try:
            await connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
        finally:
            await connection.close()

    def _try_launch(self, account: ServerAccount) -> None:
        try:
            self._launch(account)
        except OSError as error:  # the disk is full, or something in the folder is another account's
            raise refused(self.data_dir, error) from error

    def _launch(self, account: ServerAccount) -> None:
        """Start a server that does not run; blocks (initdb), and does not wait until it answers."""
        binaries = find_binaries(account, self.data_dir / "binaries", major_version(self._data))
        if not (self._data / "PG_VERSION").exists():
            make_data(self._data, account, binaries.folder, sync=self._settings.get("fsync") != "off")
        write_access_rules(self._data, account)
        socket_folder = choose_socket_folder(self._data, account)
        clear_stale_files(self._data, socket_folder)
        # A comma in a path would make two folders of it without the quotes.
        settings = self._settings | {"unix_socket_directories": f'"{socket_folder}"'}
        words = [f"--{name}={value}" for name, value in settings.items()]
        with self._log.open() as log:
            self._process = subprocess.Popen(  # noqa: S603  programs that we looked for ourselves
                [binaries.folder / "postgres", "-D", self._data, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                umask=0o077,
                start_new_session=True,  # Ctrl-C at the terminal is ours to handle, not the server's
                **account.options,
            )
        # Its end is collected at once, whatever this process does meanwhile: no zombie that looks like a server.
        threading.Thread(target=self._process.wait, name="reaper of PostgreSQL", daemon=True).start()

    def _judge_failed_launch(self) -> None:
        """Return when another try may help, else raise with PostgreSQL's own reason."""
        reason = self._log.reason()
        # Somebody else's launch, or one of ours that was given up, was faster.
        found = read_postmaster(self._data)
        if "lock file" in reason and found is not None and is_postmaster(found.pid, self._data):
            return
        # Processes of a killed server are about to notice that it is gone.
        if "still in use" not in reason:
            raise DatabaseUnavailable(f"PostgreSQL in {self._data} did not start: {reason} (log: {self._log.path})")

    # Stopping

    async def _shut_down(self) -> None:
        """End the server: with everything written out, or after STOP_LIMIT as it stands."""
        pid = self.pid
        if pid is None and self._process is not None and self._process.poll() is None:
            pid = self._process.pid  # cancelled before the server wrote its pid file
        if pid is None:
            return
        for how, limit in ((signal.SIGINT, STOP_LIMIT), (signal.SIGQUIT, 10.0)):
            try:
                async with asyncio.timeout(limit):
                    for look in itertools.count():
                        if not self._lives(pid):
                            break
                        if look % 20 == 0:  # again: one that came before the server listened to signals is lost
                            os.kill(pid, how)
                        await asyncio.sleep(0.01)
            except ProcessLookupError:
                break
            except TimeoutError:
                continue
            break
        else:
            raise LimitExceeded(f"PostgreSQL in {self._data} (process {pid}) did not stop within {STOP_LIMIT:g} s")

    def _lives(self, pid: int) -> bool:
        """Whether the server's process is there. Of our own child the kernel tells, before it can be looked at too."""
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        return is_postmaster(pid, self._data)


def _url(socket_folder: Path, database: str) -> str:
    return f"postgresql://{USER}@/{database}?host={quote(str(socket_folder))}&port=5432"


async def _to_its_end(work: Callable[[], Result]) -> Result:
    """Run blocking work in a thread; a cancellation waits until it is done, so that locks outlast it."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                continue
        raise
