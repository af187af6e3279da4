"""What a field may hold and what was written in it: a field is a list of terms, a term one item between commas."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the six places of an expression: its name, its range, the names that stand for numbers."""

    name: str
    low: int
    high: int
    allowed: str
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many values there are (7 weekdays, although both 0 and 7 are written for Sunday)."""
        return self.high - self.low + 1


MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

SECOND = Kind("second", 0, 59, "0-59, * and lists, ranges and steps of these")
MINUTE = Kind("minute", 0, 59, "0-59, * and lists, ranges and steps of these")
HOUR = Kind("hour", 0, 23, "0-23, * and lists, ranges and steps of these")
DAY = Kind(
    "day-of-month", 1, 31, "1-31, *, ?, L, L-1 to L-30, 1W to 31W, LW and lists, ranges and steps of the numbers"
)
MONTH = Kind("month", 1, 12, "1-12, JAN-DEC, * and lists, ranges and steps of these", MONTH_NAMES)
WEEKDAY = Kind(
    "day-of-week",
    0,
    6,
    "0-7 (0 and 7 are Sunday), SUN-SAT, *, ?, 1#1 to 1#5, 1L and lists, ranges and steps of the days",
    WEEKDAY_NAMES,
)
KINDS = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY)


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `first` to `last` by `step`; `last` below `first` goes on past the field's end (22-2).

    Weekdays may be written 7 as well as 0: counted round the week both are Sunday.
    """

    kind: Kind
    first: int
    last: int
    step: int = 1
    form: str = "one"  # "one" (5), "star" (*), "range" (1-5), "from" (5/10, which is from 5 to the field's end)

    def values(self) -> Iterator[int]:
        """In the order of the clock: 22, 23, 0, 1, 2."""
        low, size = self.kind.low, self.kind.size
        last = self.last if self.last >= self.first else self.last + size
        return ((value - low) % size + low for value in range(self.first, last + 1, self.step))


@dataclass(frozen=True, slots=True)
class LastDay:
    """`L`, `L-3` (three days before the last)."""

    before: int = 0


@dataclass(frozen=True, slots=True)
class LastWorkday:
    """`LW`: the last Monday-to-Friday of the month."""


@dataclass(frozen=True, slots=True)
class NearestWorkday:
    """`15W`: the Monday-to-Friday nearest to the 15th, never in another month."""

    day: int


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """`1#2`: the second Monday of the month."""

    weekday: int
    nth: int


@dataclass(frozen=True, slots=True)
class LastOfWeekday:
    """`5L`: the last Friday of the month."""

    weekday: int


Term = Span | LastDay | LastWorkday | NearestWorkday | NthWeekday | LastOfWeekday


@dataclass(frozen=True, slots=True)
class Field:
    """One field as written. `star` decides cron's two rules (either day matches; what follows the wall clock)."""

    kind: Kind
    text: str
    terms: tuple[Term, ...]
    star: bool = field(init=False)
    mask: int = field(init=False)  # bit n is set when the plain value n matches

    def __post_init__(self) -> None:
        object.__setattr__(self, "star", self.text[0] in "*?")
        values = (value for term in self.terms if isinstance(term, Span) for value in term.values())
        object.__setattr__(self, "mask", mask_of(values))

    @property
    def values(self) -> tuple[int, ...]:
        """Return the plain values, ascending."""
        return tuple(value for value in range(self.kind.high + 1) if self.mask >> value & 1)

    @property
    def full(self) -> bool:
        """Whether every value matches, however it was written."""
        return self.mask.bit_count() == self.kind.size

    @property
    def specials(self) -> tuple[Term, ...]:
        """Return the terms that are no plain numbers: L, W and # forms."""
        return tuple(term for term in self.terms if not isinstance(term, Span))


@dataclass(frozen=True, slots=True)
class Fields:
    """All six; where five were written the second is 0."""

    second: Field
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    has_seconds: bool

    @property
    def fixed(self) -> bool:
        """Whether summer time treats it as a fixed time: neither minute nor hour starts with a star."""
        return not (self.minute.star or self.hour.star)

    @property
    def either_day(self) -> bool:
        """Whether the day fields are alternatives: neither starts with a star (or is `?`)."""
        return not (self.day.star or self.weekday.star)


def mask_of(values: Iterable[int]) -> int:
    """Return the numbers as bits."""
    mask = 0
    for value in values:
        mask |= 1 << value
    return mask
