"""Connections that stand because an account is watched, lent to the fetch that a push starts in the same process.

So a new mail is fetched without connecting and logging in, which over the internet takes longer than all the rest. The
watcher ends IDLE, which also shows that the line is alive, hands the connection over, and goes on idling when it comes
back. Where it is not there in time, the fetch makes a connection of its own, as it does in another daemon.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from weakref import WeakKeyDictionary

from jobrunner.services.mail.imap import Account, Mailbox
from jobrunner.services.mail.importing.storing.outcome import Kind

HAND_OVER_LIMIT = 2.0
"""Seconds that a fetch waits for the connection."""
LOAN_LIMIT = 900.0
"""Seconds after which a connection that was lent is given up; a fetch is over before."""

Place = tuple[Kind, int]


class Line:
    """One connection that idles, and may be borrowed by one at a time."""

    def __init__(self, account: Account) -> None:
        self.asked = asyncio.Event()
        """Set while somebody waits for it."""
        self._account = account
        self._waiting: asyncio.Future[Mailbox | None] | None = None
        self._back = asyncio.Event()
        self._lent = False
        self._abandoned = False

    def fits(self, account: Account) -> bool:
        """Return whether it leads where an account leads. Tokens may have been replaced since."""
        return replace(self._account, oauth=None) == replace(account, oauth=None)

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Mailbox | None]:
        """Borrow it; None where it is not to be had at this moment."""
        mailbox = await self._ask()
        try:
            yield mailbox
        finally:
            if mailbox is not None:
                if self._abandoned:
                    mailbox.drop()
                self._lent = False
                self._back.set()

    async def _ask(self) -> Mailbox | None:
        if self._waiting is not None or self._lent:
            return None
        waiting = self._waiting = asyncio.get_running_loop().create_future()
        self.asked.set()
        try:
            async with asyncio.timeout(HAND_OVER_LIMIT):
                return await asyncio.shield(waiting)
        except TimeoutError:
            return waiting.result() if waiting.done() else None
        finally:
            if self._waiting is waiting:
                self._waiting = None
                self.asked.clear()
            waiting.cancel()

    async def lend(self, mailbox: Mailbox) -> None:
        """Hand the connection to whoever waits, and return when it is back.

        Raises:
            TimeoutError: it is not given back in time.
        """
        waiting, self._waiting = self._waiting, None
        self.asked.clear()
        if waiting is None or waiting.done():
            return  # it was too late
        if not mailbox.usable:
            waiting.set_result(None)
            return
        self._back.clear()
        self._lent = True
        waiting.set_result(mailbox)
        async with asyncio.timeout(LOAN_LIMIT):
            await self._back.wait()

    def close(self) -> bool:
        """End the offer; return whether the connection is lent: then whoever has it ends it."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        self._abandoned = True
        return self._lent


_lines: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Place, Line]]" = WeakKeyDictionary()


@contextmanager
def offering(place: Place, line: Line) -> Iterator[None]:
    """While the context is open, let the account's fetches in this process borrow its connection."""
    lines = _lines.setdefault(asyncio.get_running_loop(), {})
    lines[place] = line
    try:
        yield
    finally:
        if lines.get(place) is line:
            del lines[place]


@asynccontextmanager
async def borrowed(place: Place, account: Account) -> AsyncIterator[Mailbox | None]:
    """Borrow the connection that stands for an account in this process; None where there is none."""
    line = _lines.get(asyncio.get_running_loop(), {}).get(place)
    if line is None or not line.fits(account):
        yield None
        return
    async with line.borrow() as mailbox:
        yield mailbox
