"""What runs inside the fork server: it is preloaded there before anything else, and makes it the guard of all slots.

* It adopts whatever a slot's process leaves behind (child subreaper), so that no descendant of a job can get away.
* It ends when the daemon ends, however that was (`multiprocessing` sees to it by a pipe), and then kills all its
  descendants: jobs stuck in C code, their own children, daemons that they started.
* It imports the modules that it is given ahead, so that a new slot's process has them; one that raises or hangs is
  named and left out.

Nothing happens where the environment variable is not set: everywhere else this module may be imported freely.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from multiprocessing import forkserver
from types import FrameType, TracebackType

from jobrunner.execution.processes import ProcessIdentity, children, end_family
from jobrunner.unforeseen import is_debugging, sentence

OPTIONS = "_JOBRUNNER_FORK_SERVER"
"""Environment variable: JSON with the daemon's `path` (sys.path), `modules` to import ahead, former `pythonpath`."""

PRELOAD_LIMIT = 10.0
"""Seconds that importing one module ahead may take."""

PR_SET_CHILD_SUBREAPER = 36


active = False
"""Whether this process is a guarded fork server, or was forked from one."""


def guard(path: Sequence[str], modules: Sequence[str], pythonpath: str | None) -> None:
    """Turn this process, the fork server, into the guard of the slots' processes."""
    if pythonpath is None:  # it was changed so that this module is found
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = pythonpath
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the daemon decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as above: some supervisors signal all processes of a service
    os.dup2(2, 1)  # modules that print while they are imported do not mix with the daemon's output
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Orphans are reaped by the fork server, which does not know them.
    warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")
    atexit.register(_end, os.getpid(), os.getppid())
    sys.path[:] = path
    global active
    active = True
    sys.excepthook = _tell
    for module in modules:
        _import_ahead(module)
    gc.collect()
    gc.freeze()  # what is imported now stays shared with the children


def _tell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """A process that was just forked may find the daemon gone, say; its standard error is still the daemon's."""
    if is_debugging():
        sys.__excepthook__(kind, error, traceback)
    else:
        print(f"jobrunner: a process for blocking jobs did not start: {sentence(error)}", file=sys.stderr, flush=True)


def _end(owner: int, daemon: int) -> None:
    if os.getpid() != owner:
        return  # a slot's process, which inherited the registration
    for _ in range(500):
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not (found := children(owner)):
            break
        for pid in found:  # what they leave behind comes to us, for the next round
            end_family(ProcessIdentity.of(pid), patience=0.1)
        time.sleep(0.005)
    if os.getppid() != daemon:  # it was killed, so it could not tidy up
        address = getattr(forkserver._forkserver, "_forkserver_address", None)
        if isinstance(address, str) and address:
            with contextlib.suppress(OSError):
                os.unlink(address)
                os.rmdir(os.path.dirname(address))


def _import_ahead(module: str) -> None:
    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"it took longer than {PRELOAD_LIMIT:g} s")

    former = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PRELOAD_LIMIT)
    try:
        importlib.import_module(module)
    except BaseException as error:  # a module may even call sys.exit
        print(
            f"jobrunner: module {module} is not imported ahead ({type(error).__name__}: {error}); "
            "each process imports it when a job needs it",
            file=sys.stderr,
            flush=True,
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        for stream in (sys.stdout, sys.stderr):  # what it printed is not to come out of each child once more
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()


if (_options := os.environ.pop(OPTIONS, None)) is not None:
    guard(**json.loads(_options))
