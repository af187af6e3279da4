"""A part that is started and stopped by whoever wants, at any moment."""

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from jobrunner.errors import JobrunnerError, LimitExceeded

logger = logging.getLogger(__name__)

RECANCEL_AFTER = 2.0
"""Seconds after which a cancellation that did nothing is repeated (`wait_for` in libraries loses some)."""


class StoppedWhileStarting(JobrunnerError):
    """`stop()` was called before `start()` had finished; nothing of the service is left."""


class Service:
    """A part that is started and stopped; subclasses write `_start` and `_stop`.

    `_stop` is called once after each `_start`, also after one that failed or was cancelled half-way, and
    must cope with whatever had been begun until then. `stop_limit` (seconds, None for no limit of its own)
    bounds a stop; beyond it `stop()` raises LimitExceeded.
    """

    stop_limit: float | None = 10.0

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__
        self.failure: BaseException | None = None
        """What ended the service against its will, since its last start."""
        self.on_failure: Callable[[Service, BaseException], None] | None = None
        self._failed = asyncio.Event()
        self._starting: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def _start(self) -> None:
        """Begin to work; return when it does."""

    async def _stop(self) -> None:
        """Give back whatever `_start` took, however far it got."""

    async def start(self) -> None:
        """Return when the service works, or raise having undone itself. While it works: does nothing.

        One that failed is stopped first.
        """
        while self._stopping is not None:
            await asyncio.wait([self._stopping])
        if self.failure is not None:
            await self.stop()
        begun_here = self._starting is None
        if self._starting is None:
            self.failure = None
            self._failed.clear()
            self._starting = asyncio.create_task(self._start(), name=f"start {self.name}")
        starting = self._starting
        try:
            await asyncio.wait([starting])
        except asyncio.CancelledError:
            if begun_here:
                await self._undo(starting)
            raise
        if not starting.cancelled() and (error := starting.exception()) is not None:
            await self._undo(starting)
            raise error
        if self._stopping is not None or self._starting is not starting or starting.cancelled():
            await self._undo(starting)
            raise StoppedWhileStarting(f"{self.name} was stopped while it started")

    async def stop(self) -> None:
        """Return when nothing of the service is left; harmless at any time and any number of times.

        Raises LimitExceeded when it did not end within its limit, and what `_stop` raised.
        """
        if self._stopping is None:
            if self._starting is None:
                return
            self._stopping = asyncio.create_task(self._end(self._starting), name=f"stop {self.name}")
        stopping = self._stopping
        await asyncio.wait([stopping])
        stopping.result()

    @property
    def running(self) -> bool:
        """Whether it has started, has not failed, and is not being stopped."""
        starting = self._starting
        if starting is None or self._stopping is not None or self.failure is not None:
            return False
        return starting.done() and not starting.cancelled() and starting.exception() is None

    @property
    def healthy(self) -> bool:
        """Whether it runs and does its work."""
        return self.running

    def fail(self, error: BaseException) -> None:
        """Tell the owner that this service ended against its will; only the first cause is kept."""
        if self.failure is not None:
            return
        self.failure = error
        self._failed.set()
        if self.on_failure is not None:
            self.on_failure(self, error)

    def answer_for(self, *parts: "Service") -> None:
        """Fail with whichever of these fails first."""
        for part in parts:
            part.on_failure = self._part_failed

    def _part_failed(self, part: "Service", error: BaseException) -> None:
        self.fail(error)

    async def failed(self) -> BaseException:
        """Wait until the service has ended against its will, and return why."""
        while self.failure is None:
            await self._failed.wait()
        return self.failure

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def _undo(self, starting: asyncio.Task[None]) -> None:
        if self._starting is not starting:
            return  # undone already, and perhaps started anew by somebody else
        try:
            await self.stop()
        except Exception as error:  # the caller is to learn why the start failed, not this
            logger.error("%s did not stop well after its failed start: %s", self.name, error, exc_info=error)

    async def _end(self, starting: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(self.stop_limit) as limit:
                await cancel(starting)
                await self._stop()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise LimitExceeded(f"{self.name} did not stop within {self.stop_limit:g} s") from error
        finally:
            self._starting = self._stopping = None


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel the task and return when it has ended, however that was."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=RECANCEL_AFTER)
