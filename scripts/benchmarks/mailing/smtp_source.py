"""Postfix's smtp-source: a C program that sends one ready message again and again, and does not pipeline."""

import asyncio
import os
import subprocess
import time

from scripts.benchmarks.mailing.letter import SENDER
from scripts.benchmarks.mailing.names import SOURCE
from scripts.benchmarks.mailing.sink import find_program
from scripts.benchmarks.mailing.sizes import CONNECTIONS
from scripts.benchmarks.mailing.system import Sender, Sent

HEADER = 140
"""Octets that it adds to what it is told."""


class SmtpSource(Sender):
    """It, with connections that it keeps."""

    name = SOURCE

    def __init__(self, size: int) -> None:
        """`size`: octets of a message."""
        self.size = size
        self._program = find_program("smtp-source")

    async def send(self, count: int, port: int) -> Sent:
        """Send."""
        connections = min(CONNECTIONS, count)
        command = [self._program, "-d", "-s", str(connections), "-m", str(count), "-l", str(self.size - HEADER)]
        command += ["-f", SENDER, "-t", "reader@mail1.example.net", f"127.0.0.1:{port}"]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: ASYNC220  wait4 needs it
        # Waited for by hand, since only so its CPU is told from that of other children.
        _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
        took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"smtp-source ended with {process.returncode}")
        return Sent(took, usage.ru_utime + usage.ru_stime)
