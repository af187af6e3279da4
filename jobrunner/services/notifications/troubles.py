"""Mails of notifications that lack something, for `jobrunner status`."""

from jobrunner.config import Configuration
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.mail.letterhead import LINKLESS

FIND_SENT_LATELY = load(__package__, "find_sent_lately")

LOOKED_AT = 1000
"""The last notifications, among which those that were mailed are looked for."""


async def list_notification_troubles(connection: Queryable, configuration: Configuration) -> list[str]:
    """Return a sentence where mails go out without links, since it is not configured where these are to lead."""
    if configuration.given_site_url is not None:
        return []
    (row,) = await connection.fetch(FIND_SENT_LATELY, LOOKED_AT)
    return [f"mails of notifications {LINKLESS}"] if row["is_sent"] else []
