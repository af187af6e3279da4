"""The fork server of one pool of slots, and the `multiprocessing` context that starts processes from it.

Why not `multiprocessing`'s own global one: ours is guarded (see `guard`), can be stopped without touching what other
code of the daemon started, and never makes a child run the daemon's main module again. `multiprocessing` would, so
that a program without a `__main__` guard would start itself once more in each slot.
"""

import io
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing import connection, forkserver, popen_forkserver, reduction, spawn, util
from multiprocessing.context import ForkServerContext, set_spawning_popen
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import jobrunner
from jobrunner.errors import JobrunnerError
from jobrunner.execution import guard
from jobrunner.execution.processes import ProcessIdentity, end_family

STOP_LIMIT = 3.0
"""Seconds that the fork server may take to end, descendants included, before it is killed."""


class ForkServer(forkserver.ForkServer):
    """A guarded fork server; starts when the first process is asked of it, and again should it have died.

    Its methods block (a start for as long as the modules take to import) and are thread-safe.
    """

    _forkserver_pid: int | None
    _forkserver_alive_fd: int | None
    _forkserver_address: str | None
    _lock: threading.Lock

    def __init__(self, modules: Sequence[str] = ()) -> None:
        super().__init__()
        self._modules = list(modules)
        self.set_forkserver_preload([guard.__name__])
        self._starting = threading.Lock()
        self._refusing = False

    @property
    def pid(self) -> int | None:
        """The process id, or None before the first start and after `stop`."""
        return self._forkserver_pid

    def ensure_running(self) -> None:
        """Start it unless it runs."""
        with self._starting:
            if self._refusing:
                raise JobrunnerError("the fork server is being stopped")
            if self._runs():
                return
            former = os.environ.get("PYTHONPATH")
            options = {"path": _search_path(), "modules": self._modules, "pythonpath": former}
            own = str(Path(jobrunner.__file__).parent.parent)
            # In the environment of the C library only, which the new process inherits: no other thread that reads
            # os.environ meanwhile sees it.
            os.putenv(guard.OPTIONS, json.dumps(options))
            os.putenv("PYTHONPATH", own if not former else os.pathsep.join([own, former]))
            try:
                super().ensure_running()
            finally:
                os.unsetenv(guard.OPTIONS)
                if former is None:
                    os.unsetenv("PYTHONPATH")
                else:
                    os.putenv("PYTHONPATH", former)

    def refuse(self) -> None:
        """Start no process from now on; who waits for one gets an error. `stop` is to follow."""
        self._refusing = True
        self.kill()

    def stop(self) -> None:
        """End it and all its descendants; returns when they are gone. Harmless when it does not run."""
        with self._lock:
            pid = self._forkserver_pid
            if pid is None:
                return
            assert self._forkserver_alive_fd is not None
            os.close(self._forkserver_alive_fd)  # the guard inside takes this as the end of the daemon
            self._forkserver_alive_fd = None
            end = time.monotonic() + STOP_LIMIT
            while not _reaped(pid):
                if time.monotonic() > end:
                    self._kill(pid)
                    os.waitpid(pid, 0)
                    break
                time.sleep(0.002)
            self._forkserver_pid = None
            if self._forkserver_address and not util.is_abstract_socket_namespace(self._forkserver_address):
                Path(self._forkserver_address).unlink(missing_ok=True)
            self._forkserver_address = None

    def kill(self) -> None:
        """Kill it with all its descendants, should it hang; whoever waits for a process from it gets an error."""
        if (pid := self._forkserver_pid) is not None:
            self._kill(pid)

    def _kill(self, pid: int) -> None:
        end_family(ProcessIdentity.of(pid), patience=0.02)

    def _runs(self) -> bool:
        if self._forkserver_pid is None:
            return False
        try:
            return os.waitid(os.P_PID, self._forkserver_pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False


class SlotProcess(BaseProcess):
    """A process that is forked from our fork server."""

    _start_method = "forkserver"
    server: ForkServer

    @property
    def ending(self) -> tuple[int | None, bool]:
        """The exit code, None while it runs, and whether that is a mere guess, since the fork server ended."""
        popen: SlotPopen | None = self.__dict__.get("_popen")
        return (None, False) if popen is None else (popen.poll(), popen.fork_server_lost)

    @staticmethod
    def _Popen(process: Any) -> "SlotPopen":  # noqa: N802 - its name in multiprocessing
        return SlotPopen(process, process.__dict__.pop("server"))  # popped, since the rest is pickled


class SlotPopen(popen_forkserver.Popen):
    """Starts and awaits a `SlotProcess`."""

    _fds: list[int]

    def __init__(self, process: SlotProcess, server: ForkServer) -> None:
        self.fork_server_lost = False
        """The exit code is not known, since the fork server ended, which would have told it."""
        self._server = server
        self._reading = threading.Lock()
        super().__init__(process)

    def _launch(self, process: SlotProcess) -> None:
        preparation = spawn.get_preparation_data(process.name)
        for name in ("init_main_from_name", "init_main_from_path"):
            preparation.pop(name, None)  # else the child would run the daemon's main module
        buffer = io.BytesIO()
        set_spawning_popen(self)
        try:
            reduction.dump(preparation, buffer)
            reduction.dump(process, buffer)
        finally:
            set_spawning_popen(None)
        self.sentinel, writer = self._server.connect_to_new_process(self._fds)
        parent_alive = os.dup(writer)  # closed when this process ends: the child waits on the other end
        self.finalizer = util.Finalize(self, _close, (parent_alive, self.sentinel))
        try:
            with open(writer, "wb") as pipe:
                pipe.write(buffer.getbuffer())
            self.pid = forkserver.read_signed(self.sentinel)
        except BaseException:  # the fork server has ended
            self.finalizer()
            raise

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code, or None while it runs (a negative one: the signal).

        Several threads ask; the code comes through a pipe and can be read only once. While one of them reads it, the
        pipe is empty to the others, who wait for what it finds.
        """
        if self.returncode is None:
            if flag != os.WNOHANG:
                connection.wait([self.sentinel])
            with self._reading:
                if self.returncode is None and connection.wait([self.sentinel], 0):
                    try:
                        self.returncode = forkserver.read_signed(self.sentinel)
                    except (OSError, EOFError):
                        self.fork_server_lost = True
                        self.returncode = 255
        return self.returncode


class SlotContext(ForkServerContext):
    """The context of one slot's executor. Remembers the process that it started."""

    def __init__(self, server: ForkServer) -> None:
        super().__init__()
        self._server = server
        self.process: SlotProcess | None = None

    def Process(self, *args: Any, **options: Any) -> SlotProcess:  # type: ignore[override]  # noqa: N802
        """Make the process, not started yet."""
        self.process = process = SlotProcess(*args, **options)
        process.server = self._server
        return process


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _search_path() -> list[str]:
    return [path or os.getcwd() for path in sys.path]
