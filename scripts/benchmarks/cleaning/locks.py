"""Who waits for a lock, and for how long: looked at all the time while something runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

LOOK = 0.004
"""Seconds between two looks: what is shorter may be missed."""
IS_WAITING = "SELECT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.wait_event_type = 'Lock')"
WAITS = """
SELECT l.pid, l.waitstart, extract(epoch FROM clock_timestamp() - l.waitstart)::float8 * 1000 AS ms
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE NOT l.granted AND l.waitstart IS NOT NULL AND EXISTS (
    SELECT
    FROM unnest(pg_blocking_pids(l.pid)) AS b (pid)
    JOIN pg_stat_activity AS h ON h.pid = b.pid
    WHERE h.application_name LIKE '% job'
)
"""
"""Waits for connections that jobs borrow: beside Cleanup only no-op jobs run, and these borrow none."""


class Waits:
    """The longest waits for Cleanup's locks, in milliseconds."""

    def __init__(self) -> None:
        self._longest: dict[tuple[int, Any], float] = {}

    def note(self, pid: int, since: Any, milliseconds: float) -> None:
        """Keep how long one has waited so far."""
        self._longest[pid, since] = max(milliseconds, self._longest.get((pid, since), 0.0))

    @property
    def longest(self) -> float:
        """The longest of all, 0 where nobody was seen to wait."""
        return max(self._longest.values(), default=0.0)

    @property
    def count(self) -> int:
        """How many waits were seen."""
        return len(self._longest)


@asynccontextmanager
async def watched(url: str) -> AsyncIterator[Waits]:
    """Look while the block runs."""
    waits = Waits()
    connection: Any = await asyncpg.connect(url)

    async def look() -> None:
        while True:
            if await connection.fetchval(IS_WAITING):
                for row in await connection.fetch(WAITS):
                    waits.note(row["pid"], row["waitstart"], row["ms"])
            await asyncio.sleep(LOOK)

    task = asyncio.create_task(look())
    try:
        yield waits
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        connection.terminate()
    if not task.cancelled() and task.exception() is not None:
        raise RuntimeError("nobody looked at the locks") from task.exception()
