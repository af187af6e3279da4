"""What a job logged and printed, line by line, up to now or until it ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from jobrunner.db.connection import TRANSIENT
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.queue.record import FINISHED, find_state

READ_LOG = load(__package__, "read_log")

PORTION = 1000
"""The most lines that one statement reads."""
FOLLOW_PAUSE = 0.3
"""Seconds between two looks at a log that is followed."""
PATIENCE = 60.0
"""Seconds for which the database may be away while a log is followed."""


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """One record; its message may have several lines."""

    line: int
    """Grows with each line; where to read on."""
    attempt: int
    at: datetime
    level: int
    """As the standard library numbers them: 20 is INFO, 40 ERROR."""
    logger: str
    message: str


async def read_log(connection: Queryable, job_id: int, *, after: int = 0) -> AsyncIterator[LoggedLine]:
    """Yield the lines that a job has logged after line `after`, oldest first.

    Raises:
        NotFound: there is no job of that id.
    """
    await find_state(connection, job_id)
    async for line in _lines(connection, job_id, after):
        yield line


async def follow_log(connection: Queryable, job_id: int) -> AsyncIterator[LoggedLine]:
    """Yield the lines of a job as they come, until it is finished. A database that is away is waited for.

    Raises:
        NotFound: there is no job of that id.
    """
    seen = 0
    away_since: float | None = None
    while True:
        try:
            # Before the lines: what a finished job logged is all there once its end is.
            ended = (await find_state(connection, job_id)).status in FINISHED
            async for line in _lines(connection, job_id, seen):
                seen = line.line
                yield line
            away_since = None
        except TRANSIENT:
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since > PATIENCE:
                raise
            ended = False
        if ended:
            return
        await asyncio.sleep(FOLLOW_PAUSE)


async def _lines(connection: Queryable, job_id: int, after: int) -> AsyncIterator[LoggedLine]:
    while True:
        rows = await connection.fetch(READ_LOG, job_id, after, PORTION)
        for row in rows:
            yield LoggedLine(**dict(row))
        if len(rows) < PORTION:
            return
        after = rows[-1]["line"]
