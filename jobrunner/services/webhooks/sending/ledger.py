"""The ledger: stores what came of requests, for all webhooks together."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.webhooks.sending.batches import Batch
from jobrunner.services.webhooks.sending.gathering import Gatherer
from jobrunner.services.webhooks.sending.judging import Settlement
from jobrunner.services.webhooks.sending.webhook import Webhook

TOLD_AFTER = 4
"""Failures in a row after which the owner is told."""


class Entry(NamedTuple):
    """One request and what came of it."""

    webhook: Webhook
    batch: Batch
    settlement: Settlement


class Ledger:
    """Writes entries; one that is answered is committed."""

    def __init__(self, line: Queryable, token: int, disable_after: timedelta, log: logging.Logger) -> None:
        self._line = line
        self._token = token
        self._disable_after = disable_after
        self._log = log
        self.gatherer: Gatherer[Entry, bool] = Gatherer("ledger of webhooks", self._write)

    async def settle(self, webhook: Webhook, batch: Batch, settlement: Settlement) -> bool:
        """Store a result; return whether the webhook is still ours and as we know it.

        Raises:
            Exception: the database is away for longer than it is waited for.
        """
        return await self.gatherer.ask(Entry(webhook, batch, settlement))

    async def _write(self, entries: Sequence[Entry]) -> list[bool]:
        columns = zip(*(entry.settlement for entry in entries), strict=True)
        numbers = [(number, entry.batch.id) for entry in entries for number in entry.batch.numbers]
        rows = await self._line.fetch(
            load(__package__, "finish_batches"),
            self._token,
            *columns,
            [number for number, _ in numbers],
            [batch_id for _, batch_id in numbers],
            self._disable_after,
            TOLD_AFTER,
        )
        found = {row["id"]: row for row in rows}
        answers = []
        for entry in entries:
            row = found.get(entry.webhook.id)
            if row is not None and row["disabled"] is not None:
                await self._disabled(entry, row["disabled"])
            answers.append(
                row is not None
                and row["is_ours"] is True
                and row["revision"] == entry.webhook.revision
                and entry.settlement.pause is None
                and row["disabled"] is None
            )
        return answers

    async def _disabled(self, entry: Entry, reason: str) -> None:
        self._log.warning("%s gets nothing any more: %s", entry.webhook.label, reason)
        if entry.settlement.disable is not None:  # gone for good: nothing waits for it
            await self._line.fetch(load(__package__, "fail_pending_deliveries"), entry.webhook.id, reason)
