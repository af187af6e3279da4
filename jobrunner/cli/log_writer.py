"""Writes log lines on a thread of its own, so that whoever reads them can stop reading without stopping the daemon.

A terminal under Ctrl-S, a paused pager, a full pipe: a write to it waits, perhaps for ever. Here only this thread
waits; what does not fit into the queue meanwhile is dropped and counted (failures F46).
"""

import logging
import os
import queue
import sys
import threading

WAITING_LINES = 10_000
"""Lines that wait for a reader; further ones are dropped."""
LAST_WORDS_LIMIT = 1.0
"""Seconds that the end of the process waits for lines to be read."""


class LogWriter(logging.Handler):
    """Formats each record where it is logged, since the job it belongs to is known there, and writes it elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[bytes] = queue.Queue(WAITING_LINES)
        self._dropped = 0
        self._written = threading.Event()
        self._written.set()
        # A descriptor is written to, not sys.stderr: a thread that waits in there would hold its lock at exit. It is
        # one of its own, since the number of another may be that of a connection once it was closed.
        self._fd = os.dup(sys.stderr.fileno())
        threading.Thread(target=self._write, name="jobrunner log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; never waits."""
        try:
            line = (self.format(record) + "\n").encode(errors="backslashreplace")
        except Exception:
            self.handleError(record)
            return
        self._written.clear()
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Wait until what was logged is written, for a moment at most."""
        self._written.wait(LAST_WORDS_LIMIT)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            dropped, self._dropped = self._dropped, 0
            if dropped:
                line = f"... {dropped} lines were dropped here: nobody read them\n".encode() + line
            try:
                while line:
                    line = line[os.write(self._fd, line) :]
            except OSError:
                pass  # its reader has gone: the next line finds out again, and costs nothing
            if self._lines.empty():
                self._written.set()
