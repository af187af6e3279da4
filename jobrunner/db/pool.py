"""The pool from which jobs borrow connections. The engine itself never waits for it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from jobrunner.db.connection import LOST, connect, unavailable
from jobrunner.errors import LimitExceeded
from jobrunner.lifecycle import Service


class Pool(Service):
    """asyncpg's pool with jsonb decoded, opened when first used, so that a daemon starts while the database is away."""

    def __init__(self, dsn: str, *, size: int, acquire_limit: float = 30.0, pooled: bool = False) -> None:
        """`size` connections at most; `acquire_limit` is how many seconds a job may wait for a free one."""
        super().__init__("pool")
        self._dsn = dsn
        self._size = size
        self._acquire_limit = acquire_limit
        self._pooled = pooled
        self._pool: Any = None

    async def _start(self) -> None:
        self._pool = await asyncpg.create_pool(connect=self._connect, min_size=0, max_size=self._size, init=prepare)

    async def _connect(self, *_: Any, **options: Any) -> Any:
        return await connect(self._dsn, name="job", pooled=self._pooled, **options)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Borrow a connection.

        Raises:
            LimitExceeded: none became free within the limit; jobs hold them all.
            DatabaseUnavailable: the server cannot be reached.
        """
        try:
            connection = await self._pool.acquire(timeout=self._acquire_limit)
        except TimeoutError as error:
            if self._pool.get_size() < self._size:  # there was room: it is the server that did not answer
                raise unavailable(self._dsn, error) from None
            raise LimitExceeded(
                f"no connection became free within {self._acquire_limit:g} s: jobs hold all {self._size} "
                "(JOBRUNNER_POOL_SIZE)"
            ) from None
        except LOST as error:
            raise unavailable(self._dsn, error) from None
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    async def _stop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()


async def prepare(connection: Any) -> None:
    """Decode jsonb on a connection that jobs use."""
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
