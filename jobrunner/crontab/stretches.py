"""A zone's clock as stretches of constant offset, in whole seconds from 1970 UTC.

`zoneinfo` answers what the offset is at an instant, not when it changes next. The changes are found by looking
every three days and halving; the shortest time between two changes anywhere in the zone data is nearly four days
(Africa/Freetown in 1939; a test holds that). What was found is kept, a block of some 388 days at a time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3600
DAY = 24 * HOUR

BLOCK_BITS = 25
LOOK_EVERY = 3 * DAY
# Offsets are less than a day either way, so what a clock showed two days ago cannot come again.
LOOK_BACK = 2 * DAY

# Two days from the ends of what `datetime` holds, so that local times fit as well.
FIRST_SECOND = round((datetime(1, 1, 3, tzinfo=UTC) - EPOCH).total_seconds())
LAST_SECOND = round((datetime(9999, 12, 29, tzinfo=UTC) - EPOCH).total_seconds())


class Stretch(NamedTuple):
    """From `start` up to `end` (UTC seconds) local time is UTC + `offset`.

    `passed` is the local second up to which the wall clock had already run when the stretch began. Below
    `start + offset` there was a gap, above it the first local times of the stretch are a repetition.
    """

    start: int
    end: int
    offset: int
    passed: int


def stretch_at(zone: tzinfo, second: int) -> Stretch:
    """Return the stretch (cut at the ends of its block) that holds an instant."""
    for stretch in _block(zone, second >> BLOCK_BITS):
        if second < stretch.end:
            return stretch
    raise AssertionError("the last stretch of a block ends with the block")


def changes(zone: tzinfo, start: int, end: int) -> Iterator[tuple[Stretch, Stretch]]:
    """Yield the stretches before and after each change of the clock in [start, end)."""
    before = stretch_at(zone, start - 1)
    while before.end < end:
        after = stretch_at(zone, before.end)
        if after.offset != before.offset and after.start >= start:
            yield before, after
        before = after


def seconds_of(moment: datetime) -> int:
    """Return the whole seconds from 1970 to an aware moment, rounded down."""
    passed = moment - EPOCH
    return passed.days * DAY + passed.seconds


def moment_of(second: int) -> datetime:
    """Return the moment in UTC."""
    return EPOCH + timedelta(seconds=second)


def _offset(zone: tzinfo, second: int) -> int:
    held = timedelta(seconds=min(max(second, FIRST_SECOND), LAST_SECOND))
    utc = datetime(1970, 1, 1, tzinfo=zone) + held  # counted as UTC, which is what fromutc expects
    offset = zone.fromutc(utc) - utc
    return offset.days * DAY + offset.seconds


@lru_cache(maxsize=8192)
def _block(zone: tzinfo, number: int) -> tuple[Stretch, ...]:
    start, end = number << BLOCK_BITS, (number + 1) << BLOCK_BITS
    stretches: list[Stretch] = []
    begun, offset = start - LOOK_BACK, _offset(zone, start - LOOK_BACK)
    passed = begun + offset
    for at, changed in [*_changes(zone, begun, end), (end, 0)]:
        stretches.append(Stretch(begun, at, offset, passed))
        passed = at + offset  # the furthest yet: changes are days apart, offsets less than a day
        begun, offset = at, changed
    return tuple(_cut(stretch, start) for stretch in stretches if stretch.end > start)


def _cut(stretch: Stretch, start: int) -> Stretch:
    """Begin at the block's start what began before it."""
    if stretch.start >= start:
        return stretch
    return stretch._replace(start=start, passed=max(stretch.passed, start + stretch.offset))


def _changes(zone: tzinfo, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (second, offset from then on) for each change in (start, end)."""
    earlier, offset = start, _offset(zone, start)
    while earlier < end - 1:
        later = min(earlier + LOOK_EVERY, end - 1)
        offset_later = _offset(zone, later)
        if offset_later != offset:
            low, high = earlier, later
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(zone, middle) == offset:
                    low = middle
                else:
                    high = middle
            yield high, offset_later
        earlier, offset = later, offset_later
