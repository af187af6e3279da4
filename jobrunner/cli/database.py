"""The line to the database of a command that looks or asks and is done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobrunner.cli.session import Session
    from jobrunner.db.connection import Connection

LIMIT = 30.0
"""Seconds that one statement of a command may take."""


@asynccontextmanager
async def connected(name: str, *, with_jobs: bool = False) -> AsyncIterator["Connection"]:
    """Give the command of that name a connection; what PostgreSQL refuses becomes an error of ours.

    `with_jobs`: the modules of jobs are imported first.
    """
    from jobrunner.cli.session import load_jobs, session

    async with session() as here:
        if with_jobs:
            load_jobs(here.configuration)
        async with opened(here, name) as connection:
            yield connection


@asynccontextmanager
async def opened(here: "Session", name: str) -> AsyncIterator["Connection"]:
    """The same for a command that has its session already."""
    from jobrunner.db.connection import Connection, is_pooled
    from jobrunner.queue.refusal import refusals

    pooled = not here.embedded and await is_pooled(here.direct_dsn)
    connection = Connection(here.direct_dsn, name, limit=LIMIT, pooled=pooled)
    try:
        with refusals(here.direct_dsn):
            yield connection
    finally:
        await connection.close()
