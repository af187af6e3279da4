"""A service that does one thing again and again, and outlives what it meets."""

import asyncio
import logging
import random

from jobrunner.errors import JobrunnerError
from jobrunner.lifecycle.service import Service, cancel

logger = logging.getLogger(__name__)


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
