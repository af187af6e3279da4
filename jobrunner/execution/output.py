"""The daemon's ends of the two pipes of a slot: what the job logs, and what comes from outside Python.

Of the second, at most `CHUNK` bytes are read in each `WINDOW`: a program that prints faster waits at its pipe. (The
first is held back by the child, see `capture`.)
"""

import asyncio
import fcntl
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from jobrunner.execution.loglines import (
    KEPT_NEWEST,
    KEPT_OLDEST,
    MESSAGE_LIMIT,
    LineCap,
    LogLine,
    OnLog,
    OnProgress,
    after_return,
)
from jobrunner.execution.outbox import LEFT_OUT, LINE, PROGRESS, WINDOW
from jobrunner.execution.outcome import shortened

log = logging.getLogger("jobrunner.execution")

CHUNK = 128 * 1024
"""Bytes read at once; also the size of the pipe for what comes from outside Python."""
PARTIAL_LIMIT = 256 * 1024
"""Bytes without a line break that are kept; no message of the child is longer."""


class Output:
    """The reading ends; belongs to one event loop from `attach` to `detach`, and to at most one run at a time."""

    def __init__(self, lines: int, outside: int) -> None:
        self._lines = lines
        self._outside = outside
        for fd in (lines, outside):
            os.set_blocking(fd, False)
        if sys.platform == "linux":
            try:
                fcntl.fcntl(outside, fcntl.F_SETPIPE_SZ, CHUNK)
            except OSError:
                pass  # the user's limit for pipes is reached; the usual size does too
        self.inodes = frozenset((os.fstat(lines).st_ino, os.fstat(outside).st_ino))
        """What the pipes are known by in every process that holds an end."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_end: Callable[[], None] | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._deliver: asyncio.TimerHandle | None = None
        self._delivered_at = 0.0
        self._partial = self._outside_partial = b""
        self._run = 0
        self._on_log: OnLog | None = None
        self._on_progress: OnProgress | None = None
        self._cap = LineCap()
        self._fresh: list[LogLine] = []
        self._progress: tuple[float, str | None] | None = None

    def attach(self, on_end: Callable[[], None]) -> None:
        """Begin to read. `on_end` is called when the child has closed its end, which it does by ending."""
        self._loop = asyncio.get_running_loop()
        self._on_end = on_end
        self._loop.add_reader(self._lines, self._read_lines)
        self._loop.add_reader(self._outside, self._read_outside)

    def detach(self) -> None:
        """Read no more."""
        self._on_end = None
        for timer in (self._resume, self._deliver):
            if timer is not None:
                timer.cancel()
        if self._loop is not None:
            self._loop.remove_reader(self._lines)
            self._loop.remove_reader(self._outside)
            self._loop = None

    def close(self) -> None:
        """Close the descriptors, after `detach`."""
        os.close(self._lines)
        os.close(self._outside)

    def leftover(self) -> str:
        """Return the last words of a process that has ended, before `attach`."""
        return (self._read(self._outside) or b"").decode(errors="backslashreplace").strip()[-2000:]

    def begin(self, run: int, on_log: OnLog, on_progress: OnProgress) -> None:
        """Give what comes from now on to this run. What other runs left behind is thrown away."""
        self._take_outside(self._read(self._outside))
        self._outside_partial = b""
        self._run, self._on_log, self._on_progress = run, on_log, on_progress
        self._cap = LineCap()

    def drain(self) -> None:
        """Take what the child has written until now."""
        while data := self._read(self._lines):
            self._take_lines(data)
        self._take_outside(self._read(self._outside))

    def note(self, level: int, message: str) -> None:
        """Add a line of our own to the run's log."""
        self._fresh += self._cap.add([LogLine(time.time(), level, "jobrunner", message)])

    def end(self) -> None:
        """Give out all that is left for the run, and end it."""
        self.drain()
        if self._outside_partial:
            self._take_outside(b"\n")
        self._fresh += self._cap.finish()
        self._give_out()
        self._run, self._on_log, self._on_progress = 0, None, None

    def _read(self, fd: int) -> bytes | None:
        """Return what is there, b"" at the end of the pipe, None when there is nothing."""
        try:
            return os.read(fd, CHUNK)
        except BlockingIOError:
            return None

    def _read_lines(self) -> None:
        data = self._read(self._lines)
        if data:
            self._take_lines(data)
        elif data is not None and self._loop is not None:
            self._loop.remove_reader(self._lines)
            if self._on_end is not None:
                self._on_end()

    def _read_outside(self) -> None:
        data = self._read(self._outside)
        self._take_outside(data)
        if self._loop is None or data is None:
            return
        if not data:
            self._loop.remove_reader(self._outside)
        elif len(data) >= CHUNK // 2:
            self._loop.remove_reader(self._outside)
            self._resume = self._loop.call_later(WINDOW, self._loop.add_reader, self._outside, self._read_outside)

    def _take_lines(self, data: bytes) -> None:
        *messages, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > PARTIAL_LIMIT:
            self._partial = b""
        for message in messages:
            try:
                run, kind, *parts = json.loads(message)
                if run == self._run:
                    self._take(kind, parts)
            except (ValueError, TypeError, RecursionError):
                log.warning("a blocking job wrote to the pipe of its process, which is not for it: %.100r", message)
        if self._fresh or self._progress:
            self._give_out_soon()

    def _take(self, kind: str, parts: list[Any]) -> None:
        if kind == LINE:
            self._fresh += self._cap.add([LogLine(*parts)])
        elif kind == PROGRESS:
            self._progress = (parts[0], parts[1])
        elif kind == LEFT_OUT:
            self._cap.add([], left_out=parts[0])

    def _take_outside(self, data: bytes | None) -> None:
        if not data:
            return
        *lines, self._outside_partial = (self._outside_partial + data).split(b"\n")
        if len(self._outside_partial) > MESSAGE_LIMIT * 4:
            lines.append(self._outside_partial)
            self._outside_partial = b""
        if not self._run:
            return
        left_out = max(0, len(lines) - KEPT_OLDEST - KEPT_NEWEST)
        if left_out:  # of so many none in the middle can be kept: do not even look at them
            self._fresh += self._cap.add(map(_outside_line, lines[:KEPT_OLDEST]))
            lines = lines[-KEPT_NEWEST:]
        self._fresh += self._cap.add(map(_outside_line, filter(None, lines)), left_out)
        if self._fresh:
            self._give_out_soon()

    def _give_out_soon(self) -> None:
        if self._deliver is not None or self._loop is None:
            return
        pause = self._delivered_at + WINDOW - self._loop.time()
        if pause <= 0:
            self._give_out()
        else:
            self._deliver = self._loop.call_later(pause, self._give_out)

    def _give_out(self) -> None:
        if self._deliver is not None:
            self._deliver.cancel()
            self._deliver = None
        if self._loop is not None:
            self._delivered_at = self._loop.time()
        lines, self._fresh = self._fresh, []
        progress, self._progress = self._progress, None
        try:
            if lines and self._on_log is not None:
                self._on_log(lines)
            if progress is not None and self._on_progress is not None:
                self._on_progress(*progress)
        except Exception:
            log.exception("a job's log lines or progress could not be taken")


def _outside_line(data: bytes) -> LogLine:
    text = after_return(data[: MESSAGE_LIMIT * 8].decode(errors="backslashreplace"))
    return LogLine(time.time(), logging.INFO, "output", shortened(text, MESSAGE_LIMIT))
