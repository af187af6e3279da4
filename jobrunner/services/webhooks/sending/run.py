"""One run of ProcessWebhookQueue: lays events out and sends what is due, for as long as there is something."""

import logging
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT
from jobrunner.db.line import PATIENCE, Line
from jobrunner.db.queryable import Connect
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.imports import imported
from jobrunner.services.webhooks.sending import turns
from jobrunner.services.webhooks.sending.feeder import Feeder
from jobrunner.services.webhooks.sending.gathering import Gatherer
from jobrunner.services.webhooks.sending.judging import Schedule
from jobrunner.services.webhooks.sending.lanes import SHARE, Lanes
from jobrunner.services.webhooks.sending.ledger import Ledger
from jobrunner.services.webhooks.sending.watch import Watch
from jobrunner.services.webhooks.sending.webhook import Webhook
from jobrunner.services.webhooks.settings import load_webhook_settings

if TYPE_CHECKING:
    from jobrunner.services.webhooks.http.poster import Poster

TIME_SLICE = 60.0
"""Seconds after which a run begins nothing more, and leaves the rest to the next one."""
RESULT_LINES = 2
"""Connections on which results are stored: while one waits for the disk, the other fills."""
RESULT_PATIENCE = 600.0
"""Seconds for which results are kept for a database that is away."""
FORSAKEN_AFTER = timedelta(days=7)
"""After which what waits for a webhook that is off is given up."""
FORSAKEN_PORTION = 1000
UNSIGNABLE_PAUSE = timedelta(minutes=1)
"""Between two looks at a webhook whose secret cannot be opened here: the key may come, or another daemon have it."""
FULL_LOOK_EVERY = 0.25
"""Seconds between two looks at all webhooks, for what has become due."""
FULL_LOOK_SHARE = 20.0
"""A look at all webhooks is followed by so many times as long without one."""


@dataclass
class Report:
    """What a run has done."""

    events: int = 0
    """That were laid out."""
    requests: int = 0
    delivered: int = 0
    failed: int = 0
    """Deliveries that were given up."""
    put_off: int = 0
    """Deliveries that are tried again."""
    has_more: bool = False
    """The next run follows at once."""

    @property
    def found_nothing(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.events or self.requests or self.failed)

    def as_dict(self) -> dict[str, Any]:
        """Return what stands in the job's result."""
        return {
            "events": self.events,
            "requests": self.requests,
            "delivered": self.delivered,
            "failed": self.failed,
            "put_off": self.put_off,
            "has_more": self.has_more,
        }


@dataclass
class Run:
    """Sends what is due; `send` is called once.

    Args:
        connect: lends an asyncpg connection; four are held while there is something to do.
        configuration: where the keys are.
        job_id: the job on whose behalf webhooks are leased.
        cancelled: tells whether to come to an end; what is under way is finished.
        log: where it tells what happens.
        time_slice: seconds after which it ends.
    """

    connect: Connect
    configuration: Configuration
    job_id: int | None = None
    cancelled: Callable[[], bool] = lambda: False
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("jobrunner.webhooks"))
    time_slice: float = TIME_SLICE

    def __post_init__(self) -> None:
        self.report = Report()
        self._token = secrets.randbits(63)
        self._side = Line(self.connect)
        self._feeding = Line(self.connect, by_row=True)
        self._results = [Line(self.connect, patience=RESULT_PATIENCE, by_row=True) for _ in range(RESULT_LINES)]
        self._watch = Watch(self._side, self._token)
        self._releases: Gatherer[int, None] = Gatherer("releases of webhooks", self._release)
        self._ends_at = time.monotonic() + self.time_slice
        self._full_look_at = 0.0
        self._is_crowded = False

    def look_now(self) -> None:
        """Look for new events, and at all webhooks, at once: another run leaves that to this one."""
        self._full_look_at = 0.0
        self._watch.ask()

    async def send(self) -> Report:
        """Send what is due and return what was done; nothing, where a run of this process is at it."""
        if not turns.begin(self):
            return self.report
        try:
            await self._send()
        finally:
            turns.end(self)
            for line in (self._side, self._feeding, *self._results):
                await line.close()
        return self.report

    async def _send(self) -> None:
        settings = await load_webhook_settings(self._side)
        self._settings = settings
        self._keyring = Keyring.from_configuration(self.configuration)
        ledger = Ledger(self._results, self._token, timedelta(hours=settings.webhook_disable_after), self.log)
        feeder = Feeder(
            self._feeding,
            self._token,
            batch_size=settings.webhook_batch_size,
            max_body=1024 * settings.webhook_max_body,
        )
        async with AsyncExitStack() as self._clients:
            lanes = Lanes(
                feeder,
                ledger,
                Schedule(settings.schedule, settings.webhook_retry_jitter / 100),
                per_host=settings.webhook_host_concurrency,
                release=self._releases.ask,
                on_free=self._note_free,
                log=self.log,
            )
            parts = (ledger.gatherer, feeder.gatherer, self._releases)
            for part in parts:
                part.start()
            try:
                await self._work(lanes)
            finally:
                await lanes.cancel()
                for part in parts:
                    await part.close()
                self._sum_up(lanes, feeder.failed + ledger.given_up)
        if lanes.error is not None:
            raise lanes.error

    async def _work(self, lanes: Lanes) -> None:
        await self._side.fetch(load(__package__, "fail_forsaken_deliveries"), FORSAKEN_AFTER, FORSAKEN_PORTION)
        await self._watch.begin()
        try:
            while not self._is_over(lanes):
                found = await self._look(lanes)
                if not await self._watch.rest(found=found, busy=bool(len(lanes))):
                    break
            else:
                self.report.has_more = True
        except TRANSIENT:
            # The database is away for longer than a look is tried again. Results are kept for longer.
            lanes.stop()
            await lanes.ended()
            raise
        finally:
            turns.end(self)  # the next one may begin while the last requests are under way
        if self._watch.awake:
            await self._watch.fall_asleep()
        if self.report.has_more:
            await self._side.fetch(load(__package__, "wake_next"), True)
        lanes.stop()
        await lanes.ended()
        await self._side.fetch(load(__package__, "wake_next"), False)

    async def _look(self, lanes: Lanes) -> bool:
        """Lay new events out and take the webhooks that have something to send; return whether there was anything."""
        (row,) = await self._side.fetch(load(__package__, "fan_out_events"), self._settings.webhook_event_portion)
        events, ids = row["events"], set(row["webhook_ids"])
        self.report.events += events
        lanes.nudge(ids)
        if not self._is_crowded:  # else those come first who have waited for longest
            ids |= lanes.left
        lanes.left.clear()
        taken = False
        if new := ids.difference(lanes.ids):
            taken = await self._take(lanes, new)
        began = time.monotonic()
        if not self._watch.awake or began >= self._full_look_at:
            taken = await self._take(lanes, None) or taken
            now = time.monotonic()
            self._full_look_at = now + max(FULL_LOOK_EVERY, FULL_LOOK_SHARE * (now - began))
        return taken or events > 0

    async def _take(self, lanes: Lanes, ids: Collection[int] | None) -> bool:
        room = self._settings.webhook_concurrency - len(lanes)
        self._is_crowded = room <= 0
        if self._is_crowded:
            return False
        rows = await self._side.fetch(
            load(__package__, "take_webhooks"),
            self._token,
            self.job_id,
            self._lease,
            None if ids is None else sorted(ids),
            room,
            lanes.ids,
        )
        self._is_crowded = len(rows) >= room
        webhooks = [Webhook.of_row(row, self._keyring) for row in rows]
        if webhooks and lanes.poster is None:
            lanes.poster = await self._open_client()
        for webhook in webhooks:
            if webhook.signer is not None:
                lanes.open(webhook)
        for webhook in webhooks:  # last: should the database go away, those that have a lane give themselves up
            if webhook.signer is None:
                await self._put_off(webhook)
        return bool(rows)

    async def _open_client(self) -> "Poster":
        """Return what sends; it is loaded when there is something to send (it takes 9 MB), and closed with the run."""
        await imported("jobrunner.services.webhooks.client")
        from jobrunner.services.webhooks.client import poster_of

        return await self._clients.enter_async_context(poster_of(self._settings))

    async def _put_off(self, webhook: Webhook) -> None:
        self.log.warning("%s: nothing can be signed, and nothing is sent: %s", webhook.label, webhook.unusable)
        await self._side.fetch(
            load(__package__, "put_webhook_off"), self._token, webhook.id, webhook.unusable, UNSIGNABLE_PAUSE
        )

    @property
    def _lease(self) -> timedelta:
        """For how long a webhook is leased: more than its share, a last request and a database that is away take."""
        return timedelta(seconds=SHARE + self._settings.webhook_timeout + 2 * PATIENCE)

    async def _release(self, ids: Sequence[int]) -> list[None]:
        await self._side.fetch(load(__package__, "release_webhooks"), self._token, sorted(ids))
        return [None] * len(ids)

    def _note_free(self) -> None:
        if self._is_crowded:
            self._full_look_at = 0.0
        self._watch.wake()

    def _is_over(self, lanes: Lanes) -> bool:
        return self.cancelled() or time.monotonic() >= self._ends_at or lanes.error is not None

    def _sum_up(self, lanes: Lanes, given_up: int) -> None:
        counts = lanes.counts
        self.report.requests = counts.requests
        self.report.delivered = counts.deliveries["Success"]
        self.report.failed = counts.deliveries["Failed"] + given_up
        self.report.put_off = counts.deliveries["Retry"]
