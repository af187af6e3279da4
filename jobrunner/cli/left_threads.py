"""Threads that still run when all is done, such as those of jobs that were cancelled: the process ends without them.

Python joins them at its end, for as long as they like.
"""

import logging
import os
import threading
import time

LIMIT = 2.0
"""Seconds that the interpreter has for its end; it waits for threads meanwhile."""

log = logging.getLogger("jobrunner")


def end_without_them(code: int) -> None:
    """Have the process end with this code within `LIMIT`. To be called last: everything is stored and closed."""
    if _left():
        threading.Thread(target=_end, args=(code,), name="jobrunner end", daemon=True).start()


def _left() -> list[threading.Thread]:
    """Return those that Python would wait for."""
    return [one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]


def _end(code: int) -> None:
    time.sleep(LIMIT)
    try:
        for thread in _left():
            log.warning("the thread %r still runs: the process ends without it", thread.name)
        for handler in logging.getLogger().handlers:
            handler.flush()
    finally:
        os._exit(code)
