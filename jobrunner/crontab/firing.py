"""Fire times: the pattern of wall-clock times laid on a zone's clock.

The summer-time rule in terms of stretches. Star jobs fire at every instant whose local time matches: in each
stretch the matches from `start + offset` on. Fixed jobs live on a clock that never goes back: in each stretch the
matches from `passed` on, so that what was skipped (below `start + offset`) fires at the start, right after the
gap, and what comes a second time (below `passed`) does not fire again. That is all of it, in every zone.
"""

from datetime import tzinfo

from jobrunner.crontab.pattern import DAY, Pattern
from jobrunner.crontab.stretches import FIRST_SECOND, LAST_SECOND, Stretch, stretch_at

# A day of offset either way and a day of skipped time, with some room.
REACH = 3 * DAY

# From 2088 on every zone goes by a yearly rule (Morocco's table of Ramadans is the longest), and the calendar takes
# every shape within 40 years: what has not fired by then always meets a gap.
RULES_ONLY = 118 * 366 * DAY
ALL_SHAPES = 41 * 366 * DAY


def next_second(pattern: Pattern, fixed: bool, zone: tzinfo, second: int) -> int | None:
    """Return the first fire time from `second` on (UTC seconds); None when none comes."""
    second = max(second, FIRST_SECOND)
    limit = min(max(second, RULES_ONLY) + ALL_SHAPES, LAST_SECOND)
    while second <= limit:
        stretch = stretch_at(zone, second)
        local = pattern.at_or_after(_from(stretch, fixed, second))
        if local is None:
            return None
        if local < stretch.end + stretch.offset:
            found = max(local - stretch.offset, stretch.start)
            return found if found <= LAST_SECOND else None
        following = stretch.end
        # A repetition can bring back what lies behind, but not from further away than REACH.
        if fixed or stretch.end >= second + REACH:
            following = max(following, local - REACH)
        second = following
    return None


def previous_second(pattern: Pattern, fixed: bool, zone: tzinfo, second: int, earliest: int) -> int | None:
    """Return the last fire time up to `second`; None when there is none since `earliest`."""
    second = min(second, LAST_SECOND)
    earliest = max(earliest, FIRST_SECOND)
    while second >= earliest:
        stretch = stretch_at(zone, second)
        local = pattern.at_or_before(second + stretch.offset)
        if local is None:
            return None
        if local >= _first(stretch, fixed):
            found = max(local - stretch.offset, stretch.start)
            return found if found >= earliest else None
        preceding = stretch.start - 1
        if stretch.start <= second - REACH:
            preceding = min(preceding, local + REACH)
        second = preceding
    return None


def count_seconds(pattern: Pattern, fixed: bool, zone: tzinfo, start: int, end: int, cap: int) -> int:
    """Count the fire times in [start, end], giving up at `cap`."""
    total = 0
    second = max(start, FIRST_SECOND)
    end = min(end, LAST_SECOND)
    while second <= end and total < cap:
        stretch = stretch_at(zone, second)
        begin = stretch.start + stretch.offset
        local = _from(stretch, fixed, second)
        until = min(stretch.end, end + 1) + stretch.offset
        if local < begin:  # what was skipped fires once, with what is due at that instant anyway
            if pattern.count(local, begin) and not pattern.matches(begin):
                total += 1
            local = begin
        total += pattern.count(local, until)
        second = stretch.end
    return min(total, cap)


def _first(stretch: Stretch, fixed: bool) -> int:
    """Return the local second from which matches count in this stretch."""
    return stretch.passed if fixed else stretch.start + stretch.offset


def _from(stretch: Stretch, fixed: bool, second: int) -> int:
    """Return the local second from which matches fire at `second` or later in this stretch."""
    if second == stretch.start:
        return _first(stretch, fixed)
    return max(_first(stretch, fixed), second + stretch.offset)
