"""A database that is away for a while."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg


class Failing:
    """Lends connections as `connect` does, but first fails `failures` times, as a server that starts up."""

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        self._connect = connect
        self.failures = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        if self.failures:
            self.failures -= 1
            raise asyncpg.CannotConnectNowError("the database system is starting up")
        async with self._connect() as connection:
            yield connection
