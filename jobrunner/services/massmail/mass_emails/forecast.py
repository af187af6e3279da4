"""When a mass e-mail that is longer than the limit of the hour would be done, said as it is started."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.massmail.mass_emails.rows import MassEmail
from jobrunner.services.massmail.settings import load_mass_mail_settings

MOST = 100_000
"""Members that are judged one by one; of more it is assumed that all get it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """More get it than may be sent in an hour."""

    recipients: int
    limit: int
    done_at: datetime
    """About: where nothing else is sent meanwhile, and nothing is deferred."""


async def forecast(
    connection: Queryable, mass_email: MassEmail, *, at: datetime | None = None, everybody: bool = False
) -> Forecast | None:
    """Return when one that is about to start would be done; None where the limit of the hour does not hold it up.

    Args:
        connection: whatever runs a statement.
        mass_email: which.
        at: when it starts; left out, as it says, or now where that is past.
        everybody: who got it before gets it once more.
    """
    limit = (await load_mass_mail_settings(connection)).mass_email_max_per_hour_count
    if not limit:
        return None
    (hour,) = await connection.fetch(load(__package__, "read_hour"), limit)
    (row,) = await connection.fetch(load(__package__, "count_recipients"), mass_email.id, everybody, MOST)
    begins = max(at or mass_email.start_at, hour["now"])
    # By then the mails of the last hour are an hour old.
    used = hour["used"] if begins < hour["now"] + timedelta(hours=1) else 0
    room = max(0, limit - used)
    if row["recipients"] <= room:
        return None
    hours = ceil((row["recipients"] - room) / limit)
    try:
        return Forecast(row["recipients"], limit, begins + timedelta(hours=hours))
    except OverflowError:  # after the year 9999
        return None
