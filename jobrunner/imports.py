"""Modules that are imported when something is done for the first time, while the event loop runs."""

import asyncio
import gc
from importlib import import_module

_there: set[str] = set()


async def imported(*names: str) -> None:
    """Import modules in a thread, where they are not there yet: the `import` that follows finds them.

    A service with all that it builds on takes a fifth of a second to import, for which the loop would stand still.
    """
    missing = [name for name in names if name not in _there]
    if missing:
        await asyncio.to_thread(lambda: [import_module(name) for name in missing])
        _there.update(missing)
        gc.freeze()  # they stay: no collection needs to look through them, which takes longer than a step should
