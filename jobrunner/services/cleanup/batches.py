"""The batches of one target: how large, how long they may take, and the pauses between them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from jobrunner.config import Configuration
from jobrunner.db.queryable import Connect
from jobrunner.queue.cleanup_target import Amount, CleanupTarget, Occasion
from jobrunner.services.cleanup.report import ENOUGH_REFERRED, TargetReport

LARGEST = 5000
SMALLEST = 100
LONGEST_PAUSE = 0.05
"""Seconds between two batches, at most."""
LIMITS = "SELECT set_config('lock_timeout', '1s', true), set_config('statement_timeout', '30s', true)"
LATE = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, asyncpg.DeadlockDetectedError)
PATIENCE = 3
"""Batches of the smallest size that may run out of time, one after the other, before a target is given up; and how
often what goes whole may be in use."""
LATER = 0.5
"""Seconds until what is in use is tried again: the others' turn, whom that try may have held up."""
IN_USE = "in use: what is left goes with the next run"


@dataclass
class Batches:
    """Removes what is over of one target."""

    connect: Connect
    configuration: Configuration
    target: CleanupTarget
    period: str
    goes_on: Callable[[], bool]
    report: TargetReport
    largest: int = LARGEST
    progress: Callable[[], None] = lambda: None
    """Is called after each batch."""

    async def run(self) -> bool:
        """Remove all there is; false where it had to stop before.

        Raises:
            Exception: whatever the target's own statements raise.
        """
        await self._ahead()
        most, late, passed = self.largest, 0, 0
        while self.goes_on():
            began = time.monotonic()
            try:
                async with self.connect() as connection:
                    amount = await self._one(connection, most, passed)
            except (*LATE, asyncpg.DiskFullError) as error:
                if isinstance(error, asyncpg.DiskFullError) and most <= SMALLEST:
                    raise
                late = late + 1 if most <= SMALLEST else 0
                if late >= PATIENCE:
                    self.report.note = IN_USE
                    return True
                most = max(most // 2, SMALLEST)
            else:
                late = 0
                passed += amount.referred.total()
                if amount.is_last:
                    return True
                if passed >= ENOUGH_REFERRED:
                    self.report.note = "given up, since so many are referred to"
                    return True
            await asyncio.sleep(min(time.monotonic() - began, LONGEST_PAUSE))
        return False

    async def _ahead(self) -> None:
        """Remove what goes whole, as far as nobody uses it."""
        late = 0
        while self.target.ahead is not None and self.goes_on():
            began = time.monotonic()
            try:
                async with self.connect() as connection:
                    amount = await self.target.ahead.step(Occasion(connection, self.configuration, self.period))
            except (*LATE, TimeoutError):
                late += 1
                if late >= PATIENCE:
                    self.report.note = IN_USE
                    return
                await asyncio.sleep(LATER)
            else:
                late = 0
                self._count(amount)
                if amount.is_last:
                    return
                await asyncio.sleep(min(time.monotonic() - began, LONGEST_PAUSE))

    async def _one(self, connection: Any, most: int, passed: int) -> Amount:
        async with connection.transaction():
            await connection.execute(LIMITS)
            amount = await self.target.cleaner.remove(
                Occasion(connection, self.configuration, self.period, passed), most
            )
        self._count(amount)  # only now it is true
        return amount

    def _count(self, amount: Amount) -> None:
        self.report.rows += amount.rows
        self.report.referred.update(amount.referred)
        if amount.octets is not None:
            self.report.octets = (self.report.octets or 0) + amount.octets
        self.progress()
