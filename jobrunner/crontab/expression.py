"""The value object that everybody else holds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from jobrunner.crontab import days, firing, parse
from jobrunner.crontab.errors import CrontabError
from jobrunner.crontab.fields import Fields
from jobrunner.crontab.pattern import Pattern
from jobrunner.crontab.stretches import moment_of, seconds_of

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Crontab:
    """A crontab expression that is valid and comes again; made by `Crontab.parse`. Equal when written alike.

    Moments given must be aware; those returned are in UTC, on whole seconds.
    """

    text: str
    fields: Fields = field(compare=False, repr=False)
    pattern: Pattern = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> "Crontab":
        """Read an expression; raise CrontabError, which names field, value and what is allowed."""
        text = parse.collapse(text)
        fields = parse.read(text)
        pattern = Pattern(
            fields.second.mask,
            fields.minute.mask,
            fields.hour.mask,
            fields.month.mask,
            days.table(fields),
        )
        if not days.ever(pattern.month, pattern.days):
            raise never(fields)
        return cls(text, fields, pattern)

    @property
    def as_often_as_possible(self) -> bool:
        """Whether it is `* * * * *`, which a job definition may take to mean "again while there is more"."""
        return self.text == "* * * * *"

    @property
    def has_seconds(self) -> bool:
        """Whether six fields were written."""
        return self.fields.has_seconds

    def next_after(self, moment: datetime, tz: tzinfo) -> datetime:
        """Return the first fire time strictly after `moment`.

        Raise CrontabError when none comes: all its times fall into the hour that this zone's clock skips, or
        the year 9999 ends first.
        """
        second = self._next(seconds_of(moment) + 1, tz)
        if second is None:
            raise CrontabError(
                "expression",
                self.text,
                f"never comes again in the time zone {tz}",
                "times that the clock of that zone shows, before the year 10000",
            )
        return moment_of(second)

    def matches_between(self, start: datetime, end: datetime, tz: tzinfo) -> Iterator[datetime]:
        """Yield the fire times after `start` up to and including `end`, in order."""
        last = seconds_of(end)
        second = self._next(seconds_of(start) + 1, tz)
        while second is not None and second <= last:
            yield moment_of(second)
            second = self._next(second + 1, tz)

    def latest_due(self, next_fire: datetime, now: datetime, tz: tzinfo) -> tuple[datetime, int]:
        """Coalesce: return the last fire time up to `now`, and how many there are from `next_fire` to it.

        `next_fire` is a stored fire time that is due; it counts even if the expression has changed since. The
        count stops at 10,000. Takes microseconds however long ago `next_fire` was.
        """
        if next_fire > now:
            raise ValueError(f"the fire time {next_fire} is not due at {now}")
        first = seconds_of(next_fire) + 1
        latest = firing.previous_second(self.pattern, self.fields.fixed, tz, seconds_of(now), first)
        if latest is None:
            return next_fire, 1
        missed = firing.count_seconds(
            self.pattern, self.fields.fixed, tz, first, latest, MOST_COUNTED - 1
        )  # without next_fire itself
        return moment_of(latest), missed + 1

    def _next(self, second: int, tz: tzinfo) -> int | None:
        return firing.next_second(self.pattern, self.fields.fixed, tz, second)

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Callable[[str], "Crontab"], tuple[str]]:
        return Crontab.parse, (self.text,)


def never(fields: Fields) -> CrontabError:
    """Return the error for dates that no calendar has."""
    text = " ".join(part.text for part in (fields.day, fields.month, fields.weekday))
    problem = "never comes: no year has such a date"
    if not fields.either_day and not (fields.day.full or fields.weekday.full):
        problem += " (both day fields must match, since one of them starts with *)"
    return CrontabError("day-of-month, month and day-of-week", text, problem, "dates that some year has")
