"""The lanes: one for each webhook that a run has, with one request under way at a time."""

import asyncio
import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobrunner.services.webhooks.answers import Verdict, judge
from jobrunner.services.webhooks.http.reply import Reply
from jobrunner.services.webhooks.sending.batches import Batch
from jobrunner.services.webhooks.sending.feeder import Feeder, Wanted
from jobrunner.services.webhooks.sending.judging import Schedule, settlement_of
from jobrunner.services.webhooks.sending.ledger import Ledger
from jobrunner.services.webhooks.sending.webhook import Webhook

if TYPE_CHECKING:
    from jobrunner.services.webhooks.http.poster import Poster

LOW = 8
"""With so many requests or fewer left, more are fixed."""
SHARE = 20.0
"""Seconds after which a webhook gives up its place, so that others have theirs."""
LAST_LIMIT = 0.5
"""Seconds that lanes which are broken off have to give up their webhooks."""
RESTART_AFTER = 1.0
"""Seconds after which a webhook is looked through from its lowest number again: what came late, or was put off."""


@dataclass
class Counts:
    """What a run has done."""

    requests: int = 0
    deliveries: Counter[str] = field(default_factory=Counter)
    """By their outcome."""


class Lanes:
    """Sends what its webhooks have."""

    def __init__(
        self,
        feeder: Feeder,
        ledger: Ledger,
        schedule: Schedule,
        *,
        per_host: int,
        release: Callable[[int], Awaitable[None]],
        on_free: Callable[[], None],
        log: logging.Logger,
    ) -> None:
        """`release` gives up a webhook; `on_free` hears when a place has become free."""
        self.counts = Counts()
        self.error: BaseException | None = None
        self.left: set[int] = set()
        """Webhooks that were given up though they may have more."""
        self.poster: Poster | None = None
        """What sends; it must be there before a lane is opened."""
        self._feeder = feeder
        self._ledger = ledger
        self._schedule = schedule
        self._hosts: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))
        self._release = release
        self._on_free = on_free
        self._log = log
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._more: set[int] = set()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def ids(self) -> list[int]:
        """The webhooks that have a lane."""
        return list(self._lanes)

    def open(self, webhook: Webhook) -> None:
        """Begin to send."""
        task = asyncio.create_task(self._serve(webhook), name=f"webhook {webhook.id}")
        self._lanes[webhook.id] = task
        task.add_done_callback(lambda task: self._closed(webhook.id, task))

    def nudge(self, ids: Iterable[int]) -> None:
        """Some of these webhooks have got more."""
        self._more.update(id for id in ids if id in self._lanes)

    def stop(self) -> None:
        """Begin no request any more."""
        self._stopping = True

    async def ended(self) -> None:
        """Return once all lanes are closed."""
        while self._lanes:
            await asyncio.wait(self._lanes.values())

    async def cancel(self) -> None:
        """Break off what is under way: what came of it is not known."""
        lanes = set(self._lanes.values())
        for limit in (LAST_LIMIT, None):
            for task in lanes:
                task.cancel()
            if lanes:
                _, lanes = await asyncio.wait(lanes, timeout=limit)

    def _closed(self, id: int, task: "asyncio.Task[None]") -> None:
        self._lanes.pop(id, None)
        if id in self._more:  # it got more while it was given up
            self._more.discard(id)
            self.left.add(id)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.error = self.error or error
        self._on_free()

    async def _serve(self, webhook: Webhook) -> None:
        is_ours = True
        try:
            is_ours = await self._send_all(webhook)
        finally:
            if is_ours:
                await self._release(webhook.id)

    async def _send_all(self, webhook: Webhook) -> bool:
        """Send until nothing is due; return whether the webhook is still ours."""
        ends_at = time.monotonic() + SHARE
        ready: deque[Batch] = deque()
        feed = None
        after, began = 0, time.monotonic()
        while not self._stopping and time.monotonic() < ends_at:
            if not ready:
                if feed is None and time.monotonic() - began > RESTART_AFTER:
                    after = 0
                if not after:
                    began = time.monotonic()
                    self._more.discard(webhook.id)
                fed = await (feed or self._feeder.gatherer.put(Wanted(webhook, after)))
                feed = None
                ready.extend(fed.batches)
                if ready:
                    after = fed.last
                elif after or webhook.id in self._more or fed.last:
                    after = 0
                else:
                    return True
                continue
            batch = ready.popleft()
            if len(ready) <= LOW and feed is None and time.monotonic() - began <= RESTART_AFTER:
                feed = self._feeder.gatherer.put(Wanted(webhook, after))
            reply, verdict = await self._post(webhook, batch)
            settlement = settlement_of(webhook, batch, reply, verdict, self._schedule)
            goes_on = await self._ledger.settle(webhook, batch, settlement)
            self._count(webhook, batch, settlement.outcome, verdict)
            if settlement.pause is not None or settlement.disable is not None:
                return False
            if not goes_on:
                break
            webhook.failures = 0 if settlement.outcome == "Success" else webhook.failures
            if settlement.outcome == "Split" or (webhook.strict_order and settlement.outcome == "Retry"):
                # Its members go before what is ready, or nothing goes any more.
                if feed is not None:
                    await feed
                    feed = None
                ready.clear()
                after = 0
        self._more.add(webhook.id)
        return True

    async def _post(self, webhook: Webhook, batch: Batch) -> tuple[Reply, Verdict]:
        assert webhook.signer is not None, "who cannot sign is not given a lane"
        assert self.poster is not None
        headers = webhook.signer.headers(batch.message_id, int(time.time()), batch.body)
        headers["webhook-event"] = batch.event
        headers["webhook-attempt"] = str(batch.attempt)
        async with self._hosts[webhook.host]:
            reply = await self.poster.post(webhook.url, headers, batch.body)
        return reply, judge(reply)

    def _count(self, webhook: Webhook, batch: Batch, outcome: str, verdict: Verdict) -> None:
        self.counts.requests += 1
        self.counts.deliveries[outcome] += len(batch.numbers)
        if outcome != "Success":
            self._log.info("%s: %s, attempt %d: %s", webhook.label, batch.message_id, batch.attempt, verdict.reason)
