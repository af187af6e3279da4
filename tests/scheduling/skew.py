"""A wall clock for each scheduler: what it starts inherits the clock, through the tasks' context."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, copy_context
from datetime import datetime, timedelta, tzinfo
from typing import Any

import apscheduler.schedulers.base
import pytest

import jobrunner.scheduling.clock


class WallClock:
    """By how much one machine's clock is wrong; may be changed at any time."""

    def __init__(self, wrong: timedelta = timedelta(0)) -> None:
        self.wrong = wrong


RIGHT = WallClock()
current: ContextVar[WallClock] = ContextVar("current", default=RIGHT)


class SkewedDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + current.get().wrong


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have APScheduler and our own code read the skewed clock."""
    for module in (apscheduler.schedulers.base, jobrunner.scheduling.clock):
        monkeypatch.setattr(module, "datetime", SkewedDatetime)


async def under(clock: WallClock, start: Callable[[], Awaitable[Any]]) -> Any:
    """Start something that lives by this clock."""
    context = copy_context()
    context.run(current.set, clock)

    async def begin() -> Any:
        return await start()

    return await asyncio.create_task(begin(), context=context)
