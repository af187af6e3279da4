"""The connections of a client: a few lines to the database, opened when they are needed, each wait limited."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from jobrunner.db.connection import CONNECT_LIMIT, REPEATABLE, SESSION
from jobrunner.errors import ConfigurationError, LimitExceeded
from jobrunner.queue.refusal import refusals

Result = TypeVar("Result")

REPEATS = 5
"""How often work is repeated after a deadlock or a serialization failure, which undo all of it."""


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
            async with asyncio.timeout(self._limit):
                return await self._raw.fetch(query, *args)  # type: ignore[no-any-return]
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


class Lines:
    """Lends lines of a pool: its own, or one of the application's."""

    def __init__(
        self,
        database_url: str | None = None,
        *,
        pool: Any = None,
        size: int,
        limit: float,
        pooled: bool = False,
    ) -> None:
        self._url = database_url
        self._pool = pool
        self._is_own = pool is None
        self._size = size
        self._limit = limit
        self._pooled = pooled
        self._opening = asyncio.Lock()

    async def work(self, task: Callable[[Line], Awaitable[Result]]) -> Result:
        """Lend a line to a task and return its result; what PostgreSQL refuses is raised as an error of ours.

        After a deadlock or a serialization failure the task is run again: it must be a single transaction.
        """
        for attempt in range(REPEATS):
            try:
                with refusals(self._url):
                    async with self._lend() as line:
                        return await task(line)
            except REPEATABLE:
                if attempt == REPEATS - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Line]:
        try:
            async with asyncio.timeout(self._limit):
                async with self._opening:
                    pool = self._pool if self._pool is not None else await self._open()
                raw = await pool.acquire()
        except TimeoutError:
            raise LimitExceeded(
                f"no connection to the database was free or came up within the client's limit of {self._limit:g} s"
            ) from None
        try:
            yield Line(raw, self._limit)
        except (asyncio.CancelledError, LimitExceeded):
            raw.terminate()  # in the midst of a statement, and perhaps of a transaction: it is not used again
            raise
        finally:
            await pool.release(raw, timeout=CONNECT_LIMIT)

    async def _open(self) -> Any:
        self._url = self._url or os.environ.get("JOBRUNNER_DATABASE_URL")
        if not self._url:
            raise ConfigurationError(
                "the client has no database: give it a URL, or set JOBRUNNER_DATABASE_URL in the environment"
            )
        options: dict[str, Any] = (
            {"statement_cache_size": 0}
            if self._pooled
            else {"server_settings": {**SESSION, "application_name": "jobrunner client"}}
        )
        self._pool = await asyncpg.create_pool(
            self._url, min_size=0, max_size=self._size, timeout=CONNECT_LIMIT, reset=_nothing, **options
        )
        return self._pool

    async def close(self) -> None:
        """Close what is its own; may be called twice. A server that does not answer is not waited for."""
        pool = self._pool
        if pool is None or not self._is_own:
            return
        self._pool = None
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                await pool.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()


async def _nothing(connection: Any) -> None:
    """Reset nothing when a line comes back: we leave no state in it, and so save a round trip."""
