"""An expression in plain English, made from its fields."""

from collections.abc import Iterable, Sequence

from jobrunner.crontab.fields import (
    MONTH_NAMES,
    WEEKDAY_NAMES,
    Field,
    Fields,
    LastDay,
    LastOfWeekday,
    LastWorkday,
    NearestWorkday,
    NthWeekday,
    Span,
    Term,
)

# Up to so many times of a day are listed; more are described.
LISTED = 6


def describe(fields: Fields) -> str:
    """Return one phrase, such as "Every 5 minutes from 09:00 to 17:59, from Monday to Friday"."""
    time, listed_times = _time(fields)
    day = _day(fields)
    month = "" if fields.month.full else _months(fields.month)
    if listed_times:
        day = day or "every day"
    phrase = f"{time}{' ' if listed_times else ', '}{day}" if day else time
    return f"{phrase}, {month}" if month else phrase


def _time(fields: Fields) -> tuple[str, bool]:
    """Return the time of day, and whether it lists the times."""
    seconds, minutes, hours = fields.second.values, fields.minute.values, fields.hour.values
    if len(seconds) * len(minutes) * len(hours) <= LISTED:
        times = [
            f"{hour:02}:{minute:02}" + (f":{second:02}" if seconds != (0,) else "")
            for hour in hours
            for minute in minutes
            for second in seconds
        ]
        return f"At {listed(times)}", True
    if seconds == (0,):
        return _minutes(fields), False
    return _seconds(fields), False


def _minutes(fields: Fields) -> str:
    minutes, hours = fields.minute.values, fields.hour.values
    every = step_of(fields.minute)
    if every is not None:
        return f"{_every('minute', every, minutes[0])}{_during(fields.hour)}"
    if minutes == (0,):
        hourly = step_of(fields.hour)
        if hourly is not None:
            start = f" from {hours[0]:02}:00" if hours[0] else ""
            return _every("hour", hourly, 0) + start
        run = single_run(fields.hour)
        if run is not None:
            return f"Every hour from {run[0]:02}:00 to {run[1]:02}:00"
    return f"At {counted('minute', fields.minute)} {_of_hours(fields.hour)}"


def _seconds(fields: Fields) -> str:
    every = step_of(fields.second)
    if every is not None:
        lead, joint = _every("second", every, fields.second.values[0]), "during"
    else:
        lead, joint = f"At {counted('second', fields.second)}", "of"
    if fields.minute.full:
        if joint == "of":
            return f"{lead} of every minute{_during(fields.hour)}"
        return f"{lead}{_during(fields.hour)}"
    minutes, hours = fields.minute.values, fields.hour.values
    if len(minutes) * len(hours) <= LISTED:
        times = [f"{hour:02}:{minute:02}" for hour in hours for minute in minutes]
        return f"{lead} {joint} {'the minute' if len(times) == 1 else 'the minutes'} {listed(times)}"
    step = step_of(fields.minute)
    if step is not None:
        start = f" from minute {minutes[0]}" if minutes[0] else ""
        return f"{lead} {joint} every {ordinal(step)} minute{start}{_during(fields.hour)}"
    return f"{lead} {joint} {counted('minute', fields.minute)} {_of_hours(fields.hour)}"


def _every(unit: str, step: int, start: int) -> str:
    if step == 1:
        return f"Every {unit}"
    return f"Every {step} {unit}s" + (f" from {unit} {start}" if start else "")


def _during(hour: Field) -> str:
    """Return the hours behind "every minute" and the like."""
    if hour.full:
        return ""
    run = single_run(hour)
    if run is not None:
        return f" from {run[0]:02}:00 to {run[1]:02}:59"
    return f" {_in_hours(hour)}"


def _in_hours(hour: Field) -> str:
    step = step_of(hour)
    if step is not None:
        start = f" from {hour.values[0]:02}:00" if hour.values[0] else ""
        return f"in every {ordinal(step)} hour{start}"
    word = "hour" if len(hour.values) == 1 else "hours"
    return f"in the {word} {listed(_runs_as_text(hour, [f'{value:02}' for value in range(24)]))}"


def _of_hours(hour: Field) -> str:
    """Return the hours behind "at minute 5"."""
    if hour.full:
        return "of every hour"
    step = step_of(hour)
    if step is not None:
        start = f" from {hour.values[0]:02}:00" if hour.values[0] else ""
        return f"of every {ordinal(step)} hour{start}"
    word = "hour" if len(hour.values) == 1 else "hours"
    return f"of the {word} {listed(_runs_as_text(hour, [f'{value:02}' for value in range(24)]))}"


def _day(fields: Fields) -> str:
    by_day, by_weekday = not fields.day.full, not fields.weekday.full
    if by_day and by_weekday:
        if fields.either_day:
            return f"on {_days(fields.day)} and also on {_weekdays(fields.weekday, each='every ')}"
        return f"on {_days(fields.day)} if that is {_weekdays(fields.weekday, each='a ', joint='or')}"
    if fields.either_day:
        return ""  # one of the alternatives is every day
    if by_day:
        return f"on {_days(fields.day)}"
    if by_weekday:
        weekdays = _weekdays(fields.weekday)
        return weekdays if weekdays.startswith("from ") else f"on {weekdays}"
    return ""


def _days(day: Field) -> str:
    special = [_special(term) for term in day.specials]
    return f"{listed([*_plain_days(day), *special])} of the month"


def _plain_days(day: Field) -> list[str]:
    term, values = day.terms[0], day.values
    if len(day.terms) == 1 and isinstance(term, Span) and term.step > 1 and len(values) > 3:
        start = f" from the {ordinal(values[0])}" if values[0] > 1 else ""
        shown = f"{ordinal(values[0])}, {ordinal(values[1])} … {ordinal(values[-1])}"
        return [f"every {ordinal(term.step)} day{start} ({shown})"]
    return [f"the {part}" for part in _runs_as_text(day, [ordinal(value) for value in range(32)], " to the ")]


def _weekdays(weekday: Field, *, each: str = "", joint: str = "and") -> str:
    special = [f"{_special(term)} of the month" for term in weekday.specials]
    run = single_run(weekday)
    if run is not None and not special:
        between = f"from {WEEKDAY_NAMES[run[0]]} to {WEEKDAY_NAMES[run[1]]}"
        return f"{each}day {between}" if each else between
    week = [*range(1, 7), 0]  # read from Monday on
    plain = [f"{each}{WEEKDAY_NAMES[value]}" for value in week if weekday.mask >> value & 1]
    return listed([*plain, *special], joint)


def _months(month: Field) -> str:
    run = single_run(month)
    if run is not None:
        return f"from {MONTH_NAMES[run[0] - 1]} to {MONTH_NAMES[run[1] - 1]}"
    return f"in {listed([MONTH_NAMES[value - 1] for value in month.values])}"


def _special(term: Term) -> str:
    match term:
        case LastDay(0):
            return "the last day"
        case LastDay(before):
            return f"the {ordinal(before + 1)}-last day"
        case LastWorkday():
            return "the last day from Monday to Friday"
        case NearestWorkday(day):
            return f"the day from Monday to Friday nearest to the {ordinal(day)}"
        case NthWeekday(weekday, nth):
            return f"the {ordinal(nth)} {WEEKDAY_NAMES[weekday]}"
        case LastOfWeekday(weekday):
            return f"the last {WEEKDAY_NAMES[weekday]}"
        case _:
            raise AssertionError("a span is no special day")


def step_of(field: Field) -> int | None:
    """Return n when the values come evenly every n, also across the field's end; None for a single value."""
    values, kind = field.values, field.kind
    if len(values) < 2 or kind.size % len(values):
        return None
    step = kind.size // len(values)
    return step if values == tuple(range(values[0], kind.high + 1, step)) else None


def single_run(field: Field) -> tuple[int, int] | None:
    """Return first and last when the values are three or more in one row, across the field's end if need be."""
    runs = runs_of(field)
    if len(runs) == 1 and not field.full and len(field.values) >= 3:
        return runs[0]
    return None


def runs_of(field: Field) -> list[tuple[int, int]]:
    """Return the values as rows of neighbours; the last row may go on past the field's end (22 to 2)."""
    runs: list[list[int]] = []
    for value in field.values:
        if runs and runs[-1][1] == value - 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    low, high = field.kind.low, field.kind.high
    if high != 31 and len(runs) > 1 and runs[0][0] == low and runs[-1][1] == high:
        first = runs.pop(0)
        runs[-1][1] = first[1]
    return [(first, last) for first, last in runs]


def _runs_as_text(field: Field, names: Sequence[str], to: str = " to ") -> list[str]:
    parts: list[str] = []
    for first, last in runs_of(field):
        length = (last - first) % field.kind.size + 1
        if length >= 3:
            parts.append(f"{names[first]}{to}{names[last]}")
        else:
            parts.extend(names[value] for value in dict.fromkeys((first, last)))
    return parts


def counted(unit: str, field: Field) -> str:
    """Return "minute 5" or "minutes 5, 7 and 10 to 15"."""
    word = unit if len(field.values) == 1 else f"{unit}s"
    return f"{word} {listed(_runs_as_text(field, [str(value) for value in range(60)]))}"


def listed(parts: Iterable[str], joint: str = "and") -> str:
    """Return "a, b and c"."""
    parts = list(parts)
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {joint} {parts[-1]}"


def ordinal(number: int) -> str:
    """Return "1st", "2nd", "11th"."""
    if 10 < number % 100 < 20:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
