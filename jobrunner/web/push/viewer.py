"""One connection of one page: what it is to show next, and why it ends."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, NoReturn

from jobrunner.lifecycle import cancel


@dataclass(frozen=True, slots=True)
class End:
    """Why a connection ends: a close code of WebSockets (RFC 6455, 7.4) and a word."""

    code: int
    word: str


REFUSED = End(4401, "token")
"""The token is forged or too old, or its user is gone: a new one may help."""
TOO_MANY = End(4429, "too many")
"""The user, or this daemon, has as many pages as there may be."""
RENEW = End(4408, "renew")
"""Come again, with a new token."""
MALFORMED = End(4400, "message")
"""The page sent what is no message."""
RESTART = End(1012, "restart")
"""The daemon stops; another one is there, or soon will be."""
SLOW = End(1008, "slow")
"""The page did not read what was sent."""


class Ended(Exception):
    """The connection is to end."""

    def __init__(self, end: End) -> None:
        self.end = end
        super().__init__(end.word)


class Viewer:
    """Holds the newest state only, whatever the page has read so far."""

    def __init__(self, user: str) -> None:
        self.user = user
        self._newest: str | None = None
        self._taken: str | None = None
        self._end: End | None = None
        self._news = asyncio.Event()

    def show(self, popups: str) -> None:
        """Let the page show these popups, a JSON array."""
        self._newest = popups
        if self._newest != self._taken:
            self._news.set()

    def close(self, end: End) -> None:
        """End the connection."""
        self._end = self._end or end
        self._news.set()

    async def next(self, limit: float) -> str | None:
        """Return what is to be shown now; None where that is what was shown already, after `limit` seconds.

        Raises:
            Ended: the connection is to end.
        """
        try:
            async with asyncio.timeout(limit):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        if self._end is not None:
            raise Ended(self._end)
        self._taken = self._newest
        return self._taken


async def serve_until_end(session: float, *parts: Coroutine[Any, Any, None]) -> NoReturn:
    """Run the parts of a connection until one of them ends, or `session` seconds are over; then none of them is left.

    Raises:
        Ended: why it ends; RENEW where no part knows better.
        Exception: what a part failed with; of several, that of the first.
    """
    tasks = [asyncio.create_task(part, name="popups of a page") for part in parts]
    try:
        await asyncio.wait(tasks, timeout=session, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            await cancel(task)
    # Of all: an exception that nobody looks at would be news to the loop.
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    raise errors[0] if errors else Ended(RENEW)
