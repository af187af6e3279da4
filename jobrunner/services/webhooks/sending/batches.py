"""What goes in one request: which deliveries, and the body that is made of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from jobrunner.services.webhooks.message_ids import message_id
from jobrunner.services.webhooks.sending.webhook import Webhook


class Batch(NamedTuple):
    """One request, fixed."""

    id: int
    webhook_id: int
    message_id: str
    event: str
    numbers: tuple[int, ...]
    attempt: int
    """1 for the first."""
    is_manual: bool
    body: bytes


class Plan(NamedTuple):
    """One request that is to be fixed: its rows (of `read_due_deliveries`), in order."""

    rows: Sequence[Any]
    message_id: UUID

    @property
    def first(self) -> int:
        """Its lowest number."""
        number: int = self.rows[0]["number"]
        return number


def plan(webhook: Webhook, rows: Sequence[Any], *, batch_size: int, max_body: int) -> Iterator[Plan]:
    """Yield the requests that deliveries of a webhook, none of them in one yet, are to go in.

    In order of their numbers, of one event each; as many together as may be by number and octets.
    """
    if webhook.is_standard:
        for row in rows:
            yield Plan((row,), row["message_id"])
        return
    together: list[Any] = []
    size = 2
    most = batch_size
    for row in rows:
        octets = len(row["data"].encode()) + 1  # and a comma
        limit = min(most, row["batch_limit"] or batch_size)
        if together and (
            len(together) >= limit
            or size + octets > max_body
            or (row["event"], row["is_manual"]) != (together[0]["event"], together[0]["is_manual"])
        ):
            yield Plan(tuple(together), uuid4())
            together, size, limit = [], 2, row["batch_limit"] or batch_size
        together.append(row)
        size += octets
        most = limit
    if together:
        yield Plan(tuple(together), uuid4())


def batch_of(webhook: Webhook, id: int, rows: Sequence[Any], message: UUID, attempts: int) -> Batch:
    """Return the request for deliveries that are fixed to go together."""
    first = rows[0]
    return Batch(
        id=id,
        webhook_id=webhook.id,
        message_id=message_id(message),
        event=first["event"],
        numbers=tuple(row["number"] for row in rows),
        attempt=attempts + 1,
        is_manual=first["is_manual"],
        body=standard_body(first) if webhook.is_standard and len(rows) == 1 else array_body(rows),
    )


def array_body(rows: Sequence[Any]) -> bytes:
    """Return EspoCRM's form: an array of the attributes of each, also for one."""
    return f"[{','.join(row['data'] for row in rows)}]".encode()


def standard_body(row: Any) -> bytes:
    """Return the form of Standard Webhooks: one event."""
    head = f'{{"type":{quoted(row["event"])},"timestamp":"{timestamp(row["occurred_at"])}","data":'
    return f"{head}{row['data']}}}".encode()


def timestamp(moment: datetime) -> str:
    """Return a moment in ISO 8601, in UTC: `2026-11-25T02:58:42.123456Z`."""
    if moment.tzinfo is not UTC:  # as the driver has it
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
