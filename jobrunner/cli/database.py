"""The line to the database of a command that looks or asks and is done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection

LIMIT = 30.0
"""Seconds that one statement of a command may take."""


@asynccontextmanager
async def connected(name: str) -> AsyncIterator["Connection"]:
    """Give the command of that name a connection; what PostgreSQL refuses becomes an error of ours."""
    from jobrunner.cli.session import session
    from jobrunner.db.connection import Connection, is_pooled
    from jobrunner.queue.refusal import refusals

    async with session() as here:
        pooled = not here.embedded and await is_pooled(here.direct_dsn)
        connection = Connection(here.direct_dsn, name, limit=LIMIT, pooled=pooled)
        try:
            with refusals(here.direct_dsn):
                yield connection
        finally:
            await connection.close()
