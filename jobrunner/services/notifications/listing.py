"""Notifications as a list shows them, with what became of their mails and why."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput, NotFound, nearest
from jobrunner.services.notifications.preferences import find_user

LIST_NOTIFICATIONS = load(__package__, "list_notifications")
LIST_STATES = load(__package__, "list_states")

LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One notification."""

    number: int
    user_id: str
    user_name: str | None
    email: str | None
    type: str
    parent_type: str | None
    parent_id: str | None
    parent_name: str | None
    related_type: str | None
    related_id: str | None
    actor_id: str | None
    action_id: str | None
    read: bool
    created_at: datetime
    mail: str
    """The state of its mail."""
    reason: str | None
    """Why it was not mailed, or what the mail server said last."""
    next_attempt_at: datetime | None
    """While it waits: when its delay or its pause ends."""
    finished_at: datetime | None
    attempt_count: int
    doubt_count: int
    message_id: str | None
    data: Any


async def list_notifications(
    connection: Queryable, *, user: str | None = None, state: str | None = None, limit: int = 100
) -> list[NotificationRow]:
    """Return the latest notifications, of a user (id, address or name) or in a state of mail.

    Raises:
        NotFound: there is no such user.
        InvalidInput: there is no such state.
    """
    wanted = None if state is None else await _state(connection, state)
    user_id = None if user is None else await find_user(connection, user)
    return [_row(row) for row in await connection.fetch(LIST_NOTIFICATIONS, None, user_id, wanted, limit)]


async def find_notification(connection: Queryable, number: int) -> NotificationRow:
    """Return one notification.

    Raises:
        NotFound: there is none of that number.
    """
    rows = await connection.fetch(LIST_NOTIFICATIONS, number, None, None, 1) if 0 < number <= LARGEST else []
    if not rows:
        raise NotFound(f"there is no notification {number}: `jobrunner notifications list` shows the latest")
    return _row(rows[0])


async def _state(connection: Queryable, text: str) -> str:
    states: list[str] = [row["state"] for row in await connection.fetch(LIST_STATES)]
    for state in states:
        if state.lower() == text.strip().lower():
            return state
    raise InvalidInput(f"there is no state {text[:40]!r} of a mail{nearest(text[:40], states)}")


def _row(row: Any) -> NotificationRow:
    return NotificationRow(**{**dict(row), "data": json.loads(row["data"])})
