"""Points in time as options of commands name them."""

import re
from datetime import UTC, datetime, timedelta

from jobrunner.errors import InvalidInput

SPAN = re.compile(r"([0-9]{1,9})\s*(s|m|min|h|d|w)")
UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_span(option: str, text: str) -> float:
    """Return the seconds of `90`, `90s`, `15m`, `2h`, `1d` or `1w`; raises InvalidInput."""
    stripped = text.strip().lower()
    match = SPAN.fullmatch(stripped if not stripped.isdecimal() else f"{stripped}s")
    if match is None:
        raise InvalidInput(f"{option} {text[:40]!r} is no span of time; write it as 90s, 15m, 2h or 1d")
    return float(int(match[1]) * UNITS[match[2]])


def parse_moment(option: str, text: str, *, ago: bool = False) -> datetime:
    """Return the time that ISO 8601 text names, without an offset in the zone of this machine; or `today`.

    With `ago`, a span such as `2h` means so long before now.

    Raises:
        InvalidInput: it is neither.
    """
    stripped = text.strip()
    if stripped.lower() == "today":
        return datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        if ago and SPAN.fullmatch(stripped.lower()):
            return datetime.now(UTC) - timedelta(seconds=parse_span(option, stripped))
        moment = datetime.fromisoformat(stripped)
        return moment if moment.tzinfo is not None else moment.astimezone()
    except (ValueError, OverflowError):
        spans = ", or as 2h or 1d before now" if ago else ""
        raise InvalidInput(f"{option} {text[:40]!r} is no time; write it as 2026-03-29T01:30{spans}") from None
