"""Default scheduled jobs: one for each definition that has a crontab, made once."""

import logging
import re

from jobrunner.crontab import Crontab, CrontabError
from jobrunner.db.connection import Connection
from jobrunner.db.sql import load
from jobrunner.definitions import Registry

LIST_UNSEEDED = load(__package__, "list_unseeded")
SEED_SCHEDULES = load(__package__, "seed_schedules")

log = logging.getLogger("jobrunner.scheduling")


async def seed(connection: Connection, registry: Registry) -> list[str]:
    """Make the default scheduled jobs that were never made; return their names.

    One that an administrator removed stays removed, and where a definition has a scheduled job already it gets no
    second one.
    """
    defaults: dict[str, str] = {}
    for definition in registry:
        if definition.crontab is not None:
            try:
                defaults[definition.name] = Crontab.parse(definition.crontab).text
            except CrontabError as error:
                log.error("%s gets no default scheduled job: %s", definition.name, error)
    # Looked for first: an insertion, even of nothing, tells all daemons of an edit, and waits for edits under way.
    unseeded = [row["job"] for row in await connection.fetch(LIST_UNSEEDED, list(defaults))]
    if not unseeded:
        return []
    rows = await connection.fetch(
        SEED_SCHEDULES, unseeded, [in_words(name) for name in unseeded], [defaults[name] for name in unseeded]
    )
    return sorted(row["name"] for row in rows)


def in_words(name: str) -> str:
    """Return a definition's name as words: SendEmailReminders → Send Email Reminders."""
    parts = re.findall(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+", name)
    return " ".join(part[0].upper() + part[1:] for part in parts) or name
