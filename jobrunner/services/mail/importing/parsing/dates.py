"""The Date field, and when a message counts as sent."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from jobrunner.services.mail.importing.parsing.words import header_text, one_line

LONGEST = 200
EARLIEST, LATEST = timedelta(days=30), timedelta(days=1)
"""How far the sender's clock may be from the server's."""


def read_date(raw: bytes | None) -> datetime | None:
    """Return what the field says, in UTC; None where it says nothing that can be a moment.

    `-0000` and no zone at all mean UTC.
    """
    if raw is None:
        return None
    text = one_line(header_text(raw))
    if not text or len(text) > LONGEST:
        return None
    try:
        read = parsedate_tz(text)
        if read is None:
            return None
        zone = timezone(timedelta(seconds=read[9] or 0))
        return datetime(*read[:5], min(read[5], 59), tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def date_sent(date: datetime | None, received: datetime) -> datetime:
    """Return when the message counts as sent: as it says itself, unless that is far from when the server got it."""
    if date is None or not received - EARLIEST <= date <= received + LATEST:
        return received
    return date
