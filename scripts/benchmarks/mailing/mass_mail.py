"""jobrunner: the whole job ProcessMassEmail, in a daemon."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmarks import cpu
from scripts.benchmarks.mailing.database import SIGNED, Database
from scripts.benchmarks.mailing.letter import SITE
from scripts.benchmarks.mailing.system import Sender, Sent

ROOT = Path(__file__).parents[3]
LOOK = 0.01
"""Seconds between two looks whether a mailing is finished."""
LIMIT = 600.0
"""Seconds until it must be."""
STOP_LIMIT = 15.0


class Daemon:
    """`jobrunner daemon` as a process, with its default settings."""

    def __init__(self, database: Database, wrapped: Sequence[str] = ()) -> None:
        """`wrapped`: a program with arguments that runs the daemon below itself."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the process is
        self._process = subprocess.Popen(
            [*wrapped, sys.executable, "-m", "jobrunner", "daemon"],
            cwd=ROOT,
            env={
                **os.environ,
                "JOBRUNNER_DATABASE_URL": database.url,
                "JOBRUNNER_SECRET_KEY": database.secret_key.text,
                "JOBRUNNER_SITE_URL": SITE,
                "JOBRUNNER_HTTP__ENABLED": "false",
                "JOBRUNNER_MIGRATE_ON_START": "false",
            },
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used, with all processes below it."""
        return cpu.spent(self.pid)

    def check(self) -> None:
        """See that it runs; raises RuntimeError with the end of its log."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the daemon has ended:\n{self.log}")

    @property
    def log(self) -> str:
        """The end of what it wrote."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-4000:]

    async def stop(self) -> None:
        """End it as a service manager would, or by force where it does not follow."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


class MassMail(Sender):
    """Mailings by one of the accounts."""

    def __init__(self, name: str, account: str, database: Database, daemon: Daemon) -> None:
        self.name = name
        self.is_signed = account == SIGNED
        self.daemon = daemon
        self._account = account
        self._database = database

    async def send(self, count: int, port: int) -> Sent:
        """Send one mailing, from the commit of its start until it is Complete."""
        database = self._database
        await database.lead_to(port)
        mass_email = await database.draft(count, self._account)
        used, began = self.daemon.cpu(), time.perf_counter()
        await database.start(mass_email)
        deadline = began + LIMIT
        while not await database.is_finished(mass_email):
            self.daemon.check()
            if time.perf_counter() > deadline:
                break
            await asyncio.sleep(LOOK)
        took, used = time.perf_counter() - began, self.daemon.cpu() - used
        found, counts = await database.counts(mass_email)
        if found.status != "Complete" or counts.sent != count or counts.total != count:
            state = f"after {took:.0f} s the mailing to {count:,} is {found.status} ({found.reason})"
            raise RuntimeError(f"{state}: {counts}\n{self.daemon.log}")
        return Sent(took, used)
