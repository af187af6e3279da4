"""A time limit that many tasks share, under one timer; entering and leaving it costs next to nothing."""

import asyncio
from types import TracebackType


class SharedLimit:
    """So many seconds for each task that enters it; made where a loop runs."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._begun: dict[Share, None] = {}
        """In the order in which they run out."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> "Share":
        """Return what the current task enters by `with`; its time begins there."""
        return Share(self)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _add(self, share: "Share") -> None:
        share.at = self._loop.time() + self._seconds
        self._begun[share] = None
        if self._timer is None:
            self._timer = self._loop.call_at(share.at, self._look)

    def _remove(self, share: "Share") -> None:
        self._begun.pop(share, None)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._begun:
            first = next(iter(self._begun))
            if first.at > now:
                self._timer = self._loop.call_at(first.at, self._look)
                return
            del self._begun[first]
            first.run_out()


class Share:
    """The limit of one task; leaving it raises TimeoutError where it has run out, as that of `asyncio.timeout` does."""

    __slots__ = ("_cancelling", "_has_run_out", "_shared", "_task", "at")

    def __init__(self, shared: SharedLimit) -> None:
        self._shared = shared
        self._has_run_out = False
        self.at = 0.0

    def run_out(self) -> None:
        """Break its task off."""
        self._has_run_out = True
        self._task.cancel()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a limit needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._shared._add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._shared._remove(self)
        # Where somebody else cancelled the task as well, that goes on.
        if self._has_run_out and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
