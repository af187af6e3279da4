"""Inside workers: telling the benchmark when a job started, the same way in every system."""

import os
import socket
import struct
import time
from functools import cache

from scripts.benchmarks.queueing.system import START_SOCKET

MESSAGE = struct.Struct("=qq")
"""A job's number, and the time in nanoseconds at which its function began."""


@cache
def _line() -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.connect(os.environ[START_SOCKET])
    return line


def started(number: int) -> None:
    """Tell that the job of this number runs now."""
    now = time.time_ns()
    _line().send(MESSAGE.pack(number, now))
