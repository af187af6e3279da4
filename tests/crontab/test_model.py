"""Fire times against the model of Vixie cron: random expressions, and every zone whose clock changes (F31)."""

import os
from datetime import timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from jobrunner.crontab import Crontab, CrontabError
from jobrunner.crontab.stretches import moment_of
from tests.crontab import random_crontab, vixie

LONG = bool(os.environ.get("JOBRUNNER_LONG"))
DAY = 86_400

RANDOM_EXPRESSIONS = 20_000 if LONG else 2_000
PER_WINDOW = 40

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
]

# Star jobs, fixed jobs, jobs that are star in one field only, and days that a change may hide or double.
HANDFUL = [
    "* * * * *",
    "30 2 * * *",
    "*/15 0-3 * * *",
    "17 * * * *",
    "0,30 0,1,2,3,23 * * *",
    "0 0 * * *",
    "5-55/10 22-4 30,31,1 * 5",
]


def expressions(random, number, **options):
    """Draw so many that come at all."""
    drawn = []
    while len(drawn) < number:
        meaning = random_crontab.expression(random, **options)
        try:
            drawn.append((meaning, Crontab.parse(meaning.text)))
        except CrontabError as error:
            if "never comes" not in str(error):
                raise
    return drawn


def window_round(zone, change, before, after):
    """Look two days round a change, by minutes or, where the clock is off by seconds, by seconds but not so long."""
    if before % 60 == after % 60 == 0:
        middle = change - change % 60
        return vixie.Window(zone, middle - DAY, middle + DAY, 60)
    room = min(abs(after - before), DAY) + 600
    return vixie.Window(zone, change - room, change + room, 1)


def compare(window, meaning, cron):
    start, end = moment_of(window.start), moment_of(window.end)
    ours = vixie.seconds(cron.matches_between(start, end, window.zone))
    assert ours == window.fire_times(meaning), f"{cron.text!r} in {window.zone} from {start}"


def meaning_of(text):
    """Return the meaning of one of the handful, read in the plainest way."""
    ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
    parts = []
    for written, (low, high) in zip(text.split(), ranges, strict=True):
        values = set()
        for item in written.split(","):
            base, _, step = item.partition("/")
            first, _, last = (f"{low}-{high}" if base == "*" else base).partition("-")
            numbers = list(range(int(first), int(last or first) + 1)) or [
                *range(int(first), high + 1),
                *range(low, int(last) + 1),
            ]
            values.update(numbers[:: int(step or 1)])
        parts.append(random_crontab.Part(written, frozenset(values)))
    return random_crontab.Meaning(random_crontab.Part("0", frozenset({0})), *parts, six=False)


@pytest.mark.timeout(3600 if LONG else 120)
@pytest.mark.parametrize("special", [False, True], ids=["numbers", "with L, W and #"])
def test_random_expressions_round_clock_changes(special):
    """Thousands of random expressions agree with the model, in zones with all kinds of changes (F31)."""
    random = Random(20261 + special)
    compared = 0
    while compared < RANDOM_EXPRESSIONS:
        name = random.choice(ZONES)
        recent = [change for change in vixie.changes(name) if change[0] > 0]
        change = random.choice(recent) if recent else (1_792_886_400, 0, 0)
        window = window_round(ZoneInfo(name), *change)
        for meaning, cron in expressions(random, PER_WINDOW, special=special, busy=random.random() < 0.7):
            compare(window, meaning, cron)
            compared += 1


def test_random_expressions_over_a_quiet_year():
    """Days, months and weekdays over years, one time a day."""
    random = Random(31)
    zone = ZoneInfo("UTC")
    for meaning, cron in expressions(random, 3_000 if LONG else 400, special=True):
        day = moment_of(random.randrange(-10 * 365, 60 * 365) * DAY).date()
        wanted = [d for d in (day + timedelta(n) for n in range(366)) if meaning.matches_date(d)]
        start = moment_of((day - moment_of(0).date()).days * DAY) - timedelta(seconds=1)
        end = start + timedelta(days=366)
        found, moment = [], start
        while (moment := cron.next_after(moment, zone)) <= end:
            found.append(moment.date())
            moment = moment.replace(hour=23, minute=59, second=59)
        assert found == wanted, cron.text


def test_six_fields_second_by_second():
    """Expressions with seconds agree with a model that looks at every second round a change (F31)."""
    random = Random(59)
    for name in ["Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"]:
        change, *_ = random.choice([c for c in vixie.changes(name) if c[0] > 10**9])
        window = vixie.Window(ZoneInfo(name), change - 5 * 3600, change + 5 * 3600, 1)
        for meaning, cron in expressions(random, 200 if LONG else 25, six=True, busy=True):
            compare(window, meaning, cron)


@pytest.mark.timeout(3600 if LONG else 120)
def test_every_minute_of_two_days_round_changes_in_all_zones():
    """In every zone there is, a handful of expressions at every minute round its changes (F31).

    The short form takes one change forth and one back and some of the handful, the long form (JOBRUNNER_LONG=1) all.
    """
    random = Random(48)
    handful = [(meaning_of(text), Crontab.parse(text)) for text in HANDFUL]
    zones, windows = vixie.distinct_zones(), 0
    assert len(zones) > 300
    for name in zones:
        known = vixie.changes(name)
        forth = [change for change in known if change[2] > change[1]]
        back = [change for change in known if change[2] < change[1]]
        for change in known if LONG else [random.choice(some) for some in (forth, back) if some]:
            window = window_round(ZoneInfo(name), *change)
            windows += 1
            for meaning, cron in handful if LONG else random.sample(handful, 3):
                compare(window, meaning, cron)
    assert windows > 500


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("Australia/Lord_Howe", "2026-04-05"),
        ("Australia/Lord_Howe", "2026-10-04"),
        ("Asia/Beirut", "2026-03-29"),
        ("Asia/Beirut", "2026-10-25"),
        ("Pacific/Apia", "2011-12-30"),
        ("Pacific/Kwajalein", "1993-08-21"),
        ("Pacific/Pago_Pago", "1892-07-04"),
        ("America/Sitka", "1867-10-18"),
        ("Africa/Monrovia", "1972-01-07"),
        ("Europe/Amsterdam", "1937-07-01"),
        ("Africa/Freetown", "1939-09-05"),
    ],
)
def test_the_hard_ones(name, day):
    """Half hours, midnights, lost and doubled days, clocks that were off by seconds: always in the run (F31)."""
    near = [c for c in vixie.changes(name) if moment_of(c[0] - 2 * DAY).date().isoformat() <= day]
    change, before, after = near[-1]
    window = window_round(ZoneInfo(name), change, before, after)
    random = Random(name)
    for meaning, cron in [
        *((meaning_of(text), Crontab.parse(text)) for text in HANDFUL),
        *expressions(random, 30, busy=True),
    ]:
        compare(window, meaning, cron)
