"""Fire times against two independent libraries. Where they differ, the reason stands here and in docs/crontab.md.

Each expression for which no reason applies must come out alike; each reason must be seen at work, so that none
outlives the library's fault or ours.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from croniter import CroniterBadDateError, CroniterError, croniter
from cronsim import CronSim, CronSimError

from jobrunner.crontab import Crontab
from jobrunner.crontab.stretches import moment_of
from tests.crontab import random_crontab, vixie
from tests.crontab.test_model import LONG, expressions

HOUR = 3600
DAY = 24 * HOUR
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
EXPRESSIONS = 10_000 if LONG else 800
MOMENT = datetime.fromisoformat
DOCUMENT = Path(__file__).parents[2] / "docs" / "crontab.md"


def items(meaning):
    """Yield (first, last, step) of each plain item of each field, as written; None for what is absent."""
    for part, low, names in (
        (meaning.second, 0, ()),
        (meaning.minute, 0, ()),
        (meaning.hour, 0, ()),
        (meaning.day, 1, ()),
        (meaning.month, 1, random_crontab.MONTHS),
        (meaning.weekday, 0, random_crontab.WEEKDAYS),
    ):
        values = {name: number + low for number, name in enumerate(names)} | {f"{n:02}": n for n in range(10)}
        values |= {str(number): number for number in range(60)}
        for item in part.text.upper().split(","):
            ends, _, step = item.partition("/")
            first, _, last = ends.partition("-")
            if first in values:
                yield values[first], values.get(last), step


def one_value_range(meaning):
    return any(first == last for first, last, _ in items(meaning))


def one_value_range_with_step(meaning):
    return any(first == last and step for first, last, step in items(meaning))


def wraps(meaning):
    return any(last is not None and first > last for first, last, _ in items(meaning))


def wraps_with_step(meaning):
    return any(last is not None and first > last and step for first, last, step in items(meaning))


@dataclass(frozen=True)
class Difference:
    """A reason, in the words of docs/crontab.md, and when it applies (near: within a day of a clock change)."""

    reason: str
    applies: Callable[[random_crontab.Meaning, str, bool], bool]


CRONSIM_REFUSES = [
    Difference("wrap-around ranges such as `22-2`", lambda m, zone, near: wraps(m)),
    Difference("`?`", lambda m, zone, near: "?" in m.text),
    Difference("`L-n`", lambda m, zone, near: "L-" in m.day.text),
    Difference("`nW`", lambda m, zone, near: bool(re.search(r"\dW", m.day.text))),
    Difference("a name before `L` (`FRIL`)", lambda m, zone, near: bool(re.search("[A-Z]L", m.weekday.text))),
]
CRONSIM_DIFFERS = [
    Difference(
        "`n/s` in the weekday runs to 7, so that `1/2` includes Sunday",
        lambda m, zone, near: bool(re.search(r"(^|,)\w+/", m.weekday.text)),
    ),
    Difference(
        "a range of one value with a step (`5-5/10`) goes on to the end of the field",
        lambda m, zone, near: one_value_range_with_step(m),
    ),
    Difference(
        "star jobs lose up to 30 minutes on the two days a year when Lord Howe's clock changes",
        lambda m, zone, near: near and zone == "Australia/Lord_Howe" and m.follows_the_clock,
    ),
    Difference(
        "with six fields no fixed-time rule: skipped times are left out, repeated ones run twice",
        lambda m, zone, near: near and m.six and not m.follows_the_clock,
    ),
]
CRONITER_REFUSES = [
    Difference("`LW` and `L-n`", lambda m, zone, near: bool(re.search("L[-W]", m.day.text))),
    Difference("`nW` in a list", lambda m, zone, near: bool(re.search(r"\dW", m.day.text)) and "," in m.day.text),
    Difference("`nL` in the weekday (it writes `L5`)", lambda m, zone, near: "L" in m.weekday.text),
    Difference(
        "`n#k` beside plain weekdays in a list", lambda m, zone, near: "#" in m.weekday.text and "," in m.weekday.text
    ),
]
CRONITER_DIFFERS = [
    Difference("a range of one value (`3-3`) means every value", lambda m, zone, near: one_value_range(m)),
    Difference(
        "a wrap-around range with a step starts counting anew at the turn",
        lambda m, zone, near: wraps_with_step(m),
    ),
    Difference(
        "`n#k` or `nW` in one day field, and both must match",
        lambda m, zone, near: bool(re.search(r"#|\dW", m.text)) and not (m.day.star or m.weekday.star),
    ),
]
# Too rare to be drawn for certain; an example shows it.
CRONITER_RARELY_DIFFERS = [
    Difference(
        "`31W` in a shorter month means its last workday",
        lambda m, zone, near: bool(re.search("(29|30|31)W", m.day.text)),
    ),
]


def by_cronsim(text, zone, start, end):
    fires = []
    for moment in CronSim(text, start.astimezone(zone)):
        if moment > end:
            return fires
        fires.append(moment)
    return fires


def by_croniter(text, zone, start, end):
    # second_at_beginning: our order of six fields; implement_cron_bug: */2 in a day field counts as a star.
    iterator = croniter(text, start.astimezone(zone), second_at_beginning=True, implement_cron_bug=True)
    fires = []
    try:
        while (moment := iterator.get_next(datetime)) <= end:
            fires.append(moment)
    except CroniterBadDateError:  # none within 50 years
        pass
    return fires


def some_window(random, name, near):
    """Draw two days in which the clock changes, or one on which it does not."""
    known = [change for change, _, _ in vixie.changes(name) if 1_600_000_000 < change < 2_000_000_000]
    if near and known:
        middle = random.choice(known)
        return middle - DAY, middle + DAY, True
    while True:
        middle = random.randrange(1_600_000_000, 2_000_000_000) // 60 * 60
        if all(abs(change - middle) > 3 * DAY for change in known):
            return middle - 12 * HOUR, middle + 12 * HOUR, False


def compare(library, failures, refuses, differs, random, near_changes, six_share):
    agreed, seen = 0, Counter()
    for _ in range(EXPRESSIONS):
        [(meaning, cron)] = expressions(
            random,
            1,
            special=random.random() < 0.3,
            wrap=random.random() < 0.3,
            busy=random.random() < 0.5,
            six=random.random() < six_share,
        )
        name = random.choice(ZONES)
        first, last, near = some_window(random, name, near_changes and random.random() < 0.6)
        start, end, zone = moment_of(first), moment_of(last), ZoneInfo(name)
        if meaning.six:  # seconds are many: some hours about the middle are enough
            middle = (first + last) // 2
            start, end = moment_of(middle - 2 * HOUR), moment_of(middle + 2 * HOUR)
        try:
            theirs = vixie.seconds(library(cron.text, zone, start, end))
        except failures as error:
            reasons = [difference.reason for difference in refuses if difference.applies(meaning, name, near)]
            if not reasons:
                raise AssertionError(f"{cron.text!r} is refused") from error
            seen.update(reasons)
            continue
        ours = vixie.seconds(cron.matches_between(start, end, zone))
        if ours == theirs:
            agreed += 1
            continue
        reasons = [difference.reason for difference in differs if difference.applies(meaning, name, near)]
        assert reasons, f"{cron.text!r} in {name} after {start}: {ours[:5]} and {theirs[:5]}"
        seen.update(reasons)
    return agreed, seen


def test_cronsim_agrees():
    """cronsim, also round clock changes (F31)."""
    agreed, seen = compare(
        by_cronsim, CronSimError, CRONSIM_REFUSES, CRONSIM_DIFFERS, Random(28), near_changes=True, six_share=0.1
    )
    assert agreed > EXPRESSIONS / 2
    assert set(seen) == {difference.reason for difference in [*CRONSIM_REFUSES, *CRONSIM_DIFFERS]}


def test_croniter_agrees():
    """croniter, away from clock changes."""
    differs = [*CRONITER_DIFFERS, *CRONITER_RARELY_DIFFERS]
    agreed, seen = compare(
        by_croniter, CroniterError, CRONITER_REFUSES, differs, Random(70), near_changes=False, six_share=0
    )
    assert agreed > EXPRESSIONS / 2
    assert set(seen) >= {difference.reason for difference in [*CRONITER_REFUSES, *CRONITER_DIFFERS]}


def test_croniter_and_a_workday_that_a_month_lacks():
    zone, cron = ZoneInfo("UTC"), Crontab.parse("0 0 31W * *")
    start, end = MOMENT("2026-02-01T00:00+00:00"), MOMENT("2026-03-01T00:00+00:00")
    assert by_croniter(cron.text, zone, start, end) == [MOMENT("2026-02-27T00:00+00:00")]
    assert list(cron.matches_between(start, end, zone)) == []


def test_croniter_at_clock_changes():
    """Why croniter is asked only away from clock changes: a fixed time in the repeated hour runs twice."""
    zone, cron = ZoneInfo("Europe/Berlin"), Crontab.parse("30 2 * * *")
    start, end = MOMENT("2026-10-24T12:00+00:00"), MOMENT("2026-10-25T12:00+00:00")
    assert len(by_croniter(cron.text, zone, start, end)) == 2
    assert vixie.seconds(cron.matches_between(start, end, zone)) == vixie.seconds([MOMENT("2026-10-25T00:30+00:00")])


@pytest.mark.parametrize(
    "difference",
    [*CRONSIM_REFUSES, *CRONSIM_DIFFERS, *CRONITER_REFUSES, *CRONITER_DIFFERS, *CRONITER_RARELY_DIFFERS],
    ids=lambda difference: difference.reason,
)
def test_every_difference_is_documented(difference):
    assert difference.reason in " ".join(DOCUMENT.read_text(encoding="utf-8").split())
