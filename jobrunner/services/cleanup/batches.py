"""The batches of one target: how large, how long they may take, and the pauses between them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from jobrunner.config import Configuration
from jobrunner.db.queryable import Connect
from jobrunner.errors import JobrunnerError
from jobrunner.queue.cleanup_target import Amount, CleanupTarget, Occasion
from jobrunner.services.cleanup.report import ENOUGH_REFERRED, TargetReport

LARGEST = 5000
SMALLEST = 100
LONGEST_PAUSE = 0.05
"""Seconds between two batches, at most."""
LIMITS = "SELECT set_config('lock_timeout', '1s', true), set_config('statement_timeout', '30s', true)"
HELD = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
"""Somebody is at work there."""
SLOW = (asyncpg.QueryCanceledError, TimeoutError)
"""A statement took longer than it may, and not for a lock, of which the limit is shorter: the next run would come no
further."""
PATIENCE = 3
"""Batches of the smallest size that may be held or too slow, one after the other, before a target is given up; and how
often what goes whole may be."""
LATER = 0.5
"""Seconds until what is in use is tried again: the others' turn, whom that try may have held up."""
IN_USE = "in use: what is left goes with the next run"


class TooSlow(JobrunnerError):
    """Even little could not be removed in the time that a statement may take."""


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
        """Remove what is over; false where `goes_on` ended it before all was done. What is given up the report notes.

        Raises:
            TooSlow: the smallest batch, or what goes whole, took too long again and again.
            Exception: whatever else the target's own statements raise.
        """
        await self._ahead()
        most, passed = self.largest, 0
        late: list[Exception] = []
        while self.goes_on():
            began = time.monotonic()
            try:
                async with self.connect() as connection:
                    amount = await self._one(connection, most, passed)
            except (*HELD, asyncpg.QueryCanceledError, asyncpg.DiskFullError) as error:
                if isinstance(error, asyncpg.DiskFullError) and most <= SMALLEST:
                    raise
                late = [*late, error] if most <= SMALLEST else []
                if len(late) >= PATIENCE:
                    self._give_up(late, f"a batch of {most} rows")
                    return True
                most = max(most // 2, SMALLEST)
            else:
                late = []
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
        late: list[Exception] = []
        while self.target.ahead is not None and self.goes_on():
            began = time.monotonic()
            try:
                async with self.connect() as connection:
                    amount = await self.target.ahead.step(Occasion(connection, self.configuration, self.period))
            except (*HELD, *SLOW) as error:
                late.append(error)
                if len(late) >= PATIENCE:
                    self._give_up(late, "a statement")
                    return
                await asyncio.sleep(LATER)
            else:
                late = []
                self._count(amount)
                if amount.is_last:
                    return
                await asyncio.sleep(min(time.monotonic() - began, LONGEST_PAUSE))

    def _give_up(self, late: list[Exception], what: str) -> None:
        if any(isinstance(error, SLOW) for error in late):
            raise TooSlow(
                f"{what} takes longer than it may: see that its table, and each that refers to it, has the "
                "index for it and no slow trigger"
            ) from late[-1]
        self.report.note = IN_USE

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
