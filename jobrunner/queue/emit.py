"""Emitting: what is sent to PostgreSQL to tell webhooks of an event; `carrier` runs it on whatever connection."""

from collections.abc import Mapping
from typing import Any

from jobrunner.db.sql import load
from jobrunner.definitions import Target
from jobrunner.errors import InvalidInput, InvalidJobData
from jobrunner.queue.data import encode
from jobrunner.queue.enqueue import Statement, Steps

EMIT_EVENT = load(__package__, "emit_event")


def emit_event(
    event: str,
    data: Mapping[str, Any],
    target: Target | tuple[str | None, str | int | None] | None,
    user: str | int | None,
) -> Steps[int | None]:
    """Tell of an event and return its number; None where nobody listens, and nothing was written.

    Raises:
        InvalidInput: nothing was written.
    """
    if not isinstance(event, str):
        raise InvalidInput(f"an event is named by a text such as Account.create, got {type(event).__name__}")
    kind, id = (None, None) if target is None else (target.type, target.id) if isinstance(target, Target) else target
    rows = yield Statement(
        EMIT_EVENT,
        (event, _encoded(data), kind, None if id is None else str(id), None if user is None else str(user)),
    )
    number: int | None = rows[0][0]
    return number


def _encoded(data: Mapping[str, Any]) -> str:
    try:
        return encode(data)
    except InvalidJobData as refusal:
        raise InvalidInput(str(refusal).replace("a job's data", "an event's data")) from None
