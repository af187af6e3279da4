"""The connected line to a server: what is written goes out at once, replies are read one by one, each within a limit.

It takes the place of the library's own protocol once that has connected and logged in, since that one reads a single
reply for each write. A line on which anything went wrong is not usable again: it is closed, and the caller opens
another one.
"""

import asyncio

from jobrunner.services.mail.smtp.reply import Nonsense, Replies, Reply

CHUNK = 256 * 1024
"""Octets that are handed to the system at once; more are written as the server takes them."""
TOLERANCE = 0.002
"""Seconds that a timer may ring early by the coarseness of its clock."""


class LineLost(Exception):
    """The line was closed, by the server, on the way, or by ourselves."""


class LimitReached(Exception):
    """No reply came within the limit."""


class Line(asyncio.Protocol):
    """One connection. One task reads and writes at a time."""

    def __init__(self, transport: asyncio.Transport, received: bytes = b"") -> None:
        """Take over a connected transport, with what came over it and was not read."""
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._replies = Replies()
        self._ready = self._replies.ready
        self._fault: LineLost | Nonsense | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        # One timer for all waits: it is set anew only where a wait ends before it would ring.
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0
        self._deadline = 0.0
        transport.set_protocol(self)
        if received:
            self.data_received(received)
        if transport.is_closing():
            self.connection_lost(None)

    @property
    def usable(self) -> bool:
        """Whether it is open and nothing came that nobody asked for, such as an early farewell."""
        return self._fault is None and not self._transport.is_closing() and self.quiet

    @property
    def quiet(self) -> bool:
        """Whether all that came has been read."""
        return not self._ready and not self._replies.partial

    @property
    def lost(self) -> bool:
        """Whether it is known to be closed."""
        return self._fault is not None or self._transport.is_closing()

    def write(self, data: bytes | memoryview) -> None:
        """Send; never waits.

        Raises:
            LineLost: it is closed, and nothing was sent.
        """
        if self._fault is not None:
            raise self._fault
        if self._transport.is_closing():
            raise LineLost
        self._transport.write(data)

    async def flushed(self, limit: float) -> None:
        """Return once the system takes more, or the server has something to say.

        Raises:
            LineLost, LimitReached, Nonsense: it will not take more.
        """
        while self._paused and not self._ready:
            await self._wait(limit)

    def take(self) -> Reply | None:
        """Return the next reply if it has come already."""
        return self._ready.popleft() if self._ready else None

    async def reply(self, limit: float) -> Reply:
        """Return the next reply.

        Raises:
            LineLost, LimitReached, Nonsense: there will be none; what came before that is returned first.
        """
        while not self._ready:
            await self._wait(limit)
        return self._ready.popleft()

    def drop(self) -> None:
        """Close it at once; what was written and not yet sent is lost. Who waits for a reply is told."""
        self._set_fault(LineLost())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()

    # Waiting

    async def _wait(self, limit: float) -> None:
        """Wait until something happens."""
        if self._fault is not None:
            raise self._fault
        if self._waiter is not None:
            raise RuntimeError("two tasks wait for one connection's replies")
        self._waiter = self._loop.create_future()
        deadline = self._deadline = self._loop.time() + limit
        if self._timer is None or deadline < self._rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self._set_timer(deadline)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _set_timer(self, moment: float) -> None:
        self._rings_at = moment
        self._timer = self._loop.call_at(moment, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return  # the next wait sets it again
        if self._loop.time() + TOLERANCE < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._waiter.set_exception(LimitReached())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_fault(self, fault: LineLost | Nonsense) -> None:
        if self._fault is None:
            self._fault = fault
        self._wake()

    # What the event loop calls

    def data_received(self, data: bytes) -> None:
        """Take replies apart, and wake who waits for one."""
        if self._fault is not None:
            return
        try:
            self._replies.feed(data)
        except Nonsense as nonsense:
            self._set_fault(nonsense)
        if self._ready:
            self._wake()

    def eof_received(self) -> bool:
        """The server has said its last; what it said before may still be read."""
        self._set_fault(LineLost())
        return False  # closes the transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._set_fault(LineLost(*([str(exc)] if exc else [])))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def pause_writing(self) -> None:
        """The system takes no more for now."""
        self._paused = True

    def resume_writing(self) -> None:
        """It takes more."""
        self._paused = False
        self._wake()
