"""What users' pages show, and what users do with it: seen, snoozed, dismissed."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput

LIST_OPEN_POPUPS = load(__package__, "list_open_popups")
SEE_POPUPS = load(__package__, "see_popups")
DISMISS_POPUPS = load(__package__, "dismiss_popups")
SNOOZE_POPUP = load(__package__, "snooze_popup")

MOST_SHOWN = 50
"""Popups that a page gets: those that start last."""
SNOOZES = (5, 10, 15, 30, 60)
"""Minutes for which a popup may be snoozed."""


async def open_popups(connection: Queryable, users: Iterable[str], past: timedelta) -> dict[str, str]:
    """Return what the pages of these users show, each as a JSON array; who is gone or not active is left out."""
    rows = await connection.fetch(LIST_OPEN_POPUPS, list(users), past, MOST_SHOWN)
    return {row["user_id"]: row["popups"] for row in rows}


async def see(connection: Queryable, user: str, ids: Sequence[int]) -> list[int]:
    """Note that a page has shown popups; return those for which that is new."""
    return [row["id"] for row in await connection.fetch(SEE_POPUPS, user, list(ids))]


async def dismiss(connection: Queryable, user: str, ids: Sequence[int] | None) -> list[int]:
    """Dismiss popups of a user, None for all that are open; return those that were open and their user's."""
    given = None if ids is None else list(ids)
    return [row["id"] for row in await connection.fetch(DISMISS_POPUPS, user, given)]


async def snooze(connection: Queryable, user: str, id: int, minutes: int | None) -> datetime | None:
    """Let a popup come again; None for tomorrow at nine where the user is. Returns when, or None where it is not open.

    Raises:
        InvalidInput: for no such time.
    """
    if minutes is not None and minutes not in SNOOZES:
        allowed = ", ".join(map(str, SNOOZES))
        raise InvalidInput(f"a popup is snoozed for {allowed} minutes or until tomorrow, got {str(minutes)[:20]}")
    delay = None if minutes is None else timedelta(minutes=minutes)
    rows = await connection.fetch(SNOOZE_POPUP, user, id, delay)
    moment: datetime | None = rows[0]["next_attempt_at"] if rows else None
    return moment
