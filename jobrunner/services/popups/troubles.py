"""Popups that nobody makes visible, for `jobrunner status`."""

from datetime import timedelta

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.queue.settings import load_settings
from jobrunner.queue.wording import count, moment
from jobrunner.services.popups.settings import load_popup_settings

FIND_LATE_POPUPS = load(__package__, "find_late_popups")

LATE = timedelta(minutes=2)
"""After its time a popup is late: its own job comes within a second, the schedule within a minute."""
MOST = 1000
"""So many are counted."""


async def list_popup_troubles(connection: Queryable) -> list[str]:
    """Return a sentence where popups are due and have not become visible.

    That a user is away is no trouble; of processing that a person has paused that pause is told.
    """
    if (await load_settings(connection)).paused:
        return []
    settings = await load_popup_settings(connection)
    (row,) = await connection.fetch(FIND_LATE_POPUPS, LATE, settings.past, MOST)
    if not row["popups"]:
        return []
    many = f"{MOST:,} popups or more" if row["popups"] == MOST else count(row["popups"], "popup")
    is_one = row["popups"] == 1
    return [
        f"{many} should be shown since {moment(row['since'])} and {'is' if is_one else 'are'} not, since the job "
        "SubmitPopupReminders did not run; `jobrunner jobs list --name SubmitPopupReminders` and "
        "`jobrunner scheduled-jobs list` say why"
    ]
