"""Times, spans and counts as a sentence says them."""

from datetime import datetime


def moment(at: datetime) -> str:
    """Return a time in the time zone of this machine, with its offset."""
    return at.astimezone().isoformat(sep=" ", timespec="seconds")


def span(seconds: float) -> str:
    """Return how long something takes, in the two largest units: `3 h 20 min`."""
    if seconds < 0:
        return "no time"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, size, below, small in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 job`, `12,000 jobs`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def figure(number: float) -> str:
    """Return a number as a sentence says it: `0.5`, `3600`, `10,000,000`."""
    return f"{number:g}" if abs(number) < 1_000_000 else f"{number:,.15g}"


def listed(names: list[str], limit: int = 5) -> str:
    """Return names as a sentence lists them; of many the first few."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit:,} more"
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else "none"


def paused_since(by: str | None, since: datetime | None) -> str:
    """Return that processing is paused, by whom and since when as far as that is known."""
    return "processing is paused" + (f" by {by}" if by else "") + (f" since {moment(since)}" if since else "")


def printable(text: str) -> str:
    """Return a name as it may be kept: without control characters, of sane length."""
    return "".join(letter for letter in text if letter.isprintable())[:255]
