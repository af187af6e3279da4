"""Postfix's smtp-sink, which takes every message, counts it and throws it away."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from typing import Self

from jobrunner.errors import JobrunnerError
from scripts.benchmarks import cpu

START_LIMIT = 10.0
"""Seconds until it must greet."""
COUNTED_LIMIT = 2.0
"""Seconds until what it has taken must be in its count."""


class ProgramMissing(JobrunnerError):
    """A program that the benchmark needs is not there."""


def find_program(name: str) -> str:
    """Return the path of a program of Postfix's; raises ProgramMissing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise ProgramMissing(
            f"{name} is not installed: `apt-get install postfix` as root (Postfix itself need not run)"
        )
    return found


def free_port() -> int:
    """Return a port at the loopback address that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Sink:
    """One of its processes, on a port of its own at the loopback address. Made, it takes mail."""

    def __init__(self, *flags: str) -> None:
        self.port = free_port()
        # Started by root it wants another account.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [find_program("smtp-sink"), *user, "-c", *flags, f"127.0.0.1:{self.port}", "1024"]
        self._counts = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the process is
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._counts, stderr=subprocess.DEVNULL
        )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
                    if line.recv(3) == b"220":
                        return
            except OSError:
                time.sleep(0.01)
        raise ProgramMissing("smtp-sink does not greet on a loopback port: see whether it runs by hand")

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        return cpu.spent(self._process.pid)

    def messages(self) -> int:
        """Return how many it has taken. It writes `sess=1 quit=0 mesg=2` and a carriage return at each."""
        size = os.fstat(self._counts.fileno()).st_size
        last = os.pread(self._counts.fileno(), 200, max(0, size - 200)).decode().rstrip("\r").rpartition("\r")[2]
        return int(last.rpartition("mesg=")[2]) if "mesg=" in last else 0

    def check(self, before: int, sent: int, system: str) -> None:
        """See that it has taken exactly so many messages more; raises RuntimeError."""
        deadline = time.monotonic() + COUNTED_LIMIT
        while self.messages() < before + sent and time.monotonic() < deadline:
            time.sleep(0.005)
        if (taken := self.messages() - before) != sent:
            raise RuntimeError(f"{system} says that it has sent {sent:,} messages, smtp-sink has taken {taken:,}")

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._counts.close()
