"""The PostgreSQL of a run: an embedded one in a temporary folder, or one that is given."""

import importlib.metadata
import os
import platform
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from jobrunner.db.embedded import EmbeddedServer
from scripts.benchmarks import cpu

SETTINGS = {
    "shared_buffers": "512MB",
    # No checkpoint in the middle of a run: which system's round it falls into would be chance.
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
}
"""What an embedded server is started with; all else, fsync and synchronous_commit too, is PostgreSQL's default."""
NOTHING: Mapping[str, str] = {}


@dataclass
class Server:
    """A server with databases of this run, which are dropped at its end."""

    url: str
    conditions: dict[str, str] = field(default_factory=dict)
    """Settings that decide what a commit costs, as the server has them."""
    postmaster: int | None = None
    """Its process, where it runs on this machine: CPU time can be measured then."""
    _databases: list[str] = field(default_factory=list)
    _prefix: str = field(default_factory=lambda: f"bench_{uuid.uuid4().hex[:6]}_")

    async def create_database(self, name: str, *, like: str | None = None) -> str:
        """Create a database, empty or as a copy of another one of this run, and return its URL."""
        full_name = self._prefix + name
        template = "template0" if like is None else f'"{self._prefix}{like}"'
        await self._execute(f'CREATE DATABASE "{full_name}" TEMPLATE {template}')
        self._databases.append(full_name)
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{full_name}"))

    async def drop_databases(self) -> None:
        """Drop what this run has created."""
        while self._databases:
            await self._execute(f'DROP DATABASE IF EXISTS "{self._databases.pop()}" WITH (FORCE)')

    def cpu(self) -> float | None:
        """Return the seconds of CPU of the whole cluster so far, None where they cannot be seen."""
        return None if self.postmaster is None else cpu.spent(self.postmaster)

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _look(self) -> None:
        connection: Any = await asyncpg.connect(self.url)
        try:
            for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers", "max_wal_size"):
                self.conditions[name] = await connection.fetchval("SELECT current_setting($1)", name)
            backend = await connection.fetchval("SELECT pg_backend_pid()")
            if cpu.name(backend) == "postgres":
                self.postmaster = cpu.parent(backend)
        finally:
            await connection.close()


def machine(given: Server, packages: Sequence[str]) -> str:
    """Describe what a benchmark runs on."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    settings = ", ".join(f"{name} {value}" for name, value in given.conditions.items())
    cores = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return f"{cores}, Python {platform.python_version()}, {versions}\nPostgreSQL: {settings}"


@asynccontextmanager
async def server(url: str | None, further: Mapping[str, str] = NOTHING) -> AsyncIterator[Server]:
    """Give the server of a run; one that was started for it, with `further` settings, is removed at the end."""
    if url is not None:
        given = Server(url)
        await given._look()
        try:
            yield given
        finally:
            await given.drop_databases()
        return
    folder = Path(tempfile.mkdtemp(prefix="jobrunner-bench-"))
    embedded = EmbeddedServer(folder, settings={**SETTINGS, **further})
    try:
        started = Server(await embedded.start())
        await started._look()
        yield started
    finally:
        if embedded.pid is not None:
            os.kill(embedded.pid, signal.SIGQUIT)  # nobody needs its data: no time goes into writing them out
        await embedded.stop()
        shutil.rmtree(folder, ignore_errors=True)
