"""E-mail reminders that nobody sends, or that lack something, for `jobrunner status`."""

from datetime import timedelta

from jobrunner.config import Configuration
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.queue.settings import load_settings
from jobrunner.queue.wording import count, moment
from jobrunner.services.mail.letterhead import LINKLESS
from jobrunner.services.reminders.rows import PAST_LIMIT

FIND_LATE_REMINDERS = load(__package__, "find_late_reminders")
FIND_SENT_LATELY = load(__package__, "find_sent_lately")

LATE = timedelta(minutes=5)
"""After its time a reminder is late: its own job comes within a second, the schedule within two minutes."""
MOST = 1000
"""So many are counted."""


async def list_reminder_troubles(connection: Queryable) -> list[str]:
    """Return a sentence where reminders are due and nobody has taken them up.

    An account held back tells of itself, and so does processing that a person has paused.
    """
    if (await load_settings(connection)).paused:
        return []
    (row,) = await connection.fetch(FIND_LATE_REMINDERS, LATE, PAST_LIMIT, MOST)
    if not row["reminders"]:
        return []
    many = (
        f"{MOST:,} e-mail reminders or more" if row["reminders"] == MOST else count(row["reminders"], "e-mail reminder")
    )
    return [
        f"{many} should have gone since {moment(row['since'])}, and the job SendEmailReminders did not take them up; "
        "`jobrunner jobs list --name SendEmailReminders` and `jobrunner scheduled-jobs list` say why"
    ]


async def list_reminder_link_troubles(connection: Queryable, configuration: Configuration) -> list[str]:
    """Return a sentence where mails go out without links, since it is not configured where these are to lead."""
    if configuration.given_site_url is not None:
        return []
    (row,) = await connection.fetch(FIND_SENT_LATELY)
    return [f"e-mail reminders {LINKLESS}"] if row["is_sent"] else []
