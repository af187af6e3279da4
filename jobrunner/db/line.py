"""A connection of the job's pool that is kept while a run lasts, and replaced where it was lost."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from jobrunner.db.connection import LOST, TRANSIENT
from jobrunner.db.queryable import Connect
from jobrunner.db.sql import load

GONE = (*LOST, TimeoutError)
"""The line is of no use any more."""
STATEMENT_LIMIT = 30.0
"""Seconds that a statement may take."""
PATIENCE = 60.0
"""Seconds for which a statement is offered again to a database that is away."""
LONGEST_PAUSE = 2.0


class Line:
    """Runs one statement at a time; others wait in line. A statement may run twice where its answer was lost."""

    def __init__(self, connect: Connect, *, patience: float = PATIENCE, by_row: bool = False) -> None:
        """`by_row`: its statements join arrays with tables, whose rows are to be looked up one by one."""
        self._connect = connect
        self._by_row = by_row
        self._patience = patience
        self._stack = AsyncExitStack()
        self._connection: Any = None
        self._lock = asyncio.Lock()

    async def fetch(self, query: str, /, *args: Any) -> list[Any]:
        """Return the rows of a statement; a database that is away is asked again, as long as there is patience."""
        deadline = time.monotonic() + self._patience
        pause = 0.1
        async with self._lock:
            while True:
                try:
                    return await self._try(query, args)
                except (*TRANSIENT, *GONE):
                    if time.monotonic() + pause > deadline:
                        raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def close(self) -> None:
        """Give the connection back."""
        self._connection = None
        await self._stack.aclose()

    async def _try(self, query: str, args: tuple[Any, ...]) -> list[Any]:
        try:
            if self._connection is None:
                connection = await self._stack.enter_async_context(self._connect())
                session = load(__package__, "steady_session")
                await connection.fetch(session, connection.get_server_pid(), self._by_row, timeout=STATEMENT_LIMIT)
                self._connection = connection
            rows: list[Any] = await self._connection.fetch(query, *args, timeout=STATEMENT_LIMIT)
        except BaseException as error:
            if self._connection is None or isinstance(error, (*GONE, asyncio.CancelledError)):
                await self.close()
            raise
        return rows
