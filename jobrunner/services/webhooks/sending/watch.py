"""When a run looks for new events, and when it need not any more.

While it is awake it looks by itself, every few milliseconds, and emits wake nobody. When nothing new has come for a
while it falls asleep: from then on each transaction that emits adds a job, whose run tells this one, if it is still
there, to look. A transaction that saw it awake may commit later: so it goes on looking, with growing pauses, until
every transaction that was open when it fell asleep has ended.
"""

import asyncio
import time
from datetime import timedelta

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load

AWAKE_IDLE = 0.25
"""Seconds without anything new after which a run falls asleep."""
AWAKE_PAUSES = (0.002, 0.01)
"""First and longest pause, in seconds, between two looks of a run that is awake."""
AWAKE_FOR = 10.0
"""Seconds after which a run that says nothing counts as asleep."""
RENEW_AFTER = 3.0
OVERLAP_PAUSES = (0.01, 1.0)
"""The same pauses while old transactions are open."""
BUSY_PAUSE = 0.5
"""Seconds between two looks of a run that sleeps while requests are under way."""


class Watch:
    """The pauses between the looks of one run."""

    def __init__(self, line: Queryable, token: int) -> None:
        self._line = line
        self._token = token
        self._told = asyncio.Event()
        self._asked = False
        self._awake = False
        self._marked_at = 0.0
        self._idle_since = 0.0
        self._pause = AWAKE_PAUSES[0]
        self._horizon: int | None = None
        self._overlap_pause = OVERLAP_PAUSES[0]

    @property
    def awake(self) -> bool:
        """Whether emits wake nobody else."""
        return self._awake

    def wake(self) -> None:
        """Look at once."""
        self._told.set()

    def ask(self) -> None:
        """Look at once, and go on like a run that has just begun: another one ends, since this one is there."""
        self._asked = True
        self._told.set()

    async def begin(self) -> None:
        """Be awake from now on."""
        self._awake = True
        self._idle_since = time.monotonic()
        self._pause = AWAKE_PAUSES[0]
        await self._mark()

    async def rest(self, *, found: bool, busy: bool) -> bool:
        """Wait for the next look; false where none is needed any more.

        Args:
            found: whether the last look found something.
            busy: whether requests are under way.
        """
        now = time.monotonic()
        if self._asked or (found and not self._awake):
            self._asked = False
            await self.begin()
        elif found:
            self._idle_since = now
            self._pause = AWAKE_PAUSES[0]
        if self._awake:
            if now - self._idle_since < AWAKE_IDLE:
                if now - self._marked_at > RENEW_AFTER:
                    await self._mark()
                await self._wait(self._pause)
                self._pause = min(2 * self._pause, AWAKE_PAUSES[1])
            else:
                await self.fall_asleep()
            return True
        if self._horizon is not None:
            await self._wait(self._overlap_pause)
            self._overlap_pause = min(2 * self._overlap_pause, OVERLAP_PAUSES[1])
            if (await self._read_horizon())[0] >= self._horizon:
                self._horizon = None
            return True  # what committed meanwhile is seen by one more look
        if not busy:
            return False
        await self._wait(BUSY_PAUSE)
        return True

    async def fall_asleep(self) -> None:
        """Have emits wake the job from now on."""
        await self._line.fetch(load(__package__, "mark_asleep"), self._token)
        self._awake = False
        self._horizon = (await self._read_horizon())[1]
        self._overlap_pause = OVERLAP_PAUSES[0]

    async def _mark(self) -> None:
        await self._line.fetch(load(__package__, "mark_awake"), self._token, timedelta(seconds=AWAKE_FOR))
        self._marked_at = time.monotonic()

    async def _read_horizon(self) -> tuple[int, int]:
        (row,) = await self._line.fetch(load(__package__, "read_horizon"))
        return row["oldest"], row["horizon"]

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._told.wait()
        except TimeoutError:
            pass
        self._told.clear()
