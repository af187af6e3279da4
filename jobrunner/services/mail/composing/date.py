"""Moments as a Date field has them (RFC 5322, 3.3)."""

from datetime import UTC, datetime
from functools import lru_cache

from jobrunner.errors import InvalidInput

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=64)  # the mails that are written together have one
def rfc5322_date(moment: datetime) -> str:
    """Return a moment as a Date field has it, in UTC; never by the locale of the machine.

    Raises:
        InvalidInput: the moment has no time zone, so nobody knows which one it is.
    """
    if moment.tzinfo is None:
        raise InvalidInput(f"the date of a message needs a time zone, got {moment.isoformat()}")
    utc = moment.astimezone(UTC)
    return (
        f"{DAYS[utc.weekday()]}, {utc.day} {MONTHS[utc.month - 1]} {utc.year:04} "
        f"{utc.hour:02}:{utc.minute:02}:{utc.second:02} +0000"
    )
