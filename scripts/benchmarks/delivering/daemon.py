"""jobrunner as it is started: a daemon on a database, and webhooks in it."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from jobrunner.db.secrets import Keyring
from jobrunner.db.secrets.key import Key
from jobrunner.queue.settings import set_setting
from jobrunner.services.webhooks.settings import load_webhook_settings
from jobrunner.services.webhooks.table import Format, WebhookEntry, add_webhook
from scripts.benchmarks import cpu

ROOT = Path(__file__).parents[3]
START_LIMIT = 30.0
STOP_LIMIT = 30.0
QUIET_LIMIT = 90.0
"""Seconds until what hangs has been given up."""
IS_BUSY = "SELECT EXISTS (SELECT FROM jobrunner.job AS j WHERE j.name = 'ProcessWebhookQueue' AND j.status = 'Running')"
EMPTY = """
TRUNCATE jobrunner.webhook_event, jobrunner.webhook_delivery, jobrunner.webhook_batch, jobrunner.webhook_attempt
"""


class Daemon:
    """`jobrunner daemon` as a process, with its default settings; `running` makes one."""

    def __init__(self, url: str, folder: Path, connection: Any) -> None:
        self.url = url
        self.connection = connection
        self._folder = folder
        self._key = Key.new()
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
        return (self._folder / "log").read_text(errors="replace")[-4000:]

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used, with all processes below it."""
        return cpu.spent(self.pid)

    async def start(self) -> None:
        """Start it; return when it is ready."""
        # What is on this machine must be allowed.
        await set_setting(self.connection, "webhook_allowed_hosts", "127.0.0.0/8", "bench")
        self._process = subprocess.Popen(  # noqa: ASYNC220  it returns at once
            [sys.executable, "-m", "jobrunner", "daemon"],
            cwd=ROOT,
            env={
                **os.environ,
                "JOBRUNNER_DATABASE_URL": self.url,
                "JOBRUNNER_SECRET_KEY": self._key.text,
                "JOBRUNNER_DATA_DIR": str(self._folder / "data"),
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

    # Webhooks

    async def add_webhooks(self, events: Sequence[str], urls: Sequence[str], form: Format) -> None:
        """Have each event told to a URL."""
        settings = await load_webhook_settings(self.connection)
        keyring = Keyring([self._key])
        for event, url in zip(events, urls, strict=True):
            await add_webhook(self.connection, keyring, settings, WebhookEntry(event=event, url=url, format=form))

    async def remove_webhooks(self) -> None:
        """Wait until nothing is sent any more, and remove all."""
        async with asyncio.timeout(QUIET_LIMIT):
            while await self.connection.fetchval(IS_BUSY):
                self.check()
                await asyncio.sleep(0.1)
        await self.connection.execute("DELETE FROM jobrunner.webhook")
        await self.connection.execute(EMPTY)
        await self.connection.execute("VACUUM ANALYZE")


@asynccontextmanager
async def running(url: str) -> AsyncIterator[Daemon]:
    """Run a daemon on a database."""
    with tempfile.TemporaryDirectory(prefix="jobrunner-bench-webhooks-") as folder:
        connection: Any = await asyncpg.connect(url)
        try:
            daemon = Daemon(url, Path(folder), connection)
            try:
                await daemon.start()
                yield daemon
            finally:
                await daemon.stop()
        finally:
            await connection.close()
