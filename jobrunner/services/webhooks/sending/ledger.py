"""The ledger: stores what came of requests, for all webhooks together."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.webhooks.sending.arrays import array, flags, texts
from jobrunner.services.webhooks.sending.batches import Batch
from jobrunner.services.webhooks.sending.gathering import Gatherer
from jobrunner.services.webhooks.sending.judging import Settlement
from jobrunner.services.webhooks.sending.webhook import Webhook
from jobrunner.services.webhooks.troubles import FAILING

MOST = 12
"""Results in a statement. With all that wait in one, the lanes come to move together, and the daemon waits for them."""


class Entry(NamedTuple):
    """One request and what came of it."""

    webhook: Webhook
    batch: Batch
    settlement: Settlement

    @property
    def is_plain(self) -> bool:
        """Whether nothing is to be said of the webhook itself."""
        return self.settlement.outcome == "Success" and not self.settlement.had_failed


class Ledger:
    """Writes entries; one that is answered is committed."""

    def __init__(self, lines: Sequence[Queryable], token: int, disable_after: timedelta, log: logging.Logger) -> None:
        """`lines`: on each it writes at the same time."""
        self.given_up = 0
        """Deliveries that were given up with their webhook."""
        self._token = token
        self._disable_after = disable_after
        self._log = log
        self.gatherer: Gatherer[Entry, bool] = Gatherer(
            "ledger of webhooks", *(partial(self._write, line) for line in lines), most=MOST
        )

    async def settle(self, webhook: Webhook, batch: Batch, settlement: Settlement) -> bool:
        """Store a result; return whether the webhook is still ours and as we know it.

        Raises:
            Exception: the database is away for longer than it is waited for.
        """
        return await self.gatherer.ask(Entry(webhook, batch, settlement))

    async def _write(self, line: Queryable, entries: Sequence[Entry]) -> list[bool]:
        plain = [entry for entry in entries if entry.is_plain]
        others = [entry for entry in entries if not entry.is_plain]
        found: dict[int, Any] = {}
        if plain:
            found |= await self._note_successes(line, plain)
        if others:
            found |= await self._finish(line, others)
        return [
            (row := found.get(entry.webhook.id)) is not None
            and row["sender_token"] == self._token
            and row["revision"] == entry.webhook.revision
            for entry in entries
        ]

    async def _note_successes(self, line: Queryable, entries: Sequence[Entry]) -> dict[int, Any]:
        results = [entry.settlement for entry in entries]
        members = [(one.webhook_id, number, one.batch_id) for _, batch, one in entries for number in batch.numbers]
        rows = await line.fetch(
            load(__package__, "note_successes"),
            array([one.webhook_id for one in results]),
            array([one.batch_id for one in results]),
            array([one.attempt for one in results]),
            array([one.duration_ms for one in results]),
            array([one.status_code for one in results]),
            texts([one.answer_head for one in results]),
            texts([one.connected_ip for one in results]),
            flags([one.is_manual for one in results]),
            *map(array, zip(*members, strict=True)),
        )
        return {row["id"]: row for row in rows}

    async def _finish(self, line: Queryable, entries: Sequence[Entry]) -> dict[int, Any]:
        members = [(number, place) for place, entry in enumerate(entries, 1) for number in entry.batch.numbers]
        rows = await line.fetch(
            load(__package__, "finish_batches"),
            self._token,
            *zip(*(entry.settlement for entry in entries), strict=True),
            *zip(*members, strict=True),
            self._disable_after,
            FAILING,
        )
        found = {row["id"]: row for row in rows}
        for entry in entries:
            row = found.get(entry.webhook.id)
            if row is not None and row["disabled"] is not None:
                await self._disabled(line, entry, row["disabled"])
        return found

    async def _disabled(self, line: Queryable, entry: Entry, reason: str) -> None:
        self._log.warning("%s gets nothing any more: %s", entry.webhook.label, reason)
        if entry.settlement.disable is not None:  # gone for good: nothing waits for it
            rows = await line.fetch(load(__package__, "fail_pending_deliveries"), entry.webhook.id, reason)
            self.given_up += len(rows)
