"""The connections of a client: a few lines to the database, opened when they are needed, each wait limited."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from jobrunner.db.connection import CONNECT_LIMIT, REPEATABLE, close, connect
from jobrunner.errors import DatabaseUnavailable, InvalidInput, LimitExceeded
from jobrunner.imports import alone
from jobrunner.queue.refusal import refusals

Result = TypeVar("Result")

REPEATS = 5
"""How often work is repeated after a deadlock or a serialization failure, which undo all of it."""
LONGEST_REST = 300.0
"""Seconds after which an unused line is not trusted any more: something on the way may have forgotten it."""


class Line:
    """One connection while it is lent; each statement has the client's limit."""

    def __init__(self, raw: Any, limit: float) -> None:
        self._raw = raw
        self._limit = limit

    async def fetch(self, query: str, /, *args: Any) -> list[Any]:
        """Run a statement and return its rows.

        Raises:
            LimitExceeded: no answer came in time; what the statement did is not known.
        """
        try:
            return await self._raw.fetch(query, *args, timeout=self._limit)  # type: ignore[no-any-return]
        except TimeoutError:
            raise LimitExceeded(f"the database gave no answer within the client's limit of {self._limit:g} s") from None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Make what happens inside one whole."""
        await self.fetch("BEGIN")
        try:
            yield
        except Exception:
            if not self._raw.is_closed():
                await self.fetch("ROLLBACK")
            raise
        await self.fetch("COMMIT")


class OwnConnections:
    """At most `size` connections to a database; the last one used is taken first.

    They come back without a round trip to reset them, since we leave no state in them: with a pool of asyncpg, one
    enqueue cost half as much again.
    """

    def __init__(self, database_url: str | None, *, size: int, pooled: bool) -> None:
        self.url = database_url
        self._pooled = pooled
        self._free = asyncio.Semaphore(size)
        self._resting: list[tuple[Any, float]] = []
        self._is_closed = False

    async def take(self, limit: float) -> Any:
        """Return a connection, a new one where none rests; TimeoutError if there is none within `limit` seconds."""
        if self._is_closed:
            raise InvalidInput("the client is closed: make a new one")
        if self._free.locked():
            async with asyncio.timeout(limit):
                await self._free.acquire()
        else:
            await self._free.acquire()
        try:
            while self._resting:
                raw, since = self._resting.pop()
                if raw.is_closed():
                    continue
                if _now() - since <= LONGEST_REST:
                    return raw
                raw.terminate()
            async with asyncio.timeout(limit):
                return await connect(await self._where(), name="client", pooled=self._pooled)
        except BaseException:
            self._free.release()
            raise

    async def give_back(self, raw: Any) -> None:
        """Let a connection rest until it is wanted again."""
        if self._is_closed:
            raw.terminate()
        elif not raw.is_closed():
            self._resting.append((raw, _now()))
        self._free.release()

    async def close(self) -> None:
        """Close them all; those that are in use are closed when they come back."""
        self._is_closed = True
        while self._resting:
            raw, _ = self._resting.pop()
            await close(raw)

    async def _where(self) -> str:
        self.url = self.url or os.environ.get("JOBRUNNER_DATABASE_URL")
        if not self.url:
            self.url = await asyncio.to_thread(_find_database)
        return self.url


def _find_database() -> str:
    """Return the database of the daemons of this machine: as their configuration says, else the embedded server."""
    with alone("jobrunner.config", "jobrunner.db.embedded"):
        from jobrunner.config import load  # slow to import, and most clients are given a URL
        from jobrunner.db.embedded import running_url

    configuration = load()
    if configuration.database_url is not None:
        return configuration.database_url.get_secret_value()
    if (url := running_url(configuration.data_dir)) is None:
        raise DatabaseUnavailable(
            f"the client has no database: no daemon keeps the embedded server of {configuration.data_dir} running;"
            " start one (`jobrunner daemon`), or give the client a URL or set JOBRUNNER_DATABASE_URL"
        )
    return url


class PoolOfApplication:
    """Connections of an asyncpg pool that is not ours."""

    url = None

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def take(self, limit: float) -> Any:
        """Acquire a connection; TimeoutError as above."""
        async with asyncio.timeout(limit):
            return await self._pool.acquire()

    async def give_back(self, raw: Any) -> None:
        """Release it."""
        await self._pool.release(raw, timeout=CONNECT_LIMIT)

    async def close(self) -> None:
        """Leave the pool to the application."""


class Lines:
    """Lends lines for pieces of work."""

    def __init__(self, source: OwnConnections | PoolOfApplication, limit: float) -> None:
        """`limit` is how many seconds the wait for a line, and each statement, may take."""
        self._source = source
        self._limit = limit

    async def work(self, task: Callable[[Line], Awaitable[Result]]) -> Result:
        """Lend a line to a task and return its result; what PostgreSQL refuses is raised as an error of ours.

        After a deadlock or a serialization failure the task is run again: it must be a single transaction.
        """
        for attempt in range(REPEATS):
            try:
                with refusals(self._source.url):
                    return await self._work_once(task)
            except REPEATABLE:
                if attempt == REPEATS - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    async def _work_once(self, task: Callable[[Line], Awaitable[Result]]) -> Result:
        try:
            raw = await self._source.take(self._limit)
        except TimeoutError:
            raise LimitExceeded(
                f"no connection to the database was free or came up within the client's limit of {self._limit:g} s"
            ) from None
        try:
            return await task(Line(raw, self._limit))
        except (asyncio.CancelledError, LimitExceeded):
            raw.terminate()  # in the midst of a statement, and perhaps of a transaction: it is not used again
            raise
        finally:
            await self._source.give_back(raw)

    async def close(self) -> None:
        """Close the lines that are our own; may be called twice."""
        await self._source.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
