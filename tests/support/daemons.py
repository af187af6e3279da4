"""Daemons for tests: in this process, or as processes that can be killed, frozen and told to stop."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jobrunner.config import Configuration, load
from jobrunner.daemon import Daemon
from jobrunner.definitions import Definition, Registry

QUICK = {"lease": 3.0, "heartbeat_interval": 0.5, "sweep_interval": 0.3, "grace": 5.0}
"""Seconds; short enough that a test sees a lease run out."""


def configure(database_url: str, **settings: Any) -> Configuration:
    """A configuration for a test's database, with short leases."""
    return load(database_url=database_url, migrate_on_start=False, **{**QUICK, "http": {"enabled": False}, **settings})


def define(registry: Registry, function: Callable[..., Any], name: str | None = None, **options: Any) -> Definition:
    """Register a function in a registry of the test's own; without options it is tried once more at once."""
    options = {"pause": lambda attempt: 0.0, **options}
    definition = Definition(name=name or function.__name__, function=function, **options)
    registry.add(definition)
    return definition


@asynccontextmanager
async def daemon(database_url: str, registry: Registry, **settings: Any) -> AsyncIterator[Daemon]:
    """A daemon on this event loop."""
    running = Daemon(
        dsn=database_url,
        direct_dsn=database_url,
        configuration=configure(database_url, **settings),
        registry=registry,
    )
    async with running:
        yield running


async def ended(connection: Any, *job_ids: int, limit: float = 20.0) -> list[Any]:
    """Wait until jobs are in the history and return their rows, in the order of the ids."""
    async with asyncio.timeout(limit):
        while True:
            rows = await connection.fetch(
                "SELECT * FROM jobrunner.job_history WHERE id = ANY($1) ORDER BY array_position($1, id)", list(job_ids)
            )
            if len(rows) >= len(job_ids):
                return rows
            await asyncio.sleep(0.01)


async def until(connection: Any, query: str, *arguments: Any, limit: float = 20.0) -> Any:
    """Wait until a query gives something true, and return it."""
    async with asyncio.timeout(limit):
        while not (value := await connection.fetchval(query, *arguments)):
            await asyncio.sleep(0.01)
        return value


class DaemonProcess:
    """`jobrunner daemon` as a process of its own, with what it wrote to standard error."""

    def __init__(
        self,
        database_url: str,
        *,
        imports: str,
        name: str = "one",
        command: str | os.PathLike[str] | None = None,
        folder: Path | None = None,
        **settings: Any,
    ) -> None:
        """`command`: a jobrunner that is installed elsewhere; it gets no path to this one. `folder`: where it runs."""
        self.name = name
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment = {
            **inherited,
            "JOBRUNNER_DATABASE_URL": database_url,
            "JOBRUNNER_IMPORT": imports,
            "JOBRUNNER_DAEMON_NAME": name,
            "JOBRUNNER_MIGRATE_ON_START": "false",
            "JOBRUNNER_HTTP__ENABLED": "false",
            **({} if command else {"PYTHONPATH": str(Path(__file__).parents[2])}),
            **{f"JOBRUNNER_{key.upper()}": str(value) for key, value in {**QUICK, **settings}.items()},
        }
        self.lines: list[str] = []
        self._arrived = threading.Condition()
        self.process = subprocess.Popen(
            [*([command] if command else [sys.executable, "-m", "jobrunner"]), "daemon"],
            env=environment,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._arrived:
                self.lines.append(line.rstrip("\n"))
                self._arrived.notify_all()

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, text: str, limit: float = 30.0) -> str:
        """Wait until a line of its log has the text, and return it."""
        deadline = time.monotonic() + limit
        with self._arrived:
            while True:
                for line in self.lines:
                    if text in line:
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(f"{text!r} is not in the daemon's log:\n{self.log}")
                self._arrived.wait(min(left, 0.2))

    async def ready(self) -> "DaemonProcess":
        await asyncio.to_thread(self.wait_for, "is ready")
        return self

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the daemon alone."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, and reap it."""
        self.process.kill()
        self.wait()

    def wait(self, limit: float = 30.0) -> int:
        """Wait for its end and return the exit code."""
        code = self.process.wait(limit)
        self._reader.join(5)
        if self.process.stderr is not None and not self._reader.is_alive():
            self.process.stderr.close()
        return code

    def stop(self, limit: float = 30.0) -> int:
        """Stop it as systemd would and return the exit code."""
        self.send(signal.SIGTERM)
        return self.wait(limit)
