"""The connections of one account: a few, lent to one task each, reused, and closed when they idle."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from jobrunner.errors import JobrunnerError
from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.gate import Gate
from jobrunner.services.mail.smtp.session import MESSAGES_PER_CONNECTION, Session

MOST_CONNECTIONS = 4
"""That an account has at a time where it names no other number."""
IDLE_CLOSE = 25.0
"""Seconds after which an idle connection is closed, before servers that allow 30 do it themselves."""
WAIT_LIMIT = 120.0
"""Seconds to wait for a connection while others have them all."""
GRACE = 30.0
"""Seconds for which a pool that is closed leaves its connections to those who use them."""

CLOCK_TOLERANCE = 0.002
"""Seconds that a timer may ring early by the coarseness of its clock."""


class NoConnection(JobrunnerError):
    """None of an account's connections became free within the limit, or its pool was closed."""


class Pool:
    """Lends at most `max_connections` of one account. It belongs to one event loop, that of its first use."""

    def __init__(
        self,
        account: Account,
        *,
        max_connections: int = MOST_CONNECTIONS,
        messages_per_connection: int = MESSAGES_PER_CONNECTION,
        idle_close: float = IDLE_CLOSE,
    ) -> None:
        """Prepare a pool; nothing is opened before it is needed.

        Args:
            account: where and as whom.
            max_connections: the most that are open at a time.
            messages_per_connection: messages after which a connection is replaced by a new one.
            idle_close: seconds after which an idle connection is closed.
        """
        if max_connections < 1 or messages_per_connection < 1:
            raise ValueError("a pool needs at least one connection, and a connection at least one message")
        self.account = account
        self.max_connections = max_connections
        self._messages_per_connection = messages_per_connection
        self._idle_close = idle_close
        self._gate = Gate()
        # A slot is held by each connection that is lent or is being closed. Idle ones are no more than free slots.
        self._slots = asyncio.Semaphore(max_connections)
        self._idle: deque[tuple[float, Session]] = deque()
        self._lent: set[Session] = set()
        self._all_back = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False
        self._opened = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def opened(self) -> int:
        """How many connections it has opened, ever."""
        return self._opened + sum(session.connections for session in self._lent)

    @property
    def lent(self) -> int:
        """How many are in use."""
        return len(self._lent)

    @property
    def idle(self) -> int:
        """How many are open and wait for use."""
        return len(self._idle)

    @asynccontextmanager
    async def connection(self, limit: float = WAIT_LIMIT) -> AsyncIterator[Session]:
        """Lend a connection to the current task; it is opened when something is sent.

        Raises:
            NoConnection: none became free within `limit` seconds, or the pool was closed.
        """
        await self._wait_for_slot(limit)
        session: Session | None = None
        try:
            session = self._take()
            yield session
        finally:
            try:
                if session is not None:
                    await self._give_back(session)
            finally:
                self._slots.release()

    async def rest(self) -> None:
        """Close what is idle, with QUIT; what is needed later is opened anew."""
        await asyncio.gather(*(self._close_one() for _ in range(len(self._idle))))

    async def close(self, grace: float = GRACE) -> None:
        """Lend nothing any more, close what is idle, and what is in use once it is given back.

        What is not back after `grace` seconds is broken off: a message under way ends with an outcome that is known,
        or unknown where its final dot was sent. When this returns nothing is open, but what was just being opened:
        that ends by its own limits. It may be called again.
        """
        self._closed = True
        try:
            await self.rest()
            if self._lent:
                self._all_back.clear()
                try:
                    async with asyncio.timeout(grace):
                        await self._all_back.wait()
                except TimeoutError:
                    pass
            if self._closing:
                await asyncio.wait(self._closing)
        finally:
            self._stop_timer()
            for session in (*self._lent, *(session for _, session in self._idle)):
                session.end()
            self._idle.clear()

    # One connection

    async def _wait_for_slot(self, limit: float) -> None:
        self._require_open()
        try:
            async with asyncio.timeout(limit):
                await self._slots.acquire()
        except TimeoutError:
            raise NoConnection(
                f"no connection to {self.account.place} became free within the limit of {limit:g} s: "
                f"{self.max_connections} are in use"
            ) from None
        if self._closed:
            self._slots.release()
            self._require_open()

    def _require_open(self) -> None:
        if self._closed:
            raise NoConnection(f"the connections to {self.account.place} were closed")

    def _take(self) -> Session:
        """Return the one that was used last, so that those too many grow old; a new one where none is alive."""
        while self._idle:
            _, session = self._idle.pop()
            if session.connected:
                break
            session.drop()
        else:
            session = Session(self.account, messages_per_connection=self._messages_per_connection, gate=self._gate)
        self._lent.add(session)
        self._opened -= session.connections
        return session

    async def _give_back(self, session: Session) -> None:
        try:
            if self._closed:
                await session.close()
        finally:
            self._opened += session.connections
            self._lent.discard(session)
            if not self._lent:
                self._all_back.set()
            if session.connected and not self._closed:
                self._idle.append((asyncio.get_running_loop().time(), session))
                self._set_timer()
            else:
                session.drop()

    async def _close_one(self, since: float = math.inf) -> None:
        """Close the one that has been idle longest, if it has been since then."""
        await self._slots.acquire()
        try:
            if self._idle and self._idle[0][0] <= since:
                _, session = self._idle.popleft()
                await session.close()
        finally:
            self._slots.release()

    # Idling

    def _set_timer(self) -> None:
        if self._timer is None and self._idle:
            since, _ = self._idle[0]
            self._timer = asyncio.get_running_loop().call_at(since + self._idle_close, self._close_old)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_old(self) -> None:
        self._timer = None
        latest = asyncio.get_running_loop().time() - self._idle_close + CLOCK_TOLERANCE
        old = sum(1 for since, _ in self._idle if since <= latest)
        for _ in range(old):
            task = asyncio.create_task(self._close_one(latest), name="close an idle mail connection")
            self._closing.add(task)
            task.add_done_callback(self._was_closed)
        if not old:
            self._set_timer()

    def _was_closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        self._set_timer()
