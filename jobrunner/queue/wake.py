"""The listener: NOTIFY is a hint, never the truth.

After each connect it LISTENs first and then has everybody look at the table, so that nothing said meanwhile is missed.
A line can be silent without being closed, and a pooler or a standby accepts LISTEN and delivers nothing: so it notifies
itself, at the start and every ten seconds. While nothing arrives, `listening` is False and daemons poll.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import asyncpg

from jobrunner.db.connection import TRANSIENT, close, connect
from jobrunner.db.loop import DatabaseLoop
from jobrunner.errors import LimitExceeded

KEEP_ALIVE = 10.0
"""Seconds between two notifications to itself."""
KEEP_ALIVE_LIMIT = 5.0
"""Seconds within which such a notification must arrive."""

log = logging.getLogger("jobrunner.wake")


class Listener(DatabaseLoop):
    """Hears what enqueues and edits say, and repairs its line."""

    backoff = (0.05, 5.0)

    def __init__(
        self,
        dsn: str,
        daemon_id: int,
        *,
        on_wake: Callable[[str], None],
        on_change: Callable[[str], None],
        on_connect: Callable[[], None],
    ) -> None:
        """`on_wake` gets a queue's name, `on_change` a topic, `on_connect` is called after each LISTEN."""
        super().__init__("listener", interval=KEEP_ALIVE)
        self._dsn = dsn
        self._own_channel = f"jobrunner_daemon_{daemon_id}"
        self._on_wake = on_wake
        self._on_change = on_change
        self._on_connect = on_connect
        self._limit = KEEP_ALIVE_LIMIT
        self.channels: dict[str, Callable[[str], None]] = {}
        """More channels, each with who is told its payloads; to be set before the start."""
        self._line: Any = None
        self._heard = asyncio.Event()
        self._warned = False
        self.listening = False

    @property
    def healthy(self) -> bool:
        """Whether notifications arrive."""
        return self.running and self.listening

    async def once(self) -> None:
        """Connect where there is no line, then see whether a notification to itself arrives."""
        try:
            if self._line is None or self._line.is_closed():
                await self._connect()
            await self._hear_itself()
        except (*TRANSIENT, asyncpg.PostgresError) as error:
            await self._lose()
            if not self._warned:
                log.warning("notifications do not arrive (%s): polling until they do", error or type(error).__name__)
                self._warned = True
            await asyncio.sleep(random.uniform(0.05, 0.2))
            raise
        if not self.listening:
            self.listening = True
            self._warned = False
            self._on_connect()

    async def _connect(self) -> None:
        self._line = line = await connect(self._dsn, name="listen")
        line.add_termination_listener(lambda _: self._ended(line))
        async with asyncio.timeout(self._limit):
            await line.add_listener("jobrunner_wake", self._wake)
            await line.add_listener("jobrunner_change", self._change)
            await line.add_listener(self._own_channel, self._self)
            for channel, tell in self.channels.items():
                await line.add_listener(channel, _telling(tell))

    async def _hear_itself(self) -> None:
        self._heard.clear()
        try:
            async with asyncio.timeout(self._limit):
                await self._line.execute("SELECT pg_notify($1, '')", self._own_channel)
                await self._heard.wait()
        except TimeoutError:
            raise LimitExceeded(f"a notification to itself did not arrive within {self._limit:g} s") from None

    def _wake(self, *notification: Any) -> None:
        self._on_wake(notification[3])

    def _change(self, *notification: Any) -> None:
        self._on_change(notification[3])

    def _self(self, *notification: Any) -> None:
        self._heard.set()

    def _ended(self, line: Any) -> None:
        if self._line is line:
            self.listening = False
            self.wake()

    async def _lose(self) -> None:
        self.listening = False
        line, self._line = self._line, None
        if line is not None:
            line.terminate()

    async def _stop(self) -> None:
        await super()._stop()
        self.listening = False
        line, self._line = self._line, None
        if line is not None:
            await close(line)


def _telling(tell: Callable[[str], None]) -> Callable[..., None]:
    return lambda *notification: tell(notification[3])
