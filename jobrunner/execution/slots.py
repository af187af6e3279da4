"""The pool of slots: hands each blocking job to a free slot, and keeps as many slots as are wanted."""

import asyncio
import contextlib
import json
import logging
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from jobrunner.errors import ConfigurationError, InvalidJobData, JobrunnerError
from jobrunner.execution.loglines import OnLog, OnProgress
from jobrunner.execution.slotresult import SlotLost, SlotResult, SlotsStopped
from jobrunner.imports import alone, imported
from jobrunner.lifecycle import Service

if TYPE_CHECKING:  # not to be imported where forks are not known
    from jobrunner.execution.forkserver import ForkServer
    from jobrunner.execution.slot import Slot

__all__ = ["SUPPORTED", "ProcessSlots", "SlotResult", "SlotsStopped"]

T = TypeVar("T")

log = logging.getLogger("jobrunner.execution")

SUPPORTED = sys.platform != "win32"
"""Whether this platform can run blocking jobs in parallel; where not, they run one at a time in the daemon."""

OPENING_THREADS = 4
CHANCES = 3
"""Slots that a run may be given, where their processes end before it has begun."""
TRIES = 3
"""Failures to open a slot in a row, while there is none, after which runs that wait are told."""
BACKOFF = (0.1, 10.0)
"""Seconds of the first and the longest pause after a slot could not be opened."""


class ProcessSlots(Service):
    """Processes for blocking jobs, `count` of them, each a slot for one job at a time.

    `start` returns when the first works; the others follow. `preload` names modules that the fork server imports
    ahead, so that a new process has them.
    """

    def __init__(self, count: int, preload: Sequence[str] = ()) -> None:
        super().__init__("process slots")
        self.count = count
        """How many slots there are to be."""
        self.renewed = 0
        """Slots whose process was lost or killed, and that were opened anew, ever."""
        self._preload = preload
        self._server: ForkServer | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._slots: set[Slot] = set()
        self._idle: list[Slot] = []
        self._waiting: deque[asyncio.Future[Slot]] = deque()
        self._in_flight = 0
        self._opening = 0
        self._failures = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = False
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()

    async def _start(self) -> None:
        if not SUPPORTED:
            raise ConfigurationError("blocking jobs cannot run in parallel on Windows: set jobs_run_in_parallel to off")
        self._threads = ThreadPoolExecutor(OPENING_THREADS, "jobrunner-slots")
        self._server = await self._call(lambda: _fork_server(self._preload))
        self._open = True
        self._closing.clear()
        self._failures = 0
        self._opening += 1
        try:
            await self._open_one()
        finally:
            self._opening -= 1
        self._keep_count()

    async def _stop(self) -> None:
        self._open = False
        self._closing.set()
        self._turn_away(SlotsStopped("the daemon's process slots were stopped"))
        for slot in self._slots:
            slot.stop()
        while self._in_flight:  # their processes are dead, so it is a matter of moments
            self._ended.clear()
            await self._ended.wait()
        for slot in list(self._slots):
            self._retire(slot)
        if self._server is not None and self._opening:
            self._server.refuse()
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._server is not None:
            await self._call(self._server.stop)
        if self._threads is not None:
            self._threads.shutdown(wait=True)
        self._server = self._threads = None

    @property
    def free(self) -> int:
        """How many runs would begin at once."""
        return max(0, self.count - self._in_flight) if self._open else 0

    def resize(self, count: int) -> None:
        """Change the number of slots: more are opened now, those too many go as they become free."""
        if count < 1:
            raise ValueError(f"the number of process slots must be positive, got {count}")
        self.count = count
        if self._open:
            self._keep_count()

    async def run(
        self,
        module: str,
        qualname: str,
        keyword_arguments: Mapping[str, Any],
        context: Mapping[str, Any],
        *,
        deadline: float | None,
        on_log: OnLog,
        on_progress: OnProgress,
    ) -> SlotResult:
        """Run a blocking job in a slot, once one is free; runs are served in the order of their calls.

        Cancelled, it kills the job's process and its descendants, and raises when they are gone.

        Args:
            module: where the function is; the slot's process imports it.
            qualname: the function's name in it, also where a job definition of that function stands.
            keyword_arguments: the job's data, values as JSON knows them.
            context: what `ctx` tells the job: `job_id`, `name`, `attempt`, `max_attempts`, `target_type`, `target_id`,
                `data`, `firing` (ISO 8601).
            deadline: seconds from the start after which the process is killed.
            on_log: gets the lines that the job logs and prints, at most every 100 ms, at most 2,000 lines a run (the
                oldest at once, the newest at the end).
            on_progress: gets what `ctx.progress` says, the latest at most every 100 ms.

        Raises:
            InvalidJobData: an argument cannot be written as JSON.
            SlotsStopped: the pool does not run, or was stopped meanwhile.
            JobrunnerError: no process could be started.
        """
        call = _encoded(
            {"module": module, "qualname": qualname, "arguments": dict(keyword_arguments), "context": dict(context)}
        )
        if not self._open:
            raise SlotsStopped("the daemon's process slots do not run")
        self._in_flight += 1
        try:
            for chance in range(CHANCES, 0, -1):
                slot = await self._take()
                try:
                    return await slot.run(call, deadline=deadline, on_log=on_log, on_progress=on_progress)
                except SlotLost as error:
                    if chance == 1:
                        return SlotResult("died", error=str(error), exit_description=str(error))
                    log.info("a process for blocking jobs ended while it was idle; the job takes another")
                finally:
                    self._give_back(slot)
            raise AssertionError("the last chance ends the run")
        finally:
            self._in_flight -= 1
            self._ended.set()

    async def _take(self) -> "Slot":
        if self._idle:
            return self._idle.pop()
        if not self._open:
            raise SlotsStopped("the daemon's process slots were stopped")
        waiter: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
            raise

    def _give_back(self, slot: "Slot") -> None:
        """Take a slot that is not busy (any more): to the next run, or to rest, or away."""
        if not slot.reusable or not self._open or len(self._slots) > self.count:
            self._retire(slot)
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(slot)
                return
        self._idle.append(slot)

    def _retire(self, slot: "Slot") -> None:
        """Part with a slot; another takes its place if there are too few."""
        if slot not in self._slots:
            return
        self._slots.discard(slot)
        if slot in self._idle:
            self._idle.remove(slot)
        slot.kill()
        slot.detach()
        self._in_background(self._call(slot.close))
        if self._open and len(self._slots) + self._opening < self.count:
            self.renewed += 1
            self._keep_count()

    def _keep_count(self) -> None:
        while self._idle and len(self._slots) > self.count:
            self._retire(self._idle[0])
        while len(self._slots) + self._opening < self.count:
            self._opening += 1
            self._in_background(self._open_another())

    async def _open_another(self) -> None:
        try:
            if self._failures:
                first, longest = BACKOFF
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(first * 2.0 ** min(self._failures - 1, 10), longest)):
                        await self._closing.wait()
            if self._open and len(self._slots) < self.count:
                await self._open_one()
                self._failures = 0
        except (JobrunnerError, OSError) as error:
            self._failures += 1
            if self._open:
                log.error("%s; it is tried again", error)
                if not self._slots and self._failures >= TRIES:  # else there will be one that becomes free
                    self._turn_away(JobrunnerError(str(error)))
        finally:
            self._opening -= 1
            if self._open:
                self._keep_count()

    async def _open_one(self) -> None:
        await imported("jobrunner.execution.slot")
        from jobrunner.execution.slot import Slot

        assert self._server is not None
        slot = Slot(self._server)
        opening = asyncio.ensure_future(self._call(slot.open))
        try:
            await asyncio.wait([opening])
        except asyncio.CancelledError:
            self._server.refuse()
            await asyncio.wait([opening])
            opening.exception()
            await self._call(slot.close)
            raise
        if opening.exception() is not None:
            await self._call(slot.close)
        if not opening.result():
            log.warning("the fork server is not guarded: what a job starts may outlive a daemon that is killed")
        self._slots.add(slot)
        slot.attach(self._lost)
        self._give_back(slot)

    def _lost(self, slot: "Slot") -> None:
        """Renew a slot whose process ended while it was idle; a run finds out by itself."""
        slot.reusable = False
        if slot in self._idle:
            log.warning("a process for blocking jobs ended while it was idle; another takes its place")
            self._retire(slot)

    def _turn_away(self, error: Exception) -> None:
        """Tell those who wait that there will be no slot for them."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(error)
        self._waiting.clear()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="process slots")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, function: Callable[[], T]) -> T:
        assert self._threads is not None
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)


def _fork_server(preload: Sequence[str]) -> "ForkServer":
    """Make the fork server, not started yet: in a thread, for the time that its imports take."""
    with alone("jobrunner.execution.slot", "jobrunner.execution.forkserver"):
        import jobrunner.execution.slot  # noqa: F401
        from jobrunner.execution.forkserver import ForkServer

    return ForkServer(["jobrunner.execution.child", *preload])


def _encoded(request: dict[str, Any]) -> bytes:
    try:
        return json.dumps(request, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidJobData(f"the job's data cannot be written as JSON: {error}") from None
