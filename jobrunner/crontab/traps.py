"""Warnings: what an expression does that its author may not have meant."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from jobrunner.crontab.days import month_length
from jobrunner.crontab.fields import (
    MINUTE,
    MONTH,
    MONTH_NAMES,
    WEEKDAY_NAMES,
    Field,
    Fields,
    LastDay,
    NearestWorkday,
    NthWeekday,
    Span,
)
from jobrunner.crontab.pattern import Pattern
from jobrunner.crontab.stretches import DAY as DAY_SECONDS
from jobrunner.crontab.stretches import EPOCH, HOUR, changes, seconds_of
from jobrunner.crontab.words import listed, ordinal

# 52 weeks: a year less a day, so that the same change is not told twice.
YEAR = 364 * DAY_SECONDS


def warnings(fields: Fields, pattern: Pattern, zone: tzinfo, after: datetime) -> list[str]:
    """Return a sentence for each trap; those about the clock are for changes within a year from `after`."""
    return [
        *_crowded(fields, pattern),
        *_uneven(fields),
        *_missing_days(fields),
        *_both_days(fields),
        *_clock_changes(fields, pattern, zone, seconds_of(after)),
    ]


def _crowded(fields: Fields, pattern: Pattern) -> Iterator[str]:
    """`* 2 * * *` where `0 2 * * *` was meant."""
    if fields.second.full and not fields.minute.full:
        yield "Every second of each of these minutes: 60 fire times a minute; a 0 as the first field makes it one."
    elif fields.minute.full and not fields.hour.full and not _has_form(fields.hour, "range"):
        count = 60 * pattern.second.bit_count()
        yield f"Every minute of each of these hours: {count:,} fire times an hour; 0 as the minute makes it one."


def _uneven(fields: Fields) -> Iterator[str]:
    """`*/7`: the step starts anew with every hour, day, month, year or week."""
    for field, unit, whole in (
        (fields.second, "second", "minute"),
        (fields.minute, "minute", "hour"),
        (fields.hour, "hour", "day"),
        (fields.month, "month", "year"),
        (fields.weekday, "day", "week"),
    ):
        step = _stepped(field)
        values = field.values
        if step is None:
            continue
        rest = field.kind.size + values[0] - values[-1]
        if len(values) == 1 and rest == field.kind.size:
            yield f"{field.kind.name} {field.text} is the same as {values[0]}: the step leads out of the {whole}."
        elif rest != step:
            units = unit if rest == 1 else f"{unit}s"
            yield (
                f"{field.text} counts anew in every {whole}: from {_name(field, values[-1])} to"
                f" {_name(field, values[0])} of the next {whole} it is {rest} {units}, not {step}."
            )
    step = _stepped(fields.day)
    if step is not None and len(fields.day.values) > 1:
        yield (
            f"{fields.day.text} counts anew from the {ordinal(fields.day.values[0])} of every month: the last step"
            f" of a month is rarely {step} days."
        )


def _missing_days(fields: Fields) -> Iterator[str]:
    """Report what not every month has: the 29th, 30th, 31st, a fifth Monday."""
    months = fields.month.values
    for term in fields.day.terms:
        match term:
            case Span(first=day, form="one") | NearestWorkday(day) if day > 28:
                short = [month for month in months if month_length(2001, month) < day]
                remedy = "L means the last day of every month."
                if short == [2] == list(months):
                    yield "29 February comes in leap years only."
                elif short:
                    yield f"{_absent(day, short)}: no job then; {remedy}"
            case LastDay(before) if before > 27:
                short = [month for month in months if month_length(2001, month) <= before]
                if short:
                    yield f"{term_text(before)} does not exist in {_month_list(short)}: no job then."
            case _:
                pass
    for term in fields.weekday.terms:
        if isinstance(term, NthWeekday) and term.nth == 5:
            name = WEEKDAY_NAMES[term.weekday]
            yield f"Not every month has a 5th {name}: no job then; {term.weekday}L means the last one."


def term_text(before: int) -> str:
    """Return the written form of a day counted from the end."""
    return f"L-{before}"


def _absent(day: int, months: list[int]) -> str:
    if day == 29:
        return "The 29th does not exist in February except in leap years"
    return f"The {ordinal(day)} does not exist in {_month_list(months)}"


def _both_days(fields: Fields) -> Iterator[str]:
    day, weekday = fields.day, fields.weekday
    if not fields.either_day:
        if day.full or weekday.full:
            return
        starred = "day-of-month" if day.star else "day-of-week"
        yield f"Both day fields must match, since {starred} starts with *; without a star either of them would do."
        return
    hint = ""
    weeks = {tuple(range(first, first + 7)): nth for nth, first in enumerate((1, 8, 15, 22), start=1)}
    if day.values in weeks and len(weekday.values) == 1 and not weekday.specials and not day.specials:
        number, nth = weekday.values[0], weeks[day.values]
        hint = f"; the {ordinal(nth)} {WEEKDAY_NAMES[number]} of the month is written * * {number}#{nth}"
    yield f"The day fields are alternatives: it is enough that one of day-of-month and day-of-week matches{hint}."


def _clock_changes(fields: Fields, pattern: Pattern, zone: tzinfo, start: int) -> Iterator[str]:
    """Report the changes of the clock in the coming year that touch a fire time."""
    for before, after in changes(zone, start, start + YEAR):
        begin = after.start + after.offset
        if not fields.fixed and _even(fields, pattern, abs(after.offset - before.offset)):
            continue
        shown = _shown(after.start + before.offset, begin)
        if after.passed < begin:
            count = pattern.count(after.passed, begin)
            if count and fields.fixed:
                yield f"{shown}: what falls in between runs once, right after the change."
            elif count:
                yield f"{shown}: {_times(count, 'is', 'are')} left out."
        elif after.passed > begin:
            count = pattern.count(begin, after.passed)
            if count and fields.fixed:
                yield f"{shown}: what falls in between comes twice and runs the first time only."
            elif count:
                yield f"{shown}: {_times(count, 'comes', 'come')} twice, and the job runs each time."


def _times(count: int, singular: str, plural: str) -> str:
    if count == 1:
        return f"the fire time in between {singular}"
    return f"the {count:,} fire times in between {plural}"


def _even(fields: Fields, pattern: Pattern, shift: int) -> bool:
    """Whether a change of the clock by `shift` seconds leaves the rhythm as it is (every five minutes, say)."""
    if not (fields.hour.full and fields.month.full) or shift % 60:
        return False
    if not (fields.day.full and fields.weekday.full) and not (
        fields.either_day and (fields.day.full or fields.weekday.full)
    ):
        return False
    turn = shift % HOUR // 60
    size = MINUTE.size
    turned = (pattern.minute << turn | pattern.minute >> size - turn) & ((1 << size) - 1)
    return turned == pattern.minute


def _shown(old: int, new: int) -> str:
    earlier, later = _local(old), _local(new)
    direction = "goes on" if new > old else "goes back"
    if earlier.date() == later.date():
        return f"On {_date(earlier)} the clock {direction} from {_time(earlier)} to {_time(later)}"
    return f"The clock {direction} from {_date(earlier)} {_time(earlier)} to {_date(later)} {_time(later)}"


def _local(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def _date(moment: datetime) -> str:
    weekday = WEEKDAY_NAMES[moment.isoweekday() % 7]
    return f"{weekday} {moment.day} {MONTH_NAMES[moment.month - 1]} {moment.year}"


def _time(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def _stepped(field: Field) -> int | None:
    """Return the step when the field is nothing but `*/n` or `a/n`."""
    term = field.terms[0]
    if len(field.terms) == 1 and isinstance(term, Span) and term.form in ("star", "from") and term.step > 1:
        # 40/15 is a list of two, and nobody takes it for "every 15 minutes".
        return term.step if term.first - field.kind.low < term.step else None
    return None


def _has_form(field: Field, form: str) -> bool:
    return any(isinstance(term, Span) and term.form == form for term in field.terms)


def _name(field: Field, value: int) -> str:
    kind = field.kind
    return kind.names[value - kind.low] if kind.names else str(value)


def _month_list(months: list[int]) -> str:
    return listed([MONTH_NAMES[month - MONTH.low] for month in months])
