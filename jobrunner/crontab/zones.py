"""Time zones by name, from the system's zone data or the tzdata package."""

import re
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from jobrunner.crontab.errors import quoted
from jobrunner.errors import InvalidInput

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
LONGEST = 64

# Names that mean something else on another machine, or count leap seconds.
NOT_SHARED = re.compile(r"localtime|posixrules|(posix|right)/.*", re.IGNORECASE)


def zone(name: str) -> ZoneInfo:
    """Return the time zone of that name; raise InvalidInput with the nearest names when there is none."""
    if len(name) <= LONGEST and NAME.fullmatch(name) and not NOT_SHARED.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (ValueError, OSError, LookupError):  # no such file, a folder, a file that is no zone
            pass
    known = {known for known in available_timezones() if not NOT_SHARED.fullmatch(known)}
    if not known:
        raise InvalidInput(
            f"the time zone {quoted(name)} cannot be loaded: there is no zone data on this machine;"
            " install the Python package tzdata, or the tzdata package of the operating system"
        )
    raise InvalidInput(f"there is no time zone {quoted(name)}{_nearest(name[:LONGEST], known)}")


def _nearest(name: str, known: set[str]) -> str:
    """Return the zones that the name resembles: as a whole, or by its city ("berlin", "Kalkutta")."""
    lowered = {candidate.lower(): candidate for candidate in sorted(known)}
    by_city = {candidate.rpartition("/")[2].lower(): candidate for candidate in sorted(known, reverse=True)}
    wanted = name.lower().strip().replace(" ", "_")
    city = wanted.rpartition("/")[2]
    exact = lowered.get(wanted) or by_city.get(city)
    if exact:
        return f"; did you mean {exact}?"
    close = [lowered[match] for match in get_close_matches(wanted, lowered, n=3, cutoff=0.7)]
    close += [by_city[match] for match in get_close_matches(city, by_city, n=3, cutoff=0.65)]
    if close:
        return f"; did you mean {' or '.join(list(dict.fromkeys(close))[:3])}?"
    far = [lowered[match] for match in get_close_matches(wanted, lowered, n=3, cutoff=0.3)]
    like = f" (the nearest names are {', '.join(far)})" if far else ""
    return f"; zones are named after a region and a city, such as Europe/Berlin, or UTC{like}"
