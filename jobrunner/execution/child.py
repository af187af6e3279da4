"""What runs inside a slot's process: it is set up once, and then runs one job after another.

A call and its answer are JSON in bytes, and nothing that the job made is ever pickled: an exception that does not
unpickle, or a result that does not, would break the pool.
"""

import contextlib
import faulthandler
import fcntl
import importlib
import inspect
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from multiprocessing import connection, forkserver, process, reduction
from typing import TYPE_CHECKING, Any, NoReturn

from jobrunner.errors import JobrunnerError
from jobrunner.execution import guard
from jobrunner.execution.capture import Capture
from jobrunner.execution.outcome import error_text, kept_result, traceback_text
from jobrunner.execution.processes import MARK
from jobrunner.execution.progress import progress_of

if TYPE_CHECKING:
    from jobrunner.definitions import Target

WHERE_SIGNAL = signal.SIGRTMAX - 4 if sys.platform == "linux" else signal.SIGUSR2
"""Makes the child write to the scratch file where it is, by faulthandler: also one that is stuck in C code."""
SCRATCH_TEXT = 16
"""Offset of faulthandler's text in the scratch file; before it stands the number of the run that began last, as text
filled with spaces."""

_capture: Capture
_scratch: int


class PassedFd:
    """A file descriptor that is handed to the child: unpickles there as its number."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (reduction.DupFd(self._fd),)


def _received(duplicate: Any) -> int:
    fd: int = duplicate.detach()
    return fd


def set_up(lines: Any, output: Any, scratch: Any, mark: str) -> None:
    """Make this process a slot's (the executor's initializer).

    Args:
        lines: descriptor of the pipe for the job's log.
        output: descriptor of the pipe that becomes standard output and standard error.
        scratch: descriptor of the file for what faulthandler and `run` write.
        mark: what to name the slot to descendants, see `processes.MARK`.
    """
    global _capture, _scratch
    os.setpgid(0, 0)  # descendants die with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ[MARK] = mark
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    _release_fork_server()
    _close_on_exec()
    sys.excepthook = sys.__excepthook__  # from here on it is the job's output that it writes to
    _scratch = scratch
    os.lseek(scratch, SCRATCH_TEXT, os.SEEK_SET)
    faulthandler.enable(scratch)
    faulthandler.register(WHERE_SIGNAL, scratch)
    _capture = Capture(lines)


def ready() -> bool:
    """Tie this process to the daemon's life; return whether its fork server is guarded. A slot's first call.

    Not part of `set_up`, since then the daemon's last write to the pipe may be under way, which would count as its
    end.
    """
    _die_with_parent()
    return guard.active


def run(call: bytes) -> bytes:
    """Run one job; `call` and the answer are JSON (see `slot`)."""
    request = json.loads(call)
    os.pwrite(_scratch, b"%-16d" % request["run"], 0)
    folder = _folder()
    _capture.begin_run(request["run"])
    try:
        answer = _outcome(request)
    except BaseException as error:  # most likely no memory, not even for the report
        fault = {"outcome": "error", "error": error_text(error), "suspect": True}
        answer = json.dumps(fault)
    with contextlib.suppress(OSError):
        if folder is not None and _folder() != folder:
            os.chdir(folder)
    _capture.end_run()
    return answer.encode()


class BlockingContext:
    """The `JobContext` of a blocking job: what it may use inside its process."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self.job_id: int = context.get("job_id", 0)
        self.name: str = context.get("name", "")
        self.attempt: int = context.get("attempt", 1)
        self.max_attempts: int = context.get("max_attempts", 1)
        self.target_type: str | None = context.get("target_type")
        self.target_id: str | None = context.get("target_id")
        self.data: Mapping[str, Any] = context.get("data") or {}
        firing = context.get("firing")
        self.firing = datetime.fromisoformat(firing) if firing else None
        self.said_more = False
        self.said_idle = False

    @cached_property
    def log(self) -> logging.Logger:
        """Its lines are the job's log, from level INFO on."""
        logger = logging.getLogger(f"jobrunner.job.{self.name}")
        logger.handlers[:] = [_capture.handler]
        logger.propagate = logger.disabled = False  # whatever a module's own set-up of logging did
        logger.setLevel(logging.INFO)
        return logger

    @property
    def target(self) -> "Target | None":
        """The record that the job is about."""
        from jobrunner.definitions import Target

        return None if self.target_type is None and self.target_id is None else Target(self.target_type, self.target_id)

    @property
    def cancelled(self) -> bool:
        """Always false: a blocking job that is to stop is killed."""
        return False

    def progress(self, fraction: float, message: str | None = None) -> None:
        """Say how far the job is, from 0 to 1."""
        _capture.outbox.progress(*progress_of(fraction, message))

    def more(self) -> None:
        """Say that more work is left: a scheduled job of `* * * * *` then goes again at once."""
        self.said_more = True

    def nothing_to_do(self) -> None:
        """Say that the run found nothing to do: if a firing started it, it leaves no row in the history."""
        self.said_idle = True

    def connection(self) -> NoReturn:
        """Not there in a blocking job."""
        raise JobrunnerError(
            "a blocking job has no connection of the daemon's pool, since it runs in another process; open one of "
            "its own, or make the job `async def`"
        )

    complete_in_transaction = connection


def _outcome(request: Mapping[str, Any]) -> str:
    """Run the job and return the answer's JSON."""
    context = BlockingContext(request["context"])
    suspect = False
    try:
        function, arguments, takes_context = _prepared(request, context.name)
        if takes_context:
            arguments["ctx"] = context
        value = function(**arguments)
        if inspect.iscoroutine(value):
            value.close()
            raise JobrunnerError("the job's function returned a coroutine; a job that awaits must be `async def`")
        outcome = '"success","value":' + kept_result(value)
    except BaseException as error:  # SystemExit too: the process goes on
        suspect = isinstance(error, MemoryError)
        skip = 1 if error.__traceback__ and error.__traceback__.tb_next else 0
        fault = {"error": error_text(error), "traceback": traceback_text(error, skip=skip)}
        outcome = '"error",' + json.dumps(fault)[1:-1]
    signs = {
        "more": context.said_more,
        "idle": context.said_idle,
        "children_left": _has_children(),
        "suspect": suspect,
    }
    return f'{{"outcome":{outcome},{json.dumps(signs)[1:]}'


def _prepared(request: Mapping[str, Any], name: str) -> tuple[Callable[..., Any], dict[str, Any], bool]:
    """Return the function, its arguments, and whether it takes a context."""
    job = _found(request["module"], request["qualname"], name)
    arguments = request["arguments"]
    if callable(validated := getattr(job, "arguments", None)):
        arguments = validated(arguments)
    function = getattr(job, "function", job)
    return function, arguments, _takes_context(function)


def _found(module: str, qualname: str, name: str) -> Any:
    """Import the module and return the job's definition, or the plain function where it has none."""
    if module == "__main__":
        raise JobrunnerError(
            f"job {name or qualname} is defined in the program's main file, which other processes cannot import: "
            "move it into a module of its own"
        )
    found: Any = importlib.import_module(module)
    definitions = sys.modules.get("jobrunner.definitions")
    definition = definitions.registry.get(name) if definitions and name else None
    if definition is not None and definition.module == module and definition.function.__qualname__ == qualname:
        return definition
    try:
        for part in qualname.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise JobrunnerError(
            f"module {module} has no {qualname}: a blocking job's function must stand at the top of its module"
        ) from None
    return found


@lru_cache(maxsize=1024)
def _takes_context(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters
    return "ctx" in parameters


def _has_children() -> bool:
    """Whether a process that the job started still runs."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass  # it has ended, and nobody asked it how
    except ChildProcessError:
        return False
    return True


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _release_fork_server() -> None:
    """Close our copy of the pipe by which the fork server sees that the daemon lives."""
    server: Any = forkserver._forkserver
    if (fd := getattr(server, "_forkserver_alive_fd", None)) is not None:
        os.close(fd)
        server._forkserver_alive_fd = None


def _close_on_exec() -> None:
    """Keep our descriptors from the programs that jobs start; those that were received over a socket are not so."""
    for name in os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"):
        with contextlib.suppress(OSError):
            if int(name) > 2:
                os.set_inheritable(int(name), False)


def _die_with_parent() -> None:
    """Have the kernel kill this process and its group when the daemon's end of a pipe closes (Linux).

    A thread that waits for it would not run while C code holds the interpreter lock; elsewhere it has to do.
    """
    parent = process.parent_process()
    assert parent is not None
    sentinel: int = parent.sentinel
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # some sandboxes lack it
            fcntl.fcntl(sentinel, fcntl.F_SETOWN, -os.getpgrp())
            fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | fcntl.FASYNC)
            return
    threading.Thread(target=_wait_for_end, args=[sentinel], name="jobrunner-parent", daemon=True).start()


def _wait_for_end(sentinel: int) -> None:
    connection.wait([sentinel])
    os.killpg(0, signal.SIGKILL)
