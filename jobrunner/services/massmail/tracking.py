"""Opens and clicks: answered at once, stored a moment later in batches, each with who made it.

Every hit is stored but those of HEAD requests, and once: each has an id, by which a batch whose answer was lost is
offered again. Which of them count as a person's is said beside each, and may be said anew when more is known
(`record_hits.sql`).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal
from uuid import UUID, uuid4

from jobrunner.db.connection import TRANSIENT, Connection
from jobrunner.db.sql import load
from jobrunner.lifecycle import Loop
from jobrunner.services.massmail.visitor import Visitor

RECORD = load(__package__, "record_hits")
SETTLE = load(__package__, "settle_uncertain_items")
FOLLOWED = "it was in doubt until somebody followed one of its links"
FIND_URL = load(__package__, "find_tracking_url")

MOST_WAITING = 10_000
"""Hits in memory; more are dropped, and counted."""
BATCH = 500
STOP_LIMIT = 3.0
"""Seconds for what is left when it stops."""
STOP_PAUSE = 0.1
"""Seconds after which a database that is away is asked again then."""
SCAN_WINDOW = 2.0
"""Seconds for which a HEAD request makes those on the same mail after it a machine's, too."""
FRESH = 30.0
"""Seconds for which the target of a link is kept in memory."""
MOST_URLS = 1000

Action = Literal["Opened", "Clicked"]

log = logging.getLogger("jobrunner.massmail")


@dataclass(frozen=True, slots=True)
class Hit:
    """Somebody has fetched a link of a mail."""

    item: UUID
    """`queue_item.token`."""
    action: Action
    visitor: Visitor
    at: float
    """By the monotonic clock."""
    tracking_url_id: int | None = None
    is_machine: bool = False
    id: UUID = field(default_factory=uuid4)


class HitLog(Loop):
    """Stores hits soon after they were noted. A database that is away is waited for, as long as there is room."""

    expected = TRANSIENT

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("log of hits", interval=None, grace=STOP_LIMIT)
        self.dropped = 0
        """Hits for which there was no room, ever."""
        self.stored = 0
        """Hits that were handed to the database, ever."""
        self._connection = connection
        self._clock = clock
        self._waiting: deque[Hit] = deque()
        self._scanned: dict[UUID, float] = {}

    @property
    def waiting(self) -> int:
        """How many hits are to be stored."""
        return len(self._waiting)

    def note(self, item: UUID, action: Action, visitor: Visitor, tracking_url_id: int | None = None) -> None:
        """Note a hit, without waiting for anything."""
        if len(self._waiting) >= MOST_WAITING:
            if not self.dropped:
                log.warning("hits on links of mails come faster than they can be stored: some are not counted")
            self.dropped += 1
            return
        now = self._clock()
        scanned = now - self._scanned.get(item, -SCAN_WINDOW) < SCAN_WINDOW
        proxy = action == "Opened" and visitor.is_privacy_proxy
        machine = scanned or proxy or visitor.is_machine
        self._waiting.append(Hit(item, action, visitor, now, tracking_url_id, machine))
        self.wake()

    def note_look(self, item: UUID) -> None:
        """Note a HEAD request: it is stored nowhere, but no person follows a link that way, nor what comes with it."""
        now = self._clock()
        if len(self._scanned) >= BATCH:
            self._scanned = {key: at for key, at in self._scanned.items() if now - at < SCAN_WINDOW}
        if len(self._scanned) < MOST_WAITING:
            self._scanned[item] = now

    async def once(self) -> None:
        """Store a batch."""
        batch = list(islice(self._waiting, BATCH))
        if not batch:
            return
        try:
            await self._store(batch)
        except (*TRANSIENT, asyncio.CancelledError):
            raise  # they are still waiting
        except Exception:  # not to be tried again: the next ones would wait behind them for ever
            self._take(batch)
            self.dropped += len(batch)
            raise
        self._take(batch)
        self.stored += len(batch)
        if self._waiting:
            self.wake()

    def _take(self, batch: list[Hit]) -> None:
        for _ in batch:
            self._waiting.popleft()

    async def _store(self, batch: list[Hit]) -> None:
        now = self._clock()
        await self._connection.fetch(
            RECORD,
            [hit.item for hit in batch],
            [hit.action for hit in batch],
            [hit.tracking_url_id for hit in batch],
            [max(0.0, now - hit.at) for hit in batch],
            [hit.is_machine for hit in batch],
            [hit.visitor.user_agent for hit in batch],
            [hit.visitor.network for hit in batch],
            [hit.id for hit in batch],
        )
        await self._connection.fetch(SETTLE, list({hit.item for hit in batch}), FOLLOWED)

    async def _stop(self) -> None:
        await super()._stop()
        reason = f"the database did not take them within {STOP_LIMIT:g} s"
        try:
            async with asyncio.timeout(STOP_LIMIT):
                while self._waiting:
                    try:
                        await self.once()
                    except TRANSIENT as error:  # a timeout is none of these: it comes out of the block
                        reason = str(error) or reason
                        await asyncio.sleep(STOP_PAUSE)
                    except Exception as error:  # these were dropped; those behind them may be stored
                        log.error("hits on links of mails were not stored: %s", error, exc_info=error)
        except TimeoutError:
            log.warning("%d hits on links of mails were not stored: %s", len(self._waiting), reason)
            self.dropped += len(self._waiting)
            self._waiting.clear()


@dataclass(frozen=True, slots=True)
class TrackingUrl:
    """Where a tracked link leads."""

    action: Literal["Redirect", "Show Message"]
    url: str | None
    message: str | None


class TrackingUrls:
    """Finds them, and keeps those asked for lately: a mailing's readers come at once."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._kept: dict[int, tuple[float, TrackingUrl | None]] = {}

    async def find(self, id: int) -> TrackingUrl | None:
        """Return where it leads, None where it was removed. A change is seen within half a minute."""
        now = self._clock()
        kept = self._kept.get(id)
        if kept is not None and now - kept[0] < FRESH:
            return kept[1]
        if not 0 < id < 2**63:
            return None
        try:
            rows = await self._connection.fetch(FIND_URL, id, limit=5.0)
        except TRANSIENT:
            if kept is not None:  # better an old address than none
                return kept[1]
            raise
        found = TrackingUrl(**rows[0]) if rows else None
        if len(self._kept) >= MOST_URLS:
            self._kept.clear()
        self._kept[id] = (now, found)
        return found
