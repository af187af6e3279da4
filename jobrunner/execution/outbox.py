"""The pipe from a slot's process to the daemon, with what waits to be written (runs in the child).

A line goes out at once, so that the last words of a process that dies are there. A job that prints without end
costs neither memory nor time of the daemon: after `BURST` messages within a `WINDOW` they wait in the child and go
out in one batch a window; of lines that wait beyond a run's first `KEPT_OLDEST` only the newest are kept.
The pipe is never waited for while the job works; at its end, for at most `FLUSH_LIMIT`.

A message on the pipe is a JSON list and a line break: the run's number, the kind, and what belongs to it.
"""

import json
import os
import select
import threading
import time
from collections import deque
from typing import Any

from jobrunner.execution.loglines import KEPT_NEWEST, KEPT_OLDEST, MESSAGE_LIMIT
from jobrunner.execution.outcome import shortened

LINE, PROGRESS, LEFT_OUT = "line", "progress", "left out"
"""Kinds of message: time, level, logger, message; fraction, message; number of lines."""

WINDOW = 0.1
"""Seconds between two batches."""
BURST = 100
"""Messages within one window that go out at once, each by itself."""
BATCH_LINES = 200
"""Lines of one batch, after a run's first `KEPT_OLDEST`."""
BATCH_BYTES = 256 * 1024
"""Bytes of one batch."""
CHUNK = 32 * 1024
"""Bytes of one write within a batch."""
FLUSH_LIMIT = 10.0
"""Seconds that a run's last lines may wait for the daemon to read; what is left then is dropped."""


class Outbox:
    """The writing end of the pipe to the daemon, with what waits to be written. Thread-safe."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._run = 0  # 0: no run, and what comes is dropped
        self._abandoned = False
        self._lock = threading.RLock()  # re-entrant: a finalizer may print while this very thread holds it
        self._rest = b""  # what the pipe did not take of the last write
        self._oldest: deque[bytes] = deque()
        self._newest: deque[bytes] = deque()
        self._taken = 0
        self._left_out = 0
        self._progress: bytes | None = None
        self._window_ends = 0.0
        self._window_used = 0
        self._flusher: threading.Thread | None = None
        self._waiting = threading.Event()

    def begin(self, run: int) -> None:
        """Start a run: what follows belongs to it."""
        with self._lock:
            self._oldest.clear()
            self._newest.clear()
            self._taken = self._left_out = 0
            self._progress = None
            self._run = run

    def line(self, at: float, level: int, logger: str, message: str) -> None:
        """Take one line."""
        with self._lock:
            if self._abandoned:
                os.write(2, message.encode(errors="backslashreplace") + b"\n")
            if not self._run:
                return
            data = self._message(LINE, at, level, shortened(logger, 200), shortened(message, MESSAGE_LIMIT))
            self._taken += 1
            if self._written_now(data):
                return
            (self._oldest if self._taken <= KEPT_OLDEST else self._newest).append(data)
            if len(self._newest) > KEPT_NEWEST:
                self._newest.popleft()
                self._left_out += 1
            self._wake_flusher()

    def progress(self, fraction: float, message: str | None) -> None:
        """Take the latest progress; one that still waits is replaced."""
        with self._lock:
            if not self._run:
                return
            data = self._message(PROGRESS, fraction, message)
            if not self._written_now(data):
                self._progress = data
                self._wake_flusher()

    def end(self) -> None:
        """Write out all that waits, and end the run."""
        limit = time.monotonic() + FLUSH_LIMIT
        with self._lock:
            while not self._flush(last=True):
                seconds = limit - time.monotonic()
                if seconds <= 0 or not select.select([], [self._fd], [], seconds)[1]:
                    break
            self._run = 0

    def abandon(self) -> None:
        """Leave the pipe alone: this process is a fork of its owner. Lines go to the standard error from now on."""
        self._lock = threading.RLock()  # another thread of the owner may have held it
        self._run = 0
        self._abandoned = True

    def _message(self, *parts: Any) -> bytes:
        return json.dumps((self._run, *parts), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def _written_now(self, data: bytes) -> bool:
        """Write it if this window allows and nothing waits before it."""
        now = time.monotonic()
        if now >= self._window_ends:
            self._window_ends = now + WINDOW
            self._window_used = 0
        self._window_used += 1
        if self._window_used > BURST or self._rest or self._oldest or self._newest or self._progress:
            return False
        try:
            self._rest = data[os.write(self._fd, data) :]
        except BlockingIOError:
            return False
        if self._rest:
            self._wake_flusher()
        return True

    def _wake_flusher(self) -> None:
        if self._flusher is None:  # most jobs never need it, and a thread makes `fork` in a job unsafe
            self._flusher = threading.Thread(target=self._flush_each_window, name="jobrunner-log", daemon=True)
            self._flusher.start()
        self._waiting.set()

    def _flush_each_window(self) -> None:
        while True:
            self._waiting.wait()
            time.sleep(WINDOW)
            with self._lock:
                if self._flush():
                    self._waiting.clear()

    def _flush(self, last: bool = False) -> bool:
        """Write one batch (the last one without limit) as far as the pipe takes it; return whether nothing waits."""
        size = newest = 0
        while self._write_rest():
            if not last and (size >= BATCH_BYTES or newest >= BATCH_LINES):
                return not (self._oldest or self._newest or self._progress)
            chunk: list[bytes] = []
            end = size + CHUNK
            while size < end and (last or newest < BATCH_LINES):
                if not self._oldest:
                    newest += 1
                data = self._take_next()
                if data is None:
                    break
                chunk.append(data)
                size += len(data)
            if not chunk:
                return True
            self._rest = b"".join(chunk)
        return False

    def _take_next(self) -> bytes | None:
        if self._oldest:
            return self._oldest.popleft()
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            return self._message(LEFT_OUT, left_out)
        if self._newest:
            return self._newest.popleft()
        progress, self._progress = self._progress, None
        return progress

    def _write_rest(self) -> bool:
        while self._rest:
            try:
                self._rest = self._rest[os.write(self._fd, self._rest) :]
            except BlockingIOError:
                return False
        return True
