"""Waiting for what only a look into the database tells."""

import asyncio
from collections.abc import Awaitable, Callable

from scripts.benchmarks.queueing.system import System

LOOK = 0.01
"""Seconds between two looks."""


async def until(holds: Callable[[], Awaitable[bool]], pause: float = LOOK) -> None:
    """Return once it holds."""
    while not await holds():  # noqa: ASYNC110  no event comes from another process
        await asyncio.sleep(pause)


async def until_ended(system: System, first: int, last: int) -> None:
    """Return once all jobs of a span of ids are stored as ended; until the last one is, only that one is looked at."""
    await until(lambda: system.has_ended(last))

    async def all_ended() -> bool:
        return not await system.unfinished(first, last)

    await until(all_ended)
