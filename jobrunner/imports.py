"""Modules that are imported when something is done for the first time, while other work goes on beside.

Where two threads import modules that need each other, as a package and its parts do, Python lets neither wait for the
other for ever: one of them gets a module that is half made, and an ImportError. So whatever the event loop needs later
is imported by one thread, a name after the other (`imported`), and what code without `await` needs, `alone`.
"""

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import TypeVar

T = TypeVar("T")

LIMIT = 60.0
"""Seconds after which an import is given up; even on a busy machine it takes a few."""
TURN_LIMIT = 2.0
"""Seconds for which what cannot await waits for its turn: the event loop stands still."""

_there: set[str] = set()


class _Importer:
    """The one thread that imports, and the turn that each import takes."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="jobrunner import")
        self.turn = threading.RLock()

    def run(self, work: Callable[[], T]) -> T:
        with self.turn:
            return work()


_importer = _Importer()


def _begin_anew() -> None:
    """In a forked process the thread stayed behind, and with it perhaps the turn; an import that hangs keeps both."""
    global _importer
    _importer = _Importer()


os.register_at_fork(after_in_child=_begin_anew)


async def imported(*names: str) -> None:
    """Import modules in a thread, where they are not there yet: the `import` that follows finds them.

    A service with all that it builds on takes a fifth of a second to import, for which the loop would stand still.
    Each module that is imported next must be named itself: with a package not all of its parts come.
    """
    missing = [name for name in names if name not in _there]
    if missing:
        await in_turn(lambda: [import_module(name) for name in missing])
        _there.update(missing)
        gc.freeze()  # they stay: no collection needs to look through them, which takes longer than a step should


async def in_turn(work: Callable[[], T], *, limit: float = LIMIT) -> T:
    """Run what imports modules in the thread that imports, while nobody else does.

    Raises:
        TimeoutError: it has not ended within `limit` seconds. It is left to itself, and others get a thread anew.
    """
    importer = _importer
    try:
        async with asyncio.timeout(limit):
            return await asyncio.get_running_loop().run_in_executor(importer.thread, importer.run, work)
    except TimeoutError:
        if _importer is importer:
            _begin_anew()
        raise TimeoutError(f"a module was not imported within {limit:g} s, or one before it was not") from None


@contextmanager
def alone(*names: str) -> Iterator[None]:
    """Import these modules inside, where there is no `await`: nobody else imports meanwhile, as `imported` would.

    Not for code that runs while modules are imported: it would hold these while it waits for its turn. Where another
    import takes longer than `TURN_LIMIT` it goes ahead beside it.
    """
    if _there.issuperset(names):
        yield
        return
    turn = _importer.turn
    is_ours = turn.acquire(timeout=TURN_LIMIT)
    try:
        yield
    finally:
        if is_ours:
            turn.release()
    _there.update(names)
