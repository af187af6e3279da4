"""What reminders there are, for whoever looks; and one taken away from its user."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, NotFound, nearest
from jobrunner.services.records import EntityType, ReminderType, set_reminders

LIST_REMINDERS = load(__package__, "list_reminders")
LIST_WANTED_REMINDERS = load(__package__, "list_wanted_reminders")

STATES = (
    "Waiting",
    "Sending",
    "Due",
    "Seen",
    "Sent",
    "Failed",
    "Skipped",
    "Missed",
    "Uncertain",
    "Dismissed",
    "Expired",
)


@dataclass(frozen=True, slots=True)
class ReminderRow:
    """One reminder of one user."""

    id: int
    type: ReminderType
    state: str
    user_id: str
    user_name: str | None
    entity_type: EntityType
    entity_id: str
    record_name: str | None
    remind_at: datetime
    next_attempt_at: datetime
    """When it comes, or comes again."""
    start_at: datetime
    seconds: int | None
    """How long before the start; None where all moments had passed and it was made for now."""
    submitted_at: datetime | None
    finished_at: datetime | None
    reason: str | None


async def list_reminders(
    connection: Queryable,
    *,
    user: str | None = None,
    type: str | None = None,
    state: str | None = None,
    limit: int = 100,
) -> list[ReminderRow]:
    """Return reminders, the latest first.

    Raises:
        InvalidInput: there is no such type or state.
    """
    kind = None if type is None else _one_of("type", type, get_args(ReminderType))
    of_state = None if state is None else _one_of("state", state, STATES)
    rows = await connection.fetch(LIST_REMINDERS, user, kind, of_state, None, limit)
    return [ReminderRow(**row) for row in rows]


async def find_reminder(connection: Queryable, id: int) -> ReminderRow:
    """Return one reminder.

    Raises:
        NotFound: there is none.
    """
    rows = await connection.fetch(LIST_REMINDERS, None, None, None, id, 1)
    if not rows:
        raise NotFound(f"there is no reminder {id}: `jobrunner reminder list` shows all")
    return ReminderRow(**rows[0])


async def remove_reminder(connection: Any, id: int) -> ReminderRow:
    """Take a reminder that waits, or is shown, away from its user, who gets a list of their own for that record.

    Raises:
        NotFound: there is none.
        Conflict: it is finished.
    """
    row = await find_reminder(connection, id)
    if row.finished_at is not None:
        raise Conflict(f"reminder {id} is {row.state} already: there is nothing to remove")
    about = (row.entity_type, row.entity_id)
    wanted = [
        (one["type"], one["seconds"]) for one in await connection.fetch(LIST_WANTED_REMINDERS, *about, row.user_id)
    ]
    kept = [one for one in wanted if one[0] != row.type or (row.seconds is not None and one[1] != row.seconds)]
    await set_reminders(connection, *about, kept, user=row.user_id)
    return row


def _one_of(what: str, text: str, known: tuple[str, ...]) -> str:
    for one in known:
        if one.lower() == text.strip().lower():
            return one
    raise InvalidInput(f"no reminder has the {what} {text[:40]!r}{nearest(text[:40], known)}")
