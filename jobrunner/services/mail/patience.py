"""What must be stored once a mail server has answered: offered again to a database that is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from jobrunner.db.connection import TRANSIENT

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds for which it is offered."""
LONGEST_PAUSE = 5.0


async def persist(write: Callable[[], Awaitable[T]], limit: float = PATIENCE) -> T:
    """Run a statement until the database takes it, for `limit` seconds; it may run twice where its answer was lost.

    Raises:
        Exception: the last one of `TRANSIENT`, or any other at once.
    """
    deadline = time.monotonic() + limit
    pause = 0.1
    while True:
        try:
            return await write()
        except TRANSIENT:
            if time.monotonic() + pause > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
