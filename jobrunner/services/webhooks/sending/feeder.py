"""The feeder: fixes what goes next, a few requests ahead, for many webhooks together."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.webhooks.sending.arrays import array, flags, texts
from jobrunner.services.webhooks.sending.batches import Batch, Plan, batch_of, plan, standard_body
from jobrunner.services.webhooks.sending.gathering import Gatherer
from jobrunner.services.webhooks.sending.webhook import Webhook

SINGLES_AHEAD = 24
"""Requests of one event that are fixed at once for a webhook."""
BATCHES_AHEAD = 3
OCTETS_AHEAD = 256 * 1024
"""Data that is read at once for a webhook, the first event apart."""
LONGEST_LETTER = 4
"""Octets of UTF-8."""
FRAME = 300
"""More than stands around the data of an event."""


class Wanted(NamedTuple):
    """A webhook that can send more, and the number after which to go on."""

    webhook: Webhook
    after: int


class Fed(NamedTuple):
    """What it gets."""

    batches: list[Batch]
    last: int
    """The highest number that was looked at."""


class Feeder:
    """Reads what is due and fixes it."""

    def __init__(self, line: Queryable, token: int, *, batch_size: int, max_body: int) -> None:
        self._line = line
        self._token = token
        self._batch_size = batch_size
        self._max_body = max_body
        self.failed = 0
        """Deliveries that were given up unsent."""
        self.gatherer: Gatherer[Wanted, Fed] = Gatherer("feeder of webhooks", self._feed)

    async def _feed(self, wanted: Sequence[Wanted]) -> list[Fed]:
        rows = await self._read(wanted)
        plans: dict[int, list[Plan]] = {}
        begun: dict[int, list[list[Any]]] = {}
        refused: list[tuple[int, int, str]] = []
        for webhook, _ in wanted:
            own = rows.get(webhook.id, [])
            refused += [(webhook.id, row["number"], reason) for row in own if (reason := self._refusal(webhook, row))]
            unsent = {number for id, number, _ in refused if id == webhook.id}
            left = [row for row in own if row["number"] not in unsent]
            plans[webhook.id] = list(
                plan(
                    webhook,
                    [row for row in left if row["batch_id"] is None],
                    batch_size=self._batch_size,
                    max_body=self._max_body,
                )
            )
            fixed = sorted((row for row in left if row["batch_id"] is not None), key=itemgetter("batch_id", "number"))
            begun[webhook.id] = [list(group) for _, group in groupby(fixed, key=itemgetter("batch_id"))]
        if refused:
            await self._line.fetch(
                load(__package__, "fail_deliveries"), self._token, *map(list, zip(*refused, strict=True))
            )
            self.failed += len(refused)
        frozen = await self._freeze([(id, one) for id, own in plans.items() for one in own])
        answers = []
        for webhook, after in wanted:
            batches = [
                batch_of(webhook, group[0]["batch_id"], group, group[0]["message_id"], group[0]["attempts"] or 0)
                for group in begun[webhook.id]
            ]
            for one in plans[webhook.id]:
                members = [row for row in one.rows if (webhook.id, row["number"]) in frozen]
                if members:
                    id = frozen[webhook.id, members[0]["number"]]
                    batches.append(batch_of(webhook, id, members, one.message_id, 0))
            batches.sort(key=lambda batch: batch.numbers[0])
            answers.append(Fed(batches, max((row["number"] for row in rows.get(webhook.id, [])), default=after)))
        return answers

    async def _read(self, wanted: Sequence[Wanted]) -> dict[int, list[Any]]:
        found = await self._line.fetch(
            load(__package__, "read_due_deliveries"),
            array([webhook.id for webhook, _ in wanted]),
            array([after for _, after in wanted]),
            array(
                [SINGLES_AHEAD if webhook.is_standard else BATCHES_AHEAD * self._batch_size for webhook, _ in wanted]
            ),
            flags([webhook.strict_order for webhook, _ in wanted]),
            OCTETS_AHEAD,
            self._token,
        )
        rows: dict[int, list[Any]] = {}
        for row in found:
            rows.setdefault(row["webhook_id"], []).append(row)
        return rows

    async def _freeze(self, plans: list[tuple[int, Plan]]) -> dict[tuple[int, int], int]:
        """Fix requests; return the batch of each delivery (webhook, number) that is in one now."""
        if not plans:
            return {}
        found = await self._line.fetch(
            load(__package__, "freeze_batches"),
            self._token,
            array(id for id, _ in plans),
            array(one.first for _, one in plans),
            array(one.rows[-1]["number"] for _, one in plans),
            "{" + ",".join(str(one.message_id) for _, one in plans) + "}",
            texts([one.rows[0]["event"] for _, one in plans]),
            array(id for id, one in plans for _ in one.rows),
            array(row["number"] for _, one in plans for row in one.rows),
            array(place for place, (_, one) in enumerate(plans, 1) for _ in one.rows),
        )
        return {(row["webhook_id"], row["number"]): row["batch_id"] for row in found}

    def _refusal(self, webhook: Webhook, row: Any) -> str | None:
        """Return why a delivery is not to be sent at all."""
        refusal: str | None = row["refusal"]
        if refusal is not None:
            return refusal
        if LONGEST_LETTER * len(row["data"]) + FRAME < self._max_body:
            return None
        octets = len(standard_body(row)) if webhook.is_standard else len(row["data"].encode()) + 2
        if octets > self._max_body:
            return f"a body of {octets} bytes is over the limit of {self._max_body} (webhook_max_body)"
        return None
