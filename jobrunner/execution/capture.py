"""Takes what a job prints and logs inside a slot's process, line by line, to its outbox (runs in the child)."""

import codecs
import io
import logging
import os
import sys
import threading
import time
from typing import Any, TextIO

from jobrunner.execution.loglines import after_return
from jobrunner.execution.outbox import Outbox

PARTIAL_LIMIT = 16 * 1024
"""Characters printed without a line break after which the line is taken as ended."""


class LineStream(io.TextIOBase):
    """Stands in for sys.stdout or sys.stderr: each line printed is a line of the job's log."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, outbox: Outbox, name: str, level: int, fd: int) -> None:
        self.name = name
        self._outbox = outbox
        self._level = level
        self._fd = fd
        self._lock = threading.RLock()
        self._partial = ""
        self.buffer = LineBytes(self)

    def write(self, text: str, /) -> int:
        """Take text; its complete lines go out."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            *lines, self._partial = (self._partial + text).split("\n")
            if len(self._partial) > PARTIAL_LIMIT:
                lines.append(self._partial)
                self._partial = ""
            for line in lines:
                self._emit(line)
        return len(text)

    def end_line(self) -> None:
        """Send what was printed since the last line break."""
        with self._lock:
            partial, self._partial = self._partial, ""
            self._emit(partial)

    def _emit(self, line: str) -> None:
        if line := after_return(line):
            self._outbox.line(time.time(), self._level, self.name, line)

    def writable(self) -> bool:
        """Say that it is."""
        return True

    def fileno(self) -> int:
        """The real descriptor: what is written there reaches the log too."""
        return self._fd

    def close(self) -> None:
        """Do nothing: the next job prints here too."""


class LineBytes(io.RawIOBase):
    """The `buffer` of a `LineStream`, for those who print bytes."""

    def __init__(self, stream: LineStream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: Any, /) -> int:
        """Take text in UTF-8."""
        self._stream.write(self._decoder.decode(bytes(data)))
        return len(data)

    def writable(self) -> bool:
        """Say that it is."""
        return True

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self._stream.fileno()

    def close(self) -> None:
        """Do nothing, as the stream."""


class LineHandler(logging.Handler):
    """Sends log records; an exception's traceback belongs to its record's line."""

    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
        self._outbox = outbox

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record."""
        try:
            self._outbox.line(record.created, record.levelno, record.name, self.format(record))
        except Exception:  # as all handlers: a record that cannot be formatted is reported, the job goes on
            self.handleError(record)


class Capture:
    """All that a job in this process prints and logs, from now on."""

    def __init__(self, fd: int) -> None:
        self.outbox = Outbox(fd)
        self.handler = LineHandler(self.outbox)
        self._streams = (
            LineStream(self.outbox, "stdout", logging.INFO, 1),
            LineStream(self.outbox, "stderr", logging.WARNING, 2),
        )
        # Those that are there were made for the daemon's descriptors, of which one may be a file: they would seek.
        vars(sys).update(__stdout__=_plain(1), __stderr__=_plain(2))
        root = logging.getLogger()
        root.handlers[:] = [self.handler]  # what preloaded modules set up writes to the daemon's own streams
        if root.level in (logging.NOTSET, logging.WARNING):
            root.setLevel(logging.INFO)
        os.register_at_fork(after_in_child=self._release)

    def begin_run(self, run: int) -> None:
        """Take what is printed and logged as this run's."""
        sys.stdout, sys.stderr = self._streams  # the last job may have put others there
        self.outbox.begin(run)

    def end_run(self) -> None:
        """Send everything that the run printed and logged."""
        for stream in self._streams:
            stream.end_line()
        self.outbox.end()

    def _release(self) -> None:
        """In a process that the job forked: print to the descriptors themselves, which the daemon reads as well."""
        self.outbox.abandon()
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


def _plain(fd: int) -> TextIO:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
