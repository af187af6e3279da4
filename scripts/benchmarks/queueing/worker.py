"""A worker as a process, and the ear for its timed jobs."""

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from scripts.benchmarks import cpu
from scripts.benchmarks.queueing.system import START_SOCKET, System
from scripts.benchmarks.queueing.timed import MESSAGE

ROOT = Path(__file__).parents[3]
READY_LIMIT = 60.0
"""Seconds until a started worker must have run its first job."""
STOP_LIMIT = 15.0


class Ear:
    """Hears at what time timed jobs started."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="jobrunner-bench-ear-")
        self.path = str(Path(self._folder.name) / "started")
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(self.path)
        self._line.setblocking(False)
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._numbers = 0

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._line, self._hear)
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.get_running_loop().remove_reader(self._line)
        self._line.close()
        self._folder.cleanup()

    def expect(self) -> tuple[int, asyncio.Future[int]]:
        """Return a number for a job, and what will be the time in nanoseconds at which that job starts."""
        self._numbers += 1
        future = self._waiting[self._numbers] = asyncio.get_running_loop().create_future()
        return self._numbers, future

    def _hear(self) -> None:
        while True:
            try:
                message = self._line.recv(MESSAGE.size)
            except BlockingIOError:
                return
            number, at = MESSAGE.unpack(message)
            future = self._waiting.pop(number, None)
            if future is not None and not future.done():
                future.set_result(at)


class Worker:
    """The worker process of one system."""

    def __init__(self, system: System, ear: Ear, *, rests: bool = False) -> None:
        """`rests`: it is stopped while others are measured, since it has no sleep of its own."""
        self.system = system
        self.rests = rests
        self._ear = ear
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the process is
        self._process = subprocess.Popen(
            system.command,
            cwd=ROOT,
            env={**os.environ, **system.environment, START_SOCKET: ear.path, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used, with all processes below it."""
        return cpu.spent(self.pid)

    async def ready(self) -> None:
        """Wait until it has run a job; after that one it is warm and idle."""
        number, started = self._ear.expect()
        await self.system.enqueue_timed(number)
        try:
            async with asyncio.timeout(READY_LIMIT):
                while not started.done():
                    if self._process.poll() is not None:
                        raise RuntimeError(f"the worker of {self.system.name} ended:\n{self.log}")
                    await asyncio.wait([started], timeout=0.1)
        except TimeoutError:
            raise RuntimeError(f"the worker of {self.system.name} ran no job:\n{self.log}") from None
        if self.rests:
            self.freeze()

    @property
    def log(self) -> str:
        """The end of what it wrote."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-4000:]

    def freeze(self) -> None:
        """Stop it in its tracks."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End it as a service manager would, or by force where it does not follow."""
        if self._process.poll() is None:
            self.go_on()
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, STOP_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
        self._log.close()
