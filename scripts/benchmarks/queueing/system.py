"""What the benchmark asks of each system: a schema, a way to enqueue, a worker, and whether a job has ended."""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

START_SOCKET = "BENCH_START_SOCKET"
"""Names, for workers, the socket to which a timed job sends its number and the time at which it started."""
URL = "BENCH_DATABASE_URL"


class System(ABC):
    """One job queue with its database. The worker is a process of its own, as a user would run it."""

    name: str
    database: str
    """Name of its database; systems that share one differ in their workers' settings only."""

    def __init__(self) -> None:
        self.url = ""
        self.admin: Any = None
        """A connection for what is no figure: looking whether jobs have ended, emptying, vacuuming."""

    async def prepare(self, url: str) -> None:
        """Make the schema, and connect as an application would that enqueues."""
        self.url = url
        await self._prepare()
        self.admin = await asyncpg.connect(url)
        await self._connect()

    async def close(self) -> None:
        """Close all connections."""
        if self.admin is not None:
            await self._disconnect()
            await self.admin.close()
            self.admin = None

    @property
    def environment(self) -> Mapping[str, str]:
        """What the worker's environment has beside the usual."""
        return {URL: self.url}

    @property
    @abstractmethod
    def command(self) -> Sequence[str]:
        """The worker's command line."""

    @abstractmethod
    async def _prepare(self) -> None: ...

    @abstractmethod
    async def _connect(self) -> None: ...

    @abstractmethod
    async def _disconnect(self) -> None: ...

    @abstractmethod
    async def enqueue(self) -> None:
        """Enqueue one no-op job, committed at the return."""

    @abstractmethod
    async def enqueue_many(self, count: int) -> None:
        """Enqueue so many no-op jobs in one call, committed at the return."""

    @abstractmethod
    async def enqueue_timed(self, number: int) -> None:
        """Enqueue a job that tells when it started."""

    @abstractmethod
    async def span(self) -> tuple[int, int]:
        """Return the least and the greatest id of the jobs that wait."""

    @abstractmethod
    async def has_ended(self, job_id: int) -> bool:
        """Return whether a job is stored as ended: one look-up by primary key."""

    @abstractmethod
    async def unfinished(self, first: int, last: int) -> int:
        """Return how many jobs of a span of ids are not stored as ended."""

    @abstractmethod
    async def settle(self) -> None:
        """Vacuum and analyse the tables of live jobs, as autovacuum would have done in time."""

    @abstractmethod
    async def empty(self) -> None:
        """Remove all jobs, live and finished."""


def python(*arguments: str) -> list[str]:
    """Return the command line of a Python program in this environment."""
    return [sys.executable, *arguments]


def worker_url() -> str:
    """Return the database's URL inside a worker."""
    return os.environ[URL]
