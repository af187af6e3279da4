"""Random expressions that know what they mean without our parser: text and meaning are made side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from random import Random

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@dataclass(frozen=True)
class Part:
    """A field: its text, its numbers, and for days what dates match besides."""

    text: str
    values: frozenset[int]
    special: tuple[Callable[[date], bool], ...] = ()

    @property
    def star(self):
        return self.text[0] in "*?"


@dataclass(frozen=True)
class Meaning:
    """An expression with its meaning; `matches` is cron(5) in the plainest words."""

    second: Part
    minute: Part
    hour: Part
    day: Part
    month: Part
    weekday: Part
    six: bool

    @cached_property
    def text(self):
        parts = (self.minute, self.hour, self.day, self.month, self.weekday)
        return " ".join(part.text for part in ((self.second, *parts) if self.six else parts))

    @property
    def follows_the_clock(self):
        return self.minute.star or self.hour.star

    @cached_property
    def _days(self):
        return {}

    def matches_date(self, day):
        if day not in self._days:
            self._days[day] = self._matches_date(day)
        return self._days[day]

    def _matches_date(self, day):
        if day.month not in self.month.values:
            return False
        by_day = day.day in self.day.values or any(test(day) for test in self.day.special)
        by_weekday = day.isoweekday() % 7 in self.weekday.values or any(test(day) for test in self.weekday.special)
        if self.day.star or self.weekday.star:
            return by_day and by_weekday
        return by_day or by_weekday

    def matches(self, local):
        return (
            local.minute in self.minute.values
            and local.hour in self.hour.values
            and local.second in self.second.values
            and self.matches_date(local.date())
        )


def expression(random: Random, *, six=False, special=False, wrap=True, busy=False) -> Meaning:
    """Draw an expression. `busy` ones fire often round the hours when clocks change."""
    day_field = _special_day(random) if special and random.random() < 0.5 else None
    weekday_field = _special_weekday(random) if special and random.random() < 0.5 else None
    hours = _field(random, 0, 23, wrap=wrap)
    if busy:
        hours = random.choice([hours, _field(random, 0, 4, whole=(0, 23), wrap=False), Part("*", frozenset(range(24)))])
    rare = 0.3 if busy else 0.5
    return Meaning(
        second=_field(random, 0, 59, wrap=wrap) if six else Part("0", frozenset({0})),
        minute=_field(random, 0, 59, wrap=wrap),
        hour=hours,
        day=day_field or (_field(random, 1, 31, wrap=wrap) if random.random() < rare else _all(random, 1, 31)),
        month=_field(random, 1, 12, MONTHS, wrap=wrap) if random.random() < rare else _all(random, 1, 12),
        weekday=weekday_field
        or (_field(random, 0, 6, WEEKDAYS, wrap=wrap) if random.random() < rare else _all(random, 0, 6)),
        six=six,
    )


def _all(random, low, high):
    marks = ["*", "*"] + (["?"] if (low, high) == (1, 31) else [])
    return Part(random.choice(marks), frozenset(range(low, high + 1)))


def _field(random, low, high, names=(), *, whole=None, wrap=True):
    """Draw numbers from low to high; `whole` is the field's true range where that differs."""
    bottom, top = whole or (low, high)
    shape = random.choice(["star", "step", "one", "one", "range", "range step", "from", "list"])
    if shape == "star":
        return Part("*", frozenset(range(bottom, top + 1)))
    if shape == "step":
        step = random.randint(1, max(2, (top - bottom) // 2))
        return Part(f"*/{step}", frozenset(range(bottom, top + 1, step)))
    if shape == "list":
        items = [_item(random, low, high, names, bottom, top, wrap) for _ in range(random.randint(2, 4))]
        return Part(",".join(text for text, _ in items), frozenset().union(*(values for _, values in items)))
    return Part(*_item(random, low, high, names, bottom, top, wrap, shape))


def _item(random, low, high, names, bottom, top, wrap, shape=None):
    shape = shape or random.choice(["one", "one", "range", "range step", "from"])
    first, last = random.randint(low, high), random.randint(low, high)
    step = random.randint(1, max(1, (high - low) // 2))
    size = top - bottom + 1

    def name(value):
        if names and random.random() < 0.4:
            return random.choice([str.upper, str.lower, str.title])(names[value - bottom])
        if size == 7 and value == 0 and random.random() < 0.5:
            return "7"
        return f"{value:02}" if not names and random.random() < 0.1 else str(value)

    if shape == "one":
        return name(first), frozenset({first})
    if shape == "from":
        return f"{name(first)}/{step}", frozenset(range(first, top + 1, step))
    if last < first and not wrap:
        first, last = last, first
    walked = [first]
    while walked[-1] != last:
        walked.append((walked[-1] - bottom + 1) % size + bottom)
    # 0-7 is the whole week, not Sunday to Sunday.
    ends = "0-0" if size == 7 and first == last == 0 else f"{name(first)}-{name(last)}"
    if shape == "range":
        return ends, frozenset(walked)
    return f"{ends}/{step}", frozenset(walked[::step])


def _special_day(random):
    day, before = random.randint(1, 31), random.randint(1, 30)
    choices = [
        ("L", lambda date: _is_last(date)),
        (
            f"L-{before}",
            lambda date: _is_last(date + timedelta(before)) and (date + timedelta(before)).month == date.month,
        ),
        ("LW", lambda date: date == max(_workdays(date))),
        (
            f"{day}W",
            lambda date: (
                _days_of(date)[-1].day >= day
                and date == min(_workdays(date), key=lambda workday: abs(workday.day - day))
            ),
        ),
    ]
    return _with_numbers(random, random.sample(choices, random.choice([1, 1, 2])), 1, 31)


def _special_weekday(random):
    weekday, nth = random.randint(0, 6), random.randint(1, 5)
    name = random.choice([str(weekday), WEEKDAYS[weekday]])

    def same(day):
        return day.isoweekday() % 7 == weekday

    choices = [
        (f"{name}L", lambda date: same(date) and date == [day for day in _days_of(date) if same(day)][-1]),
        (
            f"{name}#{nth}",
            lambda date: same(date) and [day for day in _days_of(date) if same(day)].index(date) == nth - 1,
        ),
    ]
    return _with_numbers(random, [random.choice(choices)], 0, 6)


def _with_numbers(random, special, low, high):
    numbers = random.sample(range(low, high + 1), random.choice([0, 0, 1, 2]))
    text = [text for text, _ in special] + [str(number) for number in numbers]
    return Part(",".join(text), frozenset(numbers), tuple(test for _, test in special))


def _days_of(day):
    first = day.replace(day=1)
    return [first + timedelta(n) for n in range(31) if (first + timedelta(n)).month == day.month]


def _workdays(day):
    return [candidate for candidate in _days_of(day) if candidate.isoweekday() <= 5]


def _is_last(day):
    return (day + timedelta(1)).month != day.month
