"""Users: who is reminded, where, and in which language and zone."""

from collections.abc import Iterable
from typing import Any

from jobrunner.crontab.zones import zone
from jobrunner.db.sql import load
from jobrunner.services.records.lists import ReminderType, reminder_list
from jobrunner.services.records.refusal import refusals_in_words


async def add_user(
    connection: Any,
    name: str,
    email: str | None,
    *,
    time_zone: str = "UTC",
    language: str = "en",
    active: bool = True,
    default_reminders: Iterable[tuple[ReminderType, int]] = (),
    default_reminders_task: Iterable[tuple[ReminderType, int]] = (),
    id: str | None = None,
) -> str:
    """Add a user and return the id.

    Args:
        connection: an asyncpg connection.
        name: as mails address them.
        email: where reminders go; None for a user who gets none by mail.
        time_zone: in which mails name times, and at whose midnight a day begins (`Europe/Berlin`).
        language: of their mails, a tag such as `en` or `de_AT`.
        active: whether they are reminded at all.
        default_reminders: of meetings and calls that say nothing else: (type, seconds before the start).
        default_reminders_task: the same for tasks.
        id: a text of the caller's own; the next number if left out.

    Raises:
        InvalidInput: a value is refused; nothing was written.
    """
    zone(time_zone)
    lists = reminder_list(default_reminders), reminder_list(default_reminders_task)
    with refusals_in_words():
        added: str = await connection.fetchval(
            load(__package__, "add_user"), id, name, email, time_zone, language, active, *lists
        )
    return added
