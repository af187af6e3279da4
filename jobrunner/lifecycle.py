"""One lifecycle for every moving part: start, stop, a loop's single pass, supervision with back-off.

A `Service` is written as two hooks, `_start` and `_stop`; what is hard about them is written once, here:

* `start()` returns when the service works, or raises having undone what it had begun.
* `stop()` may be called before `start`, during it, twice, or by several at once; each call returns when
  nothing of the service is left. Stopped during its start, the start ends with `StoppedWhileStarting`.
* Cancelling `start()` undoes the start. Cancelling `stop()` ends only that wait: the stop goes on.

Both hooks run in tasks of their own, so that whoever calls can be cancelled at any moment and nothing is
half done. A stopped service may be started again.

A `Loop` is a service that does one thing again and again, `once()`. It outlives every unforeseen exception:
it logs it, backs off with jitter, and goes on. What it cannot outlive it tells its owner through `failed()`.
A `Group` starts its parts in order and stops them in reverse.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
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


class Loop(Service):
    """A service that calls `once()` again and again, at the latest every `interval` seconds, or when woken.

    `interval` None means only when woken. A stop lets the pass under way go on for `grace` seconds before it
    cancels it. An exception from `once` is logged once for each kind, and the loop goes on after a pause
    that doubles from `backoff[0]` to `backoff[1]` seconds, shortened at random by up to half; `wake` does not
    cut this pause short. Exceptions of the types in `fatal` end the loop, and the owner is told; those in
    `expected` are logged without a traceback.
    """

    fatal: tuple[type[BaseException], ...] = ()
    expected: tuple[type[BaseException], ...] = ()
    backoff: tuple[float, float] = (0.1, 10.0)

    def __init__(self, name: str | None = None, *, interval: float | None, grace: float = 0.0) -> None:
        super().__init__(name)
        if interval is not None and interval <= 0:
            raise ValueError(f"interval must be positive, got {interval!r}")
        self.interval = interval
        self.grace = grace
        self.stop_limit = grace + 5.0
        self.passes = 0
        """Passes that ended well, ever."""
        self.failures = 0
        """Passes that failed, ever."""
        self.failures_in_a_row = 0
        self.last_error: BaseException | None = None
        """What the last failed pass raised; kept after the loop has recovered."""
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._ending = asyncio.Event()
        self._awaiting: list[asyncio.Future[None]] = []  # settled by the next pass
        self._awaiting_this: list[asyncio.Future[None]] = []  # settled by the pass under way

    async def once(self) -> None:
        """Do the one pass. Calls `self.wake()` if there is more to do at once."""
        raise NotImplementedError

    def wake(self) -> None:
        """Ask for a pass now, or right after the one under way. Not thread-safe."""
        self._woken.set()

    async def passed(self) -> None:
        """Wake the loop and wait until a pass that began after this call has ended; raises what it raised."""
        if not self.running:
            raise JobrunnerError(f"{self.name} does not run")
        waiter = asyncio.get_running_loop().create_future()
        self._awaiting.append(waiter)
        self.wake()
        await waiter

    @property
    def healthy(self) -> bool:
        """Whether it runs and its last pass did not fail."""
        return self.running and self.failures_in_a_row == 0

    async def _start(self) -> None:
        self._ending.clear()
        self.failures_in_a_row = 0
        self._task = asyncio.create_task(self._run(), name=self.name)
        self._task.add_done_callback(self._ended)

    async def _stop(self) -> None:
        self._ending.set()
        self._woken.set()  # a pause ends at once
        if self._task is not None:
            if self.grace > 0:
                await asyncio.wait([self._task], timeout=self.grace)
            await cancel(self._task)
            self._task = None

    async def _run(self) -> None:
        logged: set[object] = set()
        while not self._ending.is_set():
            self._woken.clear()
            self._awaiting_this, self._awaiting = self._awaiting, []
            try:
                await self.once()
            except self.fatal:
                raise
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _asked_to_cancel():
                    raise  # else it leaked out of something that `once` awaited: a failure like any other
                self._note_failure(error, logged)
                await _pause(self._ending, self._backoff_seconds())
            else:
                self._note_success(logged)
                # A pass that waits for nothing and wakes itself must not keep the event loop from the others.
                await asyncio.sleep(0)
                await _pause(self._woken, self.interval)

    def _note_success(self, logged: set[object]) -> None:
        self.passes += 1
        if self.failures_in_a_row:
            logger.info("%s works again after %d failures", self.name, self.failures_in_a_row)
            self.failures_in_a_row = 0
            logged.clear()
        _settle(self._awaiting_this, None)

    def _note_failure(self, error: BaseException, logged: set[object]) -> None:
        self.failures += 1
        self.failures_in_a_row += 1
        self.last_error = error
        kind = (type(error), _place(error))
        if kind not in logged:
            logged.add(kind)
            known = isinstance(error, self.expected)
            words = str(error) or type(error).__name__
            logger.log(
                logging.WARNING if known else logging.ERROR,
                "%s failed and will go on: %s",
                self.name,
                words,
                exc_info=None if known else error,
            )
        _settle(self._awaiting_this, error)

    def _backoff_seconds(self) -> float:
        first, longest = self.backoff
        doubled: float = first * 2 ** min(self.failures_in_a_row - 1, 30)
        return min(doubled, longest) * random.uniform(0.5, 1.0)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.fail(error)
        elif not self._ending.is_set():
            self.fail(JobrunnerError(f"{self.name} was cancelled by something else than its stop"))
        reason = error or JobrunnerError(f"{self.name} was stopped")
        _settle(self._awaiting_this, reason)
        _settle(self._awaiting, reason)


class Group(Service):
    """Parts that belong together: started in order, stopped in reverse.

    A start that fails half-way stops the parts that had started. When a part fails, the group fails with the
    same error. Each part keeps its own stop limit; one that does not stop well is logged, the others are
    stopped all the same, and then the first such error is raised.
    """

    stop_limit = None

    def __init__(self, *parts: Service, name: str | None = None) -> None:
        super().__init__(name)
        self.parts: Sequence[Service] = parts
        self.answer_for(*parts)

    @property
    def healthy(self) -> bool:
        """Whether it runs and each of its parts does its work."""
        return self.running and all(part.healthy for part in self.parts)

    async def _start(self) -> None:
        for part in self.parts:
            await part.start()

    async def _stop(self) -> None:
        first_error: Exception | None = None
        for part in reversed(self.parts):
            try:
                await part.stop()
            except Exception as error:
                logger.error("%s did not stop well: %s", part.name, error, exc_info=error)
                first_error = first_error or error
        if first_error is not None:
            raise first_error


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel the task and return when it has ended, however that was."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=RECANCEL_AFTER)


async def _pause(event: asyncio.Event, seconds: float | None) -> None:
    """Wait until the event is set, or `seconds` have passed."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _asked_to_cancel() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _place(error: BaseException) -> tuple[str, int] | None:
    """Return file and line that raised it: with its type, the kind of a failure."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return None if frame is None else (frame.tb_frame.f_code.co_filename, frame.tb_lineno)


def _settle(waiters: list[asyncio.Future[None]], error: BaseException | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        elif isinstance(error, asyncio.CancelledError):
            waiter.set_exception(JobrunnerError(f"the pass was cancelled: {error}"))
        else:
            waiter.set_exception(error)
    waiters.clear()
