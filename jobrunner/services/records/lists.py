"""Lists of reminders and other values, checked at entry."""

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal, get_args

from jobrunner.errors import InvalidInput

EntityType = Literal["Meeting", "Call", "Task"]
ReminderType = Literal["Email", "Popup"]

MOST_REMINDERS = 10
"""Reminders that one list may have."""
LONGEST_AHEAD = 31_622_400
"""Seconds that a reminder may come before the start: a leap year."""


def reminder_list(reminders: Iterable[tuple[ReminderType, int]]) -> str:
    """Return a list of (type, seconds before the start) as JSON.

    Raises:
        InvalidInput: more than ten, another type, or seconds that are no whole number from 0 to a year.
    """
    items = list(reminders)
    if len(items) > MOST_REMINDERS:
        raise InvalidInput(f"a record may have {MOST_REMINDERS} reminders, got {len(items)}")
    for kind, seconds in items:
        if kind not in get_args(ReminderType):
            raise InvalidInput(f"a reminder is an Email or a Popup, got {kind!r}")
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= LONGEST_AHEAD:
            raise InvalidInput(
                f"a reminder comes a whole number of seconds before the start, 0 to {LONGEST_AHEAD}, got {seconds!r}"
            )
    return json.dumps([{"type": kind, "seconds": seconds} for kind, seconds in items])


def moment_or_day(name: str, value: datetime | date | None) -> tuple[datetime | None, date | None]:
    """Return the two columns in which a time stands: a moment, or the day of a record that takes all day.

    Raises:
        InvalidInput: a datetime without a zone.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidInput(f"{name} needs a time zone, got {value.isoformat()}: give it a tzinfo")
        return value, None
    return None, value


def refuse_unknown_type(entity_type: str) -> None:
    """Raise InvalidInput unless it is a type of record that has reminders."""
    if entity_type not in get_args(EntityType):
        raise InvalidInput(f"reminders are of a Meeting, a Call or a Task, got {entity_type!r}")
