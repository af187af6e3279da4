"""The heartbeat: a thread with an event loop and a connection of its own, which keeps a daemon's claims alive.

It does not live on the loop that runs jobs: a coroutine that blocks that loop loses no lease, so its job is not started
a second time elsewhere (failures F36). The thread also watches that loop, and names the job and the line that hold it.
Only what stops every thread of the process, a call into C that keeps the interpreter lock, stops the heartbeat too:
then the leases run out, and the process is fenced like a frozen one.
"""

import asyncio
import contextlib
import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobrunner.db.connection import Connection
from jobrunner.db.sql import load
from jobrunner.lifecycle import Service

RENEW_CLAIMS = load(__package__, "renew_claims")
BLOCKED_AFTER = 1.0
"""Seconds without a turn of the jobs' loop after which what blocks it is named."""

log = logging.getLogger("jobrunner.heartbeat")


@dataclass(slots=True)
class Pulse:
    """What one renewal found: the claims that are still the daemon's, of those made before it `began`."""

    began: float
    """Monotonic time."""
    alive: set[int]
    registered: bool
    """Whether the daemon's own row is still there."""


class Heartbeat(Service):
    """Renews leases from its own thread while the daemon runs."""

    stop_limit = 15.0

    def __init__(
        self,
        dsn: str,
        daemon_id: int,
        *,
        lease: float,
        interval: float,
        limit: float,
        pooled: bool,
        state: Callable[[], dict[str, Any]],
        on_pulse: Callable[[Pulse], None],
        on_blocked: Callable[[str, float], None],
    ) -> None:
        """All times in seconds.

        `state` is called on the heartbeat's thread and must only read; `on_pulse` is called on the jobs' loop;
        `on_blocked` on the heartbeat's thread, with the place in the code and for how long.
        """
        super().__init__("heartbeat")
        self._dsn = dsn
        self._daemon_id = daemon_id
        self._lease = lease
        self._interval = interval
        self._limit = limit
        self._pooled = pooled
        self._state = state
        self._on_pulse = on_pulse
        self._on_blocked = on_blocked
        self._thread: threading.Thread | None = None
        self._now: asyncio.Event | None = None
        self._over = False
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._jobs_thread = 0
        self._turned_at = 0.0
        self._told = 0.0
        """The turn after which the loop was last said to be blocked."""
        self._turn: asyncio.TimerHandle | None = None
        self.problem: str | None = None

    @property
    def healthy(self) -> bool:
        """Whether it runs and its last renewal worked."""
        return self.running and self.problem is None

    async def _start(self) -> None:
        self._over = False
        self._turned_at = 0.0
        self.jobs_loop = asyncio.get_running_loop()
        self._jobs_thread = threading.get_ident()
        self._note_turn()
        self._thread = threading.Thread(target=self._live, name="jobrunner heartbeat", daemon=True)
        self._thread.start()

    async def _stop(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
        if self._thread is None:
            return
        self._over = True
        try:
            self.beat_now()
        except RuntimeError:
            pass  # its loop has ended already
        await asyncio.to_thread(self._thread.join, 10)
        self._thread = None

    def beat_now(self) -> None:
        """Renew at once: a stop may take as long as a lease."""
        if self._own_loop is not None and self._now is not None:
            self._own_loop.call_soon_threadsafe(self._now.set)

    def call(self, function: Callable[[], None]) -> None:
        """Have the heartbeat's own loop call it: nothing happens while that thread hangs or has ended."""
        if self._own_loop is not None:
            with contextlib.suppress(RuntimeError):
                self._own_loop.call_soon_threadsafe(function)

    def _note_turn(self) -> None:
        now = time.monotonic()
        still = now - self._turned_at
        if self._turned_at and still > 2 * BLOCKED_AFTER and self._told != self._turned_at:
            # The thread that names what blocks the loop did not run either.
            log.warning(
                "this process stood still for %.1f s: a job held the interpreter, or the process was stopped", still
            )
        self._turned_at = now
        self._turn = self.jobs_loop.call_later(BLOCKED_AFTER / 4, self._note_turn)

    def _live(self) -> None:
        try:
            asyncio.run(self._beat())
        except Exception as error:
            log.exception("the heartbeat ended")
            problem = error
            with contextlib.suppress(RuntimeError):  # the jobs' loop has ended already
                self.jobs_loop.call_soon_threadsafe(lambda: self.fail(problem))

    async def _beat(self) -> None:
        self._own_loop = asyncio.get_running_loop()
        self._now = asyncio.Event()
        watching = asyncio.create_task(self._watch())
        connection = Connection(self._dsn, "heartbeat", limit=self._limit, pooled=self._pooled)
        try:
            while not self._over:
                self._now.clear()
                wait = self._interval
                try:
                    await self._renew(connection)
                except Exception as error:  # whatever it is, the next renewal is tried
                    if self.problem is None:
                        log.error("the leases could not be renewed: %s", error)
                    self.problem = str(error) or type(error).__name__
                    wait = min(1.0, self._interval)
                try:
                    async with asyncio.timeout(wait):
                        await self._now.wait()
                except TimeoutError:
                    pass
        finally:
            watching.cancel()
            await connection.close()

    async def _renew(self, connection: Connection) -> None:
        began = time.monotonic()
        rows = await connection.fetch(RENEW_CLAIMS, self._daemon_id, self._lease, json.dumps(self._state()))
        if self.problem is not None:
            log.info("the leases are renewed again")
        self.problem = None
        alive = {row[0] for row in rows}
        pulse = Pulse(began, alive, registered=None in alive)
        self.jobs_loop.call_soon_threadsafe(self._on_pulse, pulse)

    async def _watch(self) -> None:
        """Name what blocks the jobs' loop, once for each time."""
        while True:
            await asyncio.sleep(BLOCKED_AFTER / 2)
            turned = self._turned_at
            still = time.monotonic() - turned
            if still < BLOCKED_AFTER or turned == self._told:
                continue
            self._told = turned
            frame = sys._current_frames().get(self._jobs_thread)
            place = f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})" if frame else "?"
            self._on_blocked(place, still)
