"""jobrunner as it is started: a daemon with a database and a folder of its own, and accounts in it."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from jobrunner.db.secrets import Keyring
from jobrunner.db.secrets.key import Key
from jobrunner.queue.settings import set_setting
from jobrunner.services.mailbox.accounts.loading import TABLES, place_of
from jobrunner.services.mailbox.fetching import wake_fetch
from scripts.benchmarks import cpu
from tests.support.dovecot import PASSWORD

ROOT = Path(__file__).parents[3]
START_LIMIT = 30.0
STOP_LIMIT = 20.0
OWNER = "ann"
ADD_OWNER = """
INSERT INTO jobrunner.app_user (id, name, email) VALUES ($1, 'Ann', 'ann@example.org') ON CONFLICT DO NOTHING
"""
ACCOUNT = """
INSERT INTO jobrunner.email_account AS a (
    assigned_user_id, name, email_address, host, port, security, username, fetch_since, keep_fetched_emails_unread, idle
)
VALUES ($1, $2, $3, '127.0.0.1', $4, 'none', $2, $5, true, $6)
RETURNING a.id
"""


class Daemon:
    """`jobrunner daemon` as a process, with its default settings; `running` makes one."""

    def __init__(self, url: str, folder: Path, connection: Any) -> None:
        self.url = url
        self.folder = folder
        self.connection = connection
        self._key = Key.new()
        self._keyring = Keyring([self._key])
        self._log = (folder / "log").open("w+b")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def files(self) -> Path:
        """The folder of files."""
        return self.folder / "data" / "files"

    @property
    def log(self) -> str:
        """The end of what it wrote."""
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used, with all processes below it."""
        return cpu.spent(self.pid)

    async def start(self) -> None:
        """Start it; return when it is ready."""
        self._process = subprocess.Popen(  # noqa: ASYNC220  it returns at once
            [sys.executable, "-m", "jobrunner", "daemon"],
            cwd=ROOT,
            env={
                **os.environ,
                "JOBRUNNER_DATABASE_URL": self.url,
                "JOBRUNNER_SECRET_KEY": self._key.text,
                "JOBRUNNER_DATA_DIR": str(self.folder / "data"),
                "JOBRUNNER_HTTP__ENABLED": "false",
                "JOBRUNNER_MIGRATE_ON_START": "false",
            },
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + START_LIMIT
        while "is ready" not in self.log:
            self.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"the daemon is not ready:\n{self.log}")
            await asyncio.sleep(0.05)

    def check(self) -> None:
        """See that it runs; raises RuntimeError with the end of its log."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the daemon has ended:\n{self.log}")

    async def stop(self) -> None:
        """End it as a service manager would, or by force where it does not follow."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._log.close()

    # Accounts

    async def set(self, name: str, value: str) -> None:
        """Change a setting."""
        await set_setting(self.connection, name, value, "bench")

    async def add_account(self, user: str, port: int, *, idle: bool) -> int:
        """Add an account that reads a user's INBOX and changes nothing there; return its id."""
        await self.connection.execute(ADD_OWNER, OWNER)
        async with self.connection.transaction():
            id: int = await self.connection.fetchval(
                ACCOUNT, OWNER, user, f"{user}@example.org", port, date(2020, 1, 1), idle
            )
            sealed = self._keyring.seal(PASSWORD, place=place_of("Personal", id, "password"))
            await self.connection.execute(
                f"UPDATE jobrunner.{TABLES['Personal']} SET password = $2 WHERE id = $1", id, sealed
            )
        return id

    async def wake(self, account: int) -> None:
        """Have it fetched now."""
        await wake_fetch(self.connection, "Personal", account)


@asynccontextmanager
async def running(url: str) -> AsyncIterator[Daemon]:
    """Give a daemon on a database, not started yet, and end it."""
    with tempfile.TemporaryDirectory(prefix="jobrunner-bench-mail-in-") as folder:
        connection: Any = await asyncpg.connect(url)
        try:
            daemon = Daemon(url, Path(folder), connection)
            try:
                yield daemon
            finally:
                await daemon.stop()
        finally:
            await connection.close()
