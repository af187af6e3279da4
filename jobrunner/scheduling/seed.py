"""Default scheduled jobs: one for each definition that has a crontab, made once."""

import re

from jobrunner.crontab import Crontab
from jobrunner.db.connection import Connection
from jobrunner.db.sql import load
from jobrunner.definitions import Registry

SEED_SCHEDULES = load(__package__, "seed_schedules")


async def seed(connection: Connection, registry: Registry) -> list[str]:
    """Make the default scheduled jobs that were never made; return their names.

    One that an administrator removed stays removed, and where a definition has a scheduled job already it gets no
    second one.
    """
    defaults = [definition for definition in registry if definition.crontab is not None]
    if not defaults:
        return []
    rows = await connection.fetch(
        SEED_SCHEDULES,
        [definition.name for definition in defaults],
        [in_words(definition.name) for definition in defaults],
        [Crontab.parse(definition.crontab or "").text for definition in defaults],
    )
    return sorted(row["name"] for row in rows)


def in_words(name: str) -> str:
    """Return a definition's name as words: SendEmailReminders → Send Email Reminders."""
    parts = re.findall(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+", name)
    return " ".join(part[0].upper() + part[1:] for part in parts) or name
