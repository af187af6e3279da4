"""Which run of an event loop looks for new events: one. Others tell it to look, and end."""

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary


class Looking(Protocol):
    """A run that looks."""

    def look_now(self) -> None:
        """Look at once."""
        ...


_of_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Looking]" = WeakKeyDictionary()


def begin(run: Looking) -> bool:
    """Return whether a run may begin; else the one that is under way has been told."""
    loop = asyncio.get_running_loop()
    if (other := _of_loop.get(loop)) is not None:
        other.look_now()
        return False
    _of_loop[loop] = run
    return True


def end(run: Looking) -> None:
    """A run looks no more."""
    loop = asyncio.get_running_loop()
    if _of_loop.get(loop) is run:
        del _of_loop[loop]
