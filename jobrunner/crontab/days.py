"""Which days of a month match. A month is known by its length and the weekday of its first: 28 shapes in all."""

from jobrunner.crontab.fields import (
    Field,
    Fields,
    LastDay,
    LastOfWeekday,
    LastWorkday,
    NearestWorkday,
    NthWeekday,
    Span,
    Term,
    mask_of,
)

SATURDAY, SUNDAY = 6, 0


def shape(length: int, first: int) -> int:
    """Return the place of a month in the table: `length` 28-31, `first` the weekday of the 1st (Sunday 0)."""
    return (length - 28) * 7 + first


def month_length(year: int, month: int) -> int:
    """Return the days of a month of the Gregorian calendar."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def table(fields: Fields) -> tuple[int, ...]:
    """Return for each shape the matching days as bits (bit 1 is the 1st)."""
    return tuple(_days(fields, length, first) for length in range(28, 32) for first in range(7))


def ever(months: int, days: tuple[int, ...]) -> bool:
    """Whether any day of any year matches. Within 40 years every month takes each of its shapes."""
    return any(
        days[shape(length, first)]
        for month in range(1, 13)
        if months >> month & 1
        for length in ((28, 29) if month == 2 else (month_length(2000, month),))
        for first in range(7)
    )


def _days(fields: Fields, length: int, first: int) -> int:
    by_day = _field(fields.day, length, first)
    by_weekday = _field(fields.weekday, length, first)
    return by_day | by_weekday if fields.either_day else by_day & by_weekday


def _field(field: Field, length: int, first: int) -> int:
    every = (1 << length + 1) - 2
    if field.kind.high == 31:
        matching = field.mask & every
    else:
        matching = mask_of(day for day in range(1, length + 1) if field.mask >> (first + day - 1) % 7 & 1)
    for term in field.specials:
        matching |= 1 << _special(term, length, first)
    return matching & every


def _special(term: Term, length: int, first: int) -> int:
    """Return the day that an L, W or # form means in such a month, 0 when it has none."""
    match term:
        case LastDay(before):
            return max(length - before, 0)
        case LastWorkday():
            return _workday(length, length, first)
        case NearestWorkday(day):
            return _workday(day, length, first) if day <= length else 0
        case NthWeekday(weekday, nth):
            day = 1 + (weekday - first) % 7 + 7 * (nth - 1)
            return day if day <= length else 0
        case LastOfWeekday(weekday):
            return length - (first + length - 1 - weekday) % 7
        case Span():
            raise AssertionError("a span is no special day")


def _workday(day: int, length: int, first: int) -> int:
    """Return the Monday-to-Friday nearest to `day` that lies in the same month."""
    weekday = (first + day - 1) % 7
    if weekday == SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == SUNDAY:
        return day + 1 if day < length else day - 2
    return day
