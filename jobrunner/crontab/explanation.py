"""What `jobrunner crontab explain` and the console say about an expression."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice

from jobrunner.crontab.days import month_length, shape
from jobrunner.crontab.expression import Crontab
from jobrunner.crontab.pattern import EPOCH as EPOCH_ORDINAL
from jobrunner.crontab.pattern import Pattern
from jobrunner.crontab.stretches import LAST_SECOND, moment_of
from jobrunner.crontab.traps import warnings
from jobrunner.crontab.words import describe

AS_OFTEN = " (as often as possible, for a job that says when more is left)"

YEARS = 400  # after which the Gregorian calendar repeats itself, weekdays included


@dataclass(frozen=True, slots=True)
class Explanation:
    """An expression for people. `next` are aware moments in the zone, `jobs_per_day` is the long-run average."""

    expression: str
    words: str
    time_zone: str
    next: list[datetime]
    jobs_per_day: float
    warnings: list[str]


def explain(cron: Crontab, tz: tzinfo, after: datetime, count: int) -> Explanation:
    """Explain an expression as it stands at `after`, with its next `count` fire times in that zone.

    Raise CrontabError when none comes in that zone.
    """
    first = cron.next_after(after, tz)
    upcoming = [first, *islice(cron.matches_between(first, moment_of(LAST_SECOND), tz), max(count - 1, 0))]
    return Explanation(
        expression=cron.text,
        words=describe(cron.fields) + (AS_OFTEN if cron.as_often_as_possible else ""),
        time_zone=str(tz),
        next=[moment.astimezone(tz) for moment in upcoming[:count]],
        jobs_per_day=jobs_per_day(cron.pattern),
        warnings=warnings(cron.fields, cron.pattern, tz, after),
    )


def jobs_per_day(pattern: Pattern) -> float:
    """Return the average number of fire times a day, over the whole calendar."""
    first = EPOCH_ORDINAL
    matching = 0
    for year in range(1970, 1970 + YEARS):
        for month in range(1, 13):
            length = month_length(year, month)
            if pattern.month >> month & 1:
                matching += pattern.days[shape(length, first % 7)].bit_count()
            first += length
    return matching * pattern.per_day / (first - EPOCH_ORDINAL)
