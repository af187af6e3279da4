"""Emitting: what is sent to PostgreSQL to tell webhooks of an event; `carrier` runs it on whatever connection."""

from collections.abc import Mapping
from typing import Any

from jobrunner.db.sql import load
from jobrunner.definitions import Target
from jobrunner.errors import InvalidInput, InvalidJobData
from jobrunner.queue.data import encode
from jobrunner.queue.enqueue import Statement, Steps
from jobrunner.queue.new_job import check_name, check_target

EMIT_EVENT = load(__package__, "emit_event")
LONGEST_USER = 64


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
    kind, id = check_target(target)
    user = check_name("a user's id", str(user) if isinstance(user, int) else user, LONGEST_USER)
    rows = yield Statement(EMIT_EVENT, (event, _encoded(data), kind, id, user))
    number: int | None = rows[0][0]
    return number


def _encoded(data: Mapping[str, Any]) -> str:
    try:
        return encode(data)
    except InvalidJobData as refusal:
        raise InvalidInput(str(refusal).replace("a job's data", "an event's data")) from None
