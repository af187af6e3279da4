"""How many runs of a process send at the same time: two. What asks for a third is remembered by those two."""

import asyncio
from weakref import WeakKeyDictionary

MOST_RUNS = 2
"""One that is long, and one for what was started meanwhile: each holds connections of the pool that jobs share."""


class Turns:
    """The runs of one event loop."""

    def __init__(self) -> None:
        self._running = 0
        self._asked = False

    def begin(self) -> bool:
        """Return whether a run may begin; else the first one that ends is followed by another."""
        if self._running >= MOST_RUNS:
            self._asked = True
            return False
        self._running += 1
        return True

    def end(self) -> bool:
        """End a run; return whether another is to follow, since somebody asked in vain."""
        self._running -= 1
        asked, self._asked = self._asked, False
        return asked


_of_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Turns]" = WeakKeyDictionary()


def turns() -> Turns:
    """Return the turns of the running event loop."""
    return _of_loop.setdefault(asyncio.get_running_loop(), Turns())
