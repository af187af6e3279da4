"""One slot: one process in which blocking jobs run, one after another, in an executor of its own.

`concurrent.futures` fails all calls of a pool when one of its processes dies, cannot stop a call that runs, and does
not say which process runs it. With one process per executor, its process known, a job is stopped by killing the
process, and nobody else notices. A slot that lost its process is not mended: `ProcessSlots` opens another.
"""

import asyncio
import json
import os
import secrets
import signal
import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from logging import WARNING
from typing import Any

from jobrunner.errors import JobrunnerError, LimitExceeded
from jobrunner.execution import child
from jobrunner.execution.forkserver import ForkServer, SlotContext
from jobrunner.execution.loglines import OnLog, OnProgress
from jobrunner.execution.outcome import TRACEBACK_LIMIT, shortened
from jobrunner.execution.output import Output
from jobrunner.execution.processes import ProcessIdentity, Traces, end_family, end_orphans, send
from jobrunner.execution.slotresult import SlotLost, SlotResult, SlotsStopped

START_LIMIT = 60.0
"""Seconds until a slot's process must work; the first one's include what the fork server imports ahead."""
KILL_LIMIT = 1.0
"""Seconds within which a killed process must be gone."""
KILL_PATIENCE = 0.003
"""Seconds that a kill may hold up the event loop, for one that is just forking."""
WHERE_LIMIT = 0.05
"""Seconds that a job past its deadline gets to write down where it is."""


class Slot:
    """One process for blocking jobs. `open` and `close` block; the rest belongs to the event loop."""

    def __init__(self, server: ForkServer) -> None:
        self.mark = secrets.token_hex(8)
        self.reusable = True
        """False once the process was killed or is not to be used again."""
        self._server = server
        self._context = SlotContext(server)
        self._identity: ProcessIdentity | None = None
        self._executor: ProcessPoolExecutor | None = None
        self._output: Output | None = None
        self._scratch: int | None = None
        self._killed = False
        self._stopped = False
        self._runs = 0
        _slots.add(self)

    @property
    def pid(self) -> int | None:
        """The process id, while there is a process."""
        return None if self._identity is None else self._identity.pid

    def open(self) -> bool:
        """Start the process and wait until it works; return whether its fork server is guarded.

        Raises:
            LimitExceeded: it did not work within START_LIMIT.
            JobrunnerError: it ended at once.
        """
        lines, child_lines = os.pipe()
        outside, child_outside = os.pipe()
        self._output = Output(lines, outside)
        self._scratch = _scratch_file()
        self._executor = ProcessPoolExecutor(
            1,
            mp_context=self._context,
            initializer=child.set_up,
            initargs=(
                child.PassedFd(child_lines),
                child.PassedFd(child_outside),
                child.PassedFd(self._scratch),
                self.mark,
            ),
        )
        # Its start waits for the fork server, for as long as that takes: a thread ends the wait from outside.
        overdue = Overdue(self._server)
        overdue.start()
        try:
            future = self._executor.submit(child.ready)
            assert self._context.process is not None
            assert self._context.process.pid is not None
            self._identity = ProcessIdentity.of(self._context.process.pid)
            return future.result()
        except (BrokenProcessPool, OSError, EOFError) as error:
            if overdue.happened:
                raise LimitExceeded(f"a process for blocking jobs did not start within {START_LIMIT:g} s") from error
            words = self._output.leftover() or f"{type(error).__name__}: {error}"
            raise JobrunnerError(f"a process for blocking jobs could not be started: {words}") from error
        finally:
            overdue.cancel()
            os.close(child_lines)
            os.close(child_outside)

    def attach(self, on_lost: Callable[["Slot"], None]) -> None:
        """Begin to listen to the process; `on_lost` is called when it ends by itself."""
        assert self._output is not None
        self._output.attach(lambda: on_lost(self))

    async def run(
        self,
        call: bytes,
        *,
        deadline: float | None,
        on_log: OnLog,
        on_progress: OnProgress,
    ) -> SlotResult:
        """Run one job; for the arguments see `ProcessSlots.run`. Cancelled, it kills the process first.

        Raises:
            SlotLost: the process had ended before the job began.
            SlotsStopped: `stop` was called meanwhile.
        """
        assert self._executor is not None
        assert self._output is not None
        self._runs += 1
        self._output.begin(self._runs, on_log, on_progress)
        try:
            try:
                running = self._executor.submit(child.run, b'{"run":%d,%b' % (self._runs, call[1:]))
            except (BrokenProcessPool, RuntimeError) as error:
                self.kill()
                raise SlotLost("a process for blocking jobs ended by itself") from error
            return await self._ended(asyncio.wrap_future(running), running, deadline)
        finally:
            self._output.end()

    async def _ended(
        self, future: asyncio.Future[bytes], running: "Future[bytes]", deadline: float | None
    ) -> SlotResult:
        future.add_done_callback(_seen)
        try:
            await asyncio.wait([future], timeout=deadline)
            if not future.done():
                return await self._timed_out(future, deadline)
        except asyncio.CancelledError:
            self.kill()
            await asyncio.wait([future], timeout=KILL_LIMIT)
            raise
        if self._stopped:
            raise SlotsStopped("the daemon's process slots were stopped while the job ran")
        try:
            answer = json.loads(future.result())
        except BrokenProcessPool as error:
            return self._died(error)
        return self._answered(answer)

    def _answered(self, answer: dict[str, Any]) -> SlotResult:
        assert self._output is not None
        if answer.get("suspect"):
            self.kill()
        elif answer.get("children_left"):
            self._output.drain()
            ended = self.kill() - 1
            self._output.note(WARNING, f"{ended} processes that the job had started and left running were ended")
        fields = ("value", "error", "traceback", "more", "idle")
        return SlotResult(answer["outcome"], **{name: answer[name] for name in fields if name in answer})

    async def _timed_out(self, future: asyncio.Future[bytes], deadline: float | None) -> SlotResult:
        assert self._identity is not None
        if self._identity.alive:
            send(self._identity.pid, child.WHERE_SIGNAL)
            await asyncio.wait([future], timeout=WHERE_LIMIT)
        self.kill()
        await asyncio.wait([future], timeout=KILL_LIMIT)
        if self._stopped:
            raise SlotsStopped("the daemon's process slots were stopped while the job ran")
        return SlotResult(
            "timeout", error=f"it did not end within its deadline of {deadline:g} s", traceback=self._where()
        )

    def _died(self, error: BrokenProcessPool) -> SlotResult:
        self.kill()  # its descendants
        assert self._scratch is not None
        if os.pread(self._scratch, child.SCRATCH_TEXT, 0).strip() != b"%d" % self._runs:
            raise SlotLost("a process for blocking jobs ended before the job began") from error
        assert self._context.process is not None
        description = _description(*self._context.process.ending)
        return SlotResult("died", error=description, traceback=self._where(), exit_description=description)

    def _where(self) -> str | None:
        assert self._scratch is not None
        text = os.pread(self._scratch, TRACEBACK_LIMIT, child.SCRATCH_TEXT).decode(errors="replace")
        return shortened(text, TRACEBACK_LIMIT) or None

    def kill(self) -> int:
        """Kill the process and all its descendants, now; return how many there were."""
        self.reusable = False
        if self._killed or self._identity is None:
            return 0
        self._killed = True
        return end_family(self._identity, self._traces(), KILL_PATIENCE)

    def _traces(self) -> Traces | None:
        if self._server.pid is None or self._output is None:
            return None
        return Traces(self._server.pid, self.mark, self._output.inodes)

    def stop(self) -> None:
        """Kill the process; a run ends with SlotsStopped."""
        self._stopped = True
        self.kill()

    def detach(self) -> None:
        """Listen no more."""
        if self._output is not None:
            self._output.detach()

    def close(self) -> None:
        """Give back everything, after `detach`: process, threads, descriptors. May be called after a failed `open`."""
        self.kill()
        _slots.discard(self)
        if self._executor is not None:
            _shut_down(self._executor)
        process = self._context.process
        if process is not None and process.pid is not None:
            process.join(KILL_LIMIT)
            if process.exitcode is not None:
                process.close()
            if (traces := self._traces()) is not None:
                end_orphans(traces)  # of a process that was just forking when it was killed
        if self._output is not None:
            self._output.close()
        if self._scratch is not None:
            os.close(self._scratch)
        self._executor = self._output = self._scratch = None


class Overdue(threading.Timer):
    """Ends the fork server if a process does not start in time."""

    def __init__(self, server: ForkServer) -> None:
        super().__init__(START_LIMIT, self._end)
        self.daemon = True
        self.happened = False
        self._server = server

    def _end(self) -> None:
        self.happened = True
        self._server.kill()


def _shut_down(executor: ProcessPoolExecutor) -> None:
    """End the executor's threads and close its pipes; by itself it leaves some of them to the garbage collector."""
    queue = getattr(executor, "_call_queue", None)
    wakeup = getattr(executor, "_executor_manager_thread_wakeup", None)
    executor.shutdown(wait=True, cancel_futures=True)
    for owner in (queue, wakeup):
        for end in (getattr(owner, "_reader", None), getattr(owner, "_writer", None)):
            if end is not None and not end.closed:
                end.close()


def _seen(future: asyncio.Future[bytes]) -> None:
    """Mark the future's exception as seen: nobody looks at it after a kill."""
    if not future.cancelled():
        future.exception()


def _description(code: int | None, guessed: bool) -> str:
    if code is None or guessed:
        return "its process was lost together with the fork server"
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
    return f"its process ended with signal {-code} ({name}){hint}"


def _scratch_file() -> int:
    """Return the descriptor of a nameless file."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("jobrunner-slot", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


_slots: "weakref.WeakSet[Slot]" = weakref.WeakSet()


def _kill_all() -> None:
    for slot in list(_slots):
        slot.kill()


# At the interpreter's end concurrent.futures waits for running calls. Where slots were not stopped, because something
# went very wrong, that may be for ever; what is registered later is called before it.
if (_register := getattr(threading, "_register_atexit", None)) is not None:
    _register(_kill_all)
