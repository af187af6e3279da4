"""jobrunner as it is started: a daemon with a database and a folder of its own."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from jobrunner.db.secrets import Keyring
from jobrunner.db.secrets.key import Key
from jobrunner.queue.settings import set_setting
from scripts.benchmarks import cpu

ROOT = Path(__file__).parents[2]
START_LIMIT = 30.0
STOP_LIMIT = 30.0


class Daemon:
    """`jobrunner daemon` as a process, with its default settings; `lent` makes one."""

    def __init__(self, url: str, folder: Path, connection: Any) -> None:
        self.url = url
        self.folder = folder
        self.connection = connection
        self.key = Key.new()
        self.keyring = Keyring([self.key])
        self._log = (folder / "log").open("w+b")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

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
                "JOBRUNNER_SECRET_KEY": self.key.text,
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

    async def set(self, name: str, value: str) -> None:
        """Change a setting."""
        await set_setting(self.connection, name, value, "bench")


D = TypeVar("D", bound=Daemon)


@asynccontextmanager
async def lent(kind: type[D], url: str) -> AsyncIterator[D]:
    """Give a daemon on a database, not started yet, and end it."""
    with tempfile.TemporaryDirectory(prefix="jobrunner-bench-") as folder:
        connection: Any = await asyncpg.connect(url)
        try:
            daemon = kind(url, Path(folder), connection)
            try:
                yield daemon
            finally:
                await daemon.stop()
        finally:
            await connection.close()
