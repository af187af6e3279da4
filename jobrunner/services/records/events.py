"""Meetings, calls and tasks: made, moved, ended; who takes part, and how far ahead they are reminded."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal

from jobrunner.db.sql import load
from jobrunner.errors import NotFound
from jobrunner.services.records.lists import (
    EntityType,
    ReminderType,
    moment_or_day,
    refuse_unknown_type,
    reminder_list,
)
from jobrunner.services.records.refusal import refusals_in_words

Acceptance = Literal["None", "Accepted", "Tentative", "Declined"]
Reminder = tuple[ReminderType, int]


async def add_meeting(
    connection: Any,
    name: str,
    start: datetime | date,
    *,
    end: datetime | date | None = None,
    attendees: Iterable[str] = (),
    assigned_user: str | None = None,
    reminders: Iterable[Reminder] | None = None,
    id: str | None = None,
) -> str:
    """Add a meeting and return its id.

    Args:
        connection: an asyncpg connection.
        name: one line.
        start: a moment with its zone, or a date for all day: then it begins at each attendee's own midnight.
        end: the same.
        attendees: ids of users. Where there are none, whom it is assigned to is reminded.
        assigned_user: whose meeting it is.
        reminders: (type, seconds before the start), ten at most, for all who have no list of their own for it; left
            out, each user's defaults apply.
        id: a text of the caller's own; the next number if left out.

    Raises:
        InvalidInput: a value is refused; nothing was written.
        Conflict: the id is taken.
    """
    return await _add("Meeting", connection, name, start, end, attendees, assigned_user, reminders, id)


async def add_call(
    connection: Any,
    name: str,
    start: datetime | date,
    *,
    end: datetime | date | None = None,
    attendees: Iterable[str] = (),
    assigned_user: str | None = None,
    reminders: Iterable[Reminder] | None = None,
    id: str | None = None,
) -> str:
    """Add a call and return its id; see `add_meeting`."""
    return await _add("Call", connection, name, start, end, attendees, assigned_user, reminders, id)


async def add_task(
    connection: Any,
    name: str,
    due: datetime | date | None,
    *,
    start: datetime | date | None = None,
    attendees: Iterable[str] = (),
    assigned_user: str | None = None,
    reminders: Iterable[Reminder] | None = None,
    id: str | None = None,
) -> str:
    """Add a task and return its id; see `add_meeting`. Reminders count from when it is due; without that, none."""
    return await _add("Task", connection, name, start, due, attendees, assigned_user, reminders, id)


async def _add(
    entity_type: EntityType,
    connection: Any,
    name: str,
    start: datetime | date | None,
    end: datetime | date | None,
    attendees: Iterable[str],
    assigned_user: str | None,
    reminders: Iterable[Reminder] | None,
    id: str | None,
) -> str:
    times = (*moment_or_day("start", start), *moment_or_day("end", end))
    list_of_all = None if reminders is None else reminder_list(reminders)
    async with connection.transaction():
        with refusals_in_words():
            added: str = await connection.fetchval(
                load(__package__, f"add_{entity_type.lower()}"), id, name, *times, assigned_user
            )
        await invite(connection, entity_type, added, *attendees)
        if list_of_all is not None:
            await _store_list(connection, entity_type, added, None, list_of_all)
    return added


async def invite(connection: Any, entity_type: EntityType, id: str, *users: str) -> None:
    """Add attendees; those who take part already stay as they are."""
    refuse_unknown_type(entity_type)
    with refusals_in_words():
        await connection.execute(load(__package__, "add_attendees"), entity_type, id, list(users))


async def set_acceptance(connection: Any, entity_type: EntityType, id: str, user: str, acceptance: Acceptance) -> None:
    """Note an attendee's answer. Who declines is not reminded.

    Raises:
        NotFound: the user does not take part.
    """
    refuse_unknown_type(entity_type)
    with refusals_in_words():
        changed = await connection.fetchval(load(__package__, "set_acceptance"), entity_type, id, user, acceptance)
    if changed is None:
        raise NotFound(f"user {user} takes no part in {entity_type} {id}")


async def set_reminders(
    connection: Any,
    entity_type: EntityType,
    id: str,
    reminders: Iterable[Reminder] | None,
    *,
    user: str | None = None,
) -> None:
    """Say how far ahead a record is reminded of: for one user, or for all who have no list of their own.

    An empty list is none at all; None takes the list back, so that what stood behind it applies again.
    """
    refuse_unknown_type(entity_type)
    if reminders is None:
        await connection.execute(load(__package__, "remove_reminder_list"), entity_type, id, user)
    else:
        await _store_list(connection, entity_type, id, user, reminder_list(reminders))


async def _store_list(connection: Any, entity_type: EntityType, id: str, user: str | None, reminders: str) -> None:
    with refusals_in_words():
        await connection.execute(load(__package__, "set_reminder_list"), entity_type, id, user, reminders)


async def move(connection: Any, entity_type: EntityType, id: str, to: datetime | date) -> None:
    """Give a meeting or call another start, or a task another time when it is due; its end is not looked at.

    Raises:
        NotFound: there is no such record.
    """
    await _change(connection, "move", entity_type, id, *moment_or_day("the new time", to))


async def set_status(connection: Any, entity_type: EntityType, id: str, status: str) -> None:
    """Set the status: Planned, Held, Not Held; of a task Not Started, Started, Completed, Canceled, Deferred."""
    await _change(connection, "set_status_of", entity_type, id, status)


async def remove(connection: Any, entity_type: EntityType, id: str) -> None:
    """Mark a record as deleted."""
    await _change(connection, "remove", entity_type, id)


async def _change(connection: Any, verb: str, entity_type: EntityType, id: str, *values: Any) -> None:
    refuse_unknown_type(entity_type)
    with refusals_in_words():
        found = await connection.fetchval(load(__package__, f"{verb}_{entity_type.lower()}"), id, *values)
    if found is None:
        raise NotFound(f"there is no {entity_type} {id}")


async def plan(connection: Any, entity_type: EntityType, id: str) -> int:
    """Make the reminders fit the record, and return how many wait; needed only where the record stands in a view."""
    refuse_unknown_type(entity_type)
    waiting: int = await connection.fetchval(load(__package__, "plan_reminders"), entity_type, id)
    return waiting
