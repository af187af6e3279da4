"""What became of events: deliveries of a webhook, and sending them once more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobrunner.db.clock import database_time
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput, NotFound
from jobrunner.services.webhooks.message_ids import message_id, read_message_id
from jobrunner.services.webhooks.table import WebhookRecord

STATES = ("Pending", "Success", "Failed")
MOST_NUMBERS = 10_000
"""Events that can be named at once."""
PORTION = 10_000
"""Deliveries that one statement replays."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event for one webhook, with its last attempt."""

    number: int
    """Of the event."""
    status: str
    """Pending, Sending, Success or Failed."""
    event: str | None
    target_type: str | None
    target_id: str | None
    occurred_at: datetime | None
    attempts: int
    process_at: datetime | None
    """Where it is Pending: when it goes."""
    processed_at: datetime | None
    is_manual: bool
    """It was replayed."""
    last_error: str | None
    message_id: str | None
    """The webhook-id of its request."""
    attempted_at: datetime | None
    duration_ms: int | None
    status_code: int | None
    error_kind: str | None
    answer_head: str | None
    connected_ip: str | None


async def list_deliveries(
    connection: Queryable,
    webhook: WebhookRecord,
    *,
    status: str | None = None,
    message: str | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """Return deliveries of a webhook, the newest first; `message` is a webhook-id.

    Raises:
        InvalidInput: there is no such state, or the message id is none.
    """
    states = None
    if status is not None:
        states = [one for one in STATES if one.lower() == status.strip().lower()]
        if not states:
            raise InvalidInput(f"a delivery is {', '.join(STATES[:-1])} or {STATES[-1]}, got {status[:100]!r}")
    uuid = None
    if message is not None and (uuid := read_message_id(message)) is None:
        raise InvalidInput(f"a webhook-id is msg_ and 26 letters and digits, got {message[:100]!r}")
    rows = await connection.fetch(load(__package__, "list_deliveries"), webhook.id, states, uuid, None, limit)
    return [
        Delivery(**{**dict(row), "message_id": row["message_id"] and message_id(row["message_id"])}) for row in rows
    ]


async def replay(
    connection: Queryable,
    webhook: WebhookRecord,
    *,
    numbers: Sequence[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    all_failed: bool = False,
) -> list[int]:
    """Have deliveries sent again: those of some events, all since a time, or all that have failed.

    They go in the order of their numbers, which are returned, with new attempts; in the format standard with the same
    webhook-id. Where there are many, they are committed in portions, one after the other.

    Raises:
        InvalidInput: nothing, or too much, was asked for.
        NotFound: there is no delivery of a number.
    """
    if sum((numbers is not None, since is not None, all_failed)) != 1:
        raise InvalidInput(
            "say what to replay, one of these: numbers of events, all that have failed (--failed), or all since a time "
            "(--since)"
        )
    if until is not None and (since is None or until <= since):
        raise InvalidInput("the end of a replay (--until) comes after its beginning (--since): give both")
    if numbers is not None:
        await _require(connection, webhook, numbers)
    begun_at = await database_time(connection)
    replayed: list[int] = []
    while True:
        (row,) = await connection.fetch(
            load(__package__, "replay_deliveries"),
            webhook.id,
            None if numbers is None else sorted(set(numbers)),
            since,
            until,
            not all_failed,
            PORTION,
            replayed[-1] if replayed else 0,
            begun_at,
        )
        replayed += row["numbers"]
        if len(row["numbers"]) < PORTION:
            return replayed


async def _require(connection: Queryable, webhook: WebhookRecord, numbers: Sequence[int]) -> None:
    if not numbers:
        raise InvalidInput("give the numbers of events (`jobrunner webhook deliveries` shows them)")
    if len(set(numbers)) > MOST_NUMBERS:
        raise InvalidInput(f"at most {MOST_NUMBERS} are replayed at once, got {len(set(numbers))}")
    rows = await connection.fetch(
        load(__package__, "list_deliveries"), webhook.id, None, None, sorted(set(numbers)), MOST_NUMBERS
    )
    if missing := sorted(set(numbers) - {row["number"] for row in rows}):
        raise NotFound(
            f"webhook {webhook.id} has no delivery of event {missing[0]}; "
            f"`jobrunner webhook deliveries {webhook.id}` shows them"
        )
