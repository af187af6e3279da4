"""Fire times in zones, told by examples; test_model.py compares them by the thousand."""

import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.crontab import Crontab, CrontabError
from jobrunner.crontab.stretches import moment_of
from tests.crontab import random_crontab, vixie
from tests.crontab.test_model import LONG, expressions

AT = datetime.fromisoformat


def local_fires(text, zone_name, start, end):
    """Return the fire times as local times with their offset."""
    zone = ZoneInfo(zone_name)
    begin, finish = AT(start).replace(tzinfo=zone), AT(end).replace(tzinfo=zone)
    return [
        moment.astimezone(zone).isoformat(timespec="minutes")
        for moment in Crontab.parse(text).matches_between(begin, finish, zone)
    ]


@pytest.mark.parametrize(
    ("text", "zone", "start", "end", "expected"),
    [
        # Berlin skips 02:00 to 03:00 on 29 March and repeats it on 25 October.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-30T12:00",
         ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        ("0,15,30 2 * * *", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T12:00", ["2026-03-29T03:00+02:00"]),
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T12:00", ["2026-03-29T03:00+02:00"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T12:00", []),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T04:00",
         ["2026-03-29T01:30+01:00", "2026-03-29T03:30+02:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T12:00", ["2026-10-25T02:30+02:00"]),
        ("0 2,3 * * *", "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T12:00",
         ["2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T12:00",
         ["2026-10-25T02:00+02:00", "2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00", "2026-10-25T02:30+01:00"]),
        # Lord Howe's clock moves by half an hour.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00", "2026-10-04T12:00", ["2026-10-04T02:30+11:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05T00:00", "2026-04-05T12:00", ["2026-04-05T01:45+11:00"]),
        ("*/15 1 * * *", "Australia/Lord_Howe", "2026-04-05T00:00", "2026-04-05T12:00",
         ["2026-04-05T01:00+11:00", "2026-04-05T01:15+11:00", "2026-04-05T01:30+11:00", "2026-04-05T01:45+11:00",
          "2026-04-05T01:30+10:30", "2026-04-05T01:45+10:30"]),
        # Beirut skips midnight.
        ("@daily", "Asia/Beirut", "2026-03-28T12:00", "2026-03-30T12:00",
         ["2026-03-29T01:00+03:00", "2026-03-30T00:00+03:00"]),
        ("0 0 29 3 *", "Asia/Beirut", "2026-03-28T12:00", "2026-03-30T12:00", ["2026-03-29T01:00+03:00"]),
        ("30 23 * * *", "Asia/Beirut", "2026-10-24T12:00", "2026-10-25T12:00", ["2026-10-24T23:30+03:00"]),
        # Apia went from the end of 29 December 2011 to 31 December.
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00", "2011-12-31T23:00",
         ["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"]),
        ("0 12 30 12 *", "Pacific/Apia", "2011-12-29T00:00", "2011-12-31T23:00", ["2011-12-31T00:00+14:00"]),
        ("0 */12 * * *", "Pacific/Apia", "2011-12-29T00:00", "2011-12-31T23:00",
         ["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"]),
    ],
)  # fmt: skip
def test_summer_time(text, zone, start, end, expected):
    """F31: gaps, repeated hours, half an hour, a midnight gap, a lost day."""
    assert local_fires(text, zone, start, end) == expected


def test_seconds_follow_the_same_rule():
    zone = ZoneInfo("Europe/Berlin")
    fixed, star = Crontab.parse("*/20 30 2 * * *"), Crontab.parse("*/20 */30 2 * * *")
    gap = AT("2026-03-29T00:00+01:00"), AT("2026-03-29T12:00+02:00")
    again = AT("2026-10-25T00:00+02:00"), AT("2026-10-25T12:00+01:00")
    assert list(fixed.matches_between(*gap, zone)) == [AT("2026-03-29T03:00:00+02:00")]
    assert list(star.matches_between(*gap, zone)) == []
    assert len(list(fixed.matches_between(*again, zone))) == 3
    assert len(list(star.matches_between(*again, zone))) == 12


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 13 * FRI", ["2026-02-06", "2026-02-13", "2026-02-20", "2026-02-27", "2026-03-06"]),  # either
        ("0 0 */2 * MON", ["2026-02-09", "2026-02-23", "2026-03-09", "2026-03-23", "2026-04-13"]),  # both: a star
        ("0 0 13 * */2", ["2026-06-13", "2026-08-13", "2026-09-13", "2026-10-13", "2026-12-13"]),
        ("0 0 L * *", ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]),
        ("0 0 L-1,L * *", ["2026-02-27", "2026-02-28", "2026-03-30", "2026-03-31", "2026-04-29"]),
        ("0 0 15W * *", ["2026-02-16", "2026-03-16", "2026-04-15", "2026-05-15", "2026-06-15"]),
        ("0 0 1W * *", ["2026-02-02", "2026-03-02", "2026-04-01", "2026-05-01", "2026-06-01"]),
        ("0 0 1W 8 *", ["2026-08-03", "2027-08-02", "2028-08-01", "2029-08-01", "2030-08-01"]),  # a Saturday
        ("0 0 31W 5 *", ["2026-05-29", "2027-05-31", "2028-05-31", "2029-05-31", "2030-05-31"]),  # a Sunday
        ("0 0 LW * *", ["2026-02-27", "2026-03-31", "2026-04-30", "2026-05-29", "2026-06-30"]),
        ("0 0 * * 2#2", ["2026-02-10", "2026-03-10", "2026-04-14", "2026-05-12", "2026-06-09"]),
        ("0 0 * * MON#5", ["2026-03-30", "2026-06-29", "2026-08-31", "2026-11-30", "2027-03-29"]),
        ("0 0 ? * FRIL", ["2026-02-27", "2026-03-27", "2026-04-24", "2026-05-29", "2026-06-26"]),
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29", "2040-02-29", "2044-02-29"]),
        ("0 0 29 2 */7", ["2032-02-29", "2060-02-29", "2088-02-29", "2128-02-29", "2156-02-29"]),  # on a Sunday
    ],
)
def test_days(text, expected):
    zone = ZoneInfo("UTC")
    fires = Crontab.parse(text).matches_between(AT("2026-01-31T12:00Z"), AT("9999-12-01T00:00Z"), zone)
    assert [moment.date().isoformat() for moment in islice(fires, 5)] == expected


def test_strictly_after_and_in_utc():
    cron, zone = Crontab.parse("0 * * * *"), ZoneInfo("Asia/Kathmandu")
    found = cron.next_after(AT("2026-01-01T12:00:00+05:45"), zone)
    assert found == AT("2026-01-01T13:00:00+05:45")
    assert found.tzinfo is UTC
    assert cron.next_after(AT("2026-01-01T11:59:59.999999+05:45"), zone) == AT("2026-01-01T12:00:00+05:45")
    assert cron.next_after(AT("2026-01-01T12:00:00.000001+05:45"), zone) == AT("2026-01-01T13:00:00+05:45")


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(TypeError):
        Crontab.parse("0 * * * *").next_after(datetime(2026, 1, 1), ZoneInfo("UTC"))


def test_the_ends_of_the_calendar():
    zone = ZoneInfo("Europe/Berlin")
    cron = Crontab.parse("0 0 * * *")
    assert cron.next_after(datetime.min.replace(tzinfo=UTC), zone).year == 1
    assert cron.next_after(AT("9999-12-20T00:00Z"), zone) == AT("9999-12-20T23:00Z")
    with pytest.raises(CrontabError, match="year 10000"):
        cron.next_after(datetime.max.replace(tzinfo=UTC), zone)
    assert list(cron.matches_between(AT("9999-12-30T00:00Z"), datetime.max.replace(tzinfo=UTC), zone)) == []
    assert list(cron.matches_between(AT("2026-01-02T00:00Z"), AT("2026-01-01T00:00Z"), zone)) == []


ALWAYS_SKIPPED = "*/5 2 25-31 3 */7"
"""Two o'clock on the last Sunday of March, as a star job: in Berlin the clock never shows it."""


def test_times_that_a_zone_never_shows_are_refused():
    """F33: what exists in the calendar and not in the zone, said within 50 ms."""
    cron = Crontab.parse(ALWAYS_SKIPPED)
    assert cron.next_after(AT("2026-01-01T00:00Z"), ZoneInfo("UTC")) == AT("2026-03-29T02:00Z")
    with pytest.raises(CrontabError, match="never comes again in the time zone Europe/Madrid"):
        cron.next_after(AT("2026-01-01T00:00Z"), ZoneInfo("Europe/Madrid"))


RARE = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["0", "59", "*/59"]),
    st.sampled_from(["0", "2", "*/23"]),
    st.sampled_from(["29", "30", "31", "L-30", "*/28", "*/30", "31W", "29,30", "*", "L-28"]),
    st.sampled_from(["2", "4", "FEB", "2,4", "*", "12"]),
    st.sampled_from(["*", "*/7", "*/6", "1#5", "0#1", "6L", "0,6", "?"]),
)


@settings(deadline=None, max_examples=200)
@given(RARE, st.integers(0, 4 * 10**9), st.sampled_from(["UTC", "Europe/Berlin", "Africa/Casablanca"]))
def test_rare_dates_are_found_fast_or_refused(text, second, zone_name):
    """F33: next fire time within 50 ms or refused (processor time, best of three, since machines are shared)."""
    took = []
    found = None
    for _ in range(3):
        begun = time.process_time()
        try:
            found = Crontab.parse(text).next_after(moment_of(second), ZoneInfo(zone_name))
        except CrontabError:
            found = None
        took.append(time.process_time() - begun)
    assert min(took) < 0.05
    assert found is None or found - moment_of(second) < timedelta(days=41 * 366)


def test_typical_fire_times_take_microseconds():
    """A daemon holds hundreds of schedules that fire every second: 50 µs each is the aim, 500 fails."""
    zone, moment = ZoneInfo("Europe/Berlin"), AT("2026-11-20T10:11:12Z")
    for text in ["* * * * * *", "*/5 * * * * *", "*/5 * * * *", "30 2 * * *", "0 0 L * *", "0 0 13 * FRI"]:
        cron = Crontab.parse(text)
        cron.next_after(moment, zone)
        begun = time.process_time()
        for _ in range(200):
            cron.next_after(moment, zone)
        assert (time.process_time() - begun) / 200 < 500e-6, text


def test_latest_due_folds_what_was_missed():
    cron, zone = Crontab.parse("*/5 * * * *"), ZoneInfo("Europe/Berlin")
    due = AT("2026-03-29T00:50Z")
    assert cron.latest_due(due, due, zone) == (due, 1)
    assert cron.latest_due(due, AT("2026-03-29T00:54:59Z"), zone) == (due, 1)
    assert cron.latest_due(due, AT("2026-03-29T01:12Z"), zone) == (AT("2026-03-29T01:10Z"), 5)
    each_second, later = Crontab.parse("* * * * * *"), due + timedelta(seconds=1)
    assert each_second.latest_due(due, later, zone) == (later, 2)


def test_latest_due_counts_the_end_of_a_gap_once():
    """What was skipped fires at 03:00 together with what is due at 03:00 anyway (F31)."""
    cron, zone = Crontab.parse("0 2,3 * * *"), ZoneInfo("Europe/Berlin")
    latest = cron.latest_due(AT("2026-03-28T03:00+01:00"), AT("2026-03-29T12:00+02:00"), zone)
    assert latest == (AT("2026-03-29T03:00+02:00"), 2)


def test_latest_due_looks_behind_a_repeated_day():
    """Sitka lived 18 and 19 October 1867 twice: the last 10:55 of the 19th can lie before this evening of the 18th."""
    cron, zone = Crontab.parse("*/5 10 19 10 *"), ZoneInfo("America/Sitka")
    first = cron.next_after(AT("1867-10-01T00:00Z"), zone)
    last_before = first + timedelta(minutes=55)
    assert cron.latest_due(first, last_before + timedelta(hours=8), zone) == (last_before, 12)
    assert cron.next_after(last_before, zone) == first + timedelta(days=1)


def test_latest_due_years_later_is_quick_and_capped():
    cron, zone = Crontab.parse("* * * * * *"), ZoneInfo("Europe/Berlin")
    begun = time.process_time()
    latest = cron.latest_due(AT("2006-01-01T00:00Z"), AT("2026-11-20T10:11:12.5Z"), zone)
    assert time.process_time() - begun < 0.1
    assert latest == (AT("2026-11-20T10:11:12Z"), 10_000)


def test_latest_due_when_the_expression_has_changed_since():
    """The stored fire time is none of the expression's: it still counts as due, and is the last if none followed."""
    cron, zone = Crontab.parse("0 0 1 1 *"), ZoneInfo("UTC")
    stored = AT("2026-05-05T05:05:05.5Z")
    assert cron.latest_due(stored, AT("2026-11-20T00:00Z"), zone) == (stored, 1)
    assert cron.latest_due(stored, AT("2027-11-20T00:00Z"), zone) == (AT("2027-01-01T00:00Z"), 2)


def test_latest_due_refuses_what_is_not_due():
    with pytest.raises(ValueError, match="not due"):
        Crontab.parse("* * * * *").latest_due(AT("2026-05-05T05:06Z"), AT("2026-05-05T05:05Z"), ZoneInfo("UTC"))


def test_latest_due_agrees_with_walking():
    """Backwards and counted in one go it is what one finds by walking from fire time to fire time (F31)."""
    random = Random(4)
    zones = ["Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "UTC"]
    for meaning, cron in expressions(random, 2000 if LONG else 300, special=True, busy=True):
        name = random.choice(zones)
        zone = ZoneInfo(name)
        changes = [change for change, *_ in vixie.changes(name) if change > 10**9] or [15 * 10**8]
        second = random.choice(changes) + random.randrange(-80_000, 80_000)
        if random.random() < 0.5:
            second = random.choice(changes) + random.randrange(-3, 3) * 600
        start = cron.next_after(moment_of(second - random.randrange(1, 60) * 86_400), zone)
        now = max(moment_of(second), start)
        walked = [start, *cron.matches_between(start, now, zone)]
        assert cron.latest_due(start, now, zone) == (walked[-1], min(len(walked), 10_000)), f"{meaning.text} {name}"


def test_fire_times_increase():
    random = Random(6)
    for name in ("Pacific/Apia", "America/Sitka", "Africa/Freetown"):
        zone = ZoneInfo(name)
        for change, *_ in random.sample(vixie.changes(name), 3):
            for _, cron in expressions(random, 20, six=random.random() < 0.2, busy=True):
                fires = list(islice(cron.matches_between(moment_of(change - 90_000), moment_of(2**33), zone), 300))
                assert fires == sorted(set(fires))


def test_the_generator_of_expressions_is_no_accident():
    """The tests above say little if the random expressions say nothing."""
    random = Random(9)
    texts = {random_crontab.expression(random, special=True).text for _ in range(500)}
    assert len(texts) > 490
    assert sum("#" in text for text in texts) > 50
    assert sum("W" in text for text in texts) > 50
