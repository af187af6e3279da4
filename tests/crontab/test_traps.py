"""Warnings: given where the trap is, and nowhere else."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from jobrunner.crontab import Crontab, explain

AFTER = datetime.fromisoformat("2026-01-01T00:00Z")


def warnings(text, zone="UTC", after=AFTER):
    return explain(Crontab.parse(text), ZoneInfo(zone), after, 1).warnings


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("0 0 31 * *", "The 31st does not exist in February, April, June, September and November: no job then"),
        ("0 0 30 * *", "The 30th does not exist in February: no job then"),
        ("0 0 29 * *", "The 29th does not exist in February except in leap years: no job then"),
        ("0 0 31W * *", "The 31st does not exist in"),
        ("0 0 29 2 *", "29 February comes in leap years only."),
        ("0 0 L-30 * *", "L-30 does not exist in February, April, June, September and November"),
        ("0 0 * * 1#5", "Not every month has a 5th Monday: no job then; 1L means the last one."),
        ("0 0 13 * FRI", "The day fields are alternatives"),
        ("0 0 1-7 * 5", "The day fields are alternatives: it is enough that one of day-of-month and day-of-week"
                        " matches; the 1st Friday of the month is written * * 5#1."),
        ("0 0 */3 * 1#1", "Both day fields must match, since day-of-month starts with *"),
        ("0 0 13 * */2", "Both day fields must match, since day-of-week starts with *"),
        ("*/7 * * * *", "*/7 counts anew in every hour: from 56 to 0 of the next hour it is 4 minutes, not 7."),
        ("*/59 * * * *", "*/59 counts anew in every hour: from 59 to 0 of the next hour it is 1 minute, not 59."),
        ("*/45 * * * * *", "*/45 counts anew in every minute: from 45 to 0 of the next minute it is 15 seconds"),
        ("0 */5 * * *", "*/5 counts anew in every day: from 20 to 0 of the next day it is 4 hours, not 5."),
        ("0 0 1 */5 *", "*/5 counts anew in every year: from November to January of the next year it is 2 months"),
        ("0 0 * * */2", "*/2 counts anew in every week: from Saturday to Sunday of the next week it is 1 day, not 2."),
        ("0 0 */2 * *", "*/2 counts anew from the 1st of every month"),
        ("* 2 * * *", "Every minute of each of these hours: 60 fire times an hour"),
        ("* */2 * * *", "Every minute of each of these hours: 60 fire times an hour"),
        ("* 0 2 * * *", "Every second of each of these minutes: 60 fire times a minute"),
    ],
)  # fmt: skip
def test_traps(text, start):
    found = warnings(text)
    assert any(warning.startswith(start) for warning in found), found


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "*/5 * * * *",
        "0 */6 * * *",
        "*/15 9-17 * * MON-FRI",
        "* 9-17 * * *",
        "0 0 1 * *",
        "0 0 L * *",
        "0 0 31 1,3,12 *",
        "0 0 28-31 * *",
        "0 0 ? * MON",
        "0 0 1 * ?",
        "0 0 * * 1#4",
        "40/15 * * * *",
        "0 0 * */3 *",
        "*/5 * * * * *",
    ],
)
def test_no_trap(text):
    assert warnings(text) == []


BERLIN_SPRING = "On Sunday 29 March 2026 the clock goes on from 02:00 to 03:00"
BERLIN_AUTUMN = "On Sunday 25 October 2026 the clock goes back from 03:00 to 02:00"
BEIRUT_SPRING = "On Sunday 29 March 2026 the clock goes on from 00:00 to 01:00"
HOWE_AUTUMN = "On Sunday 5 April 2026 the clock goes back from 02:00 to 01:30"
HOWE_SPRING = "On Sunday 4 October 2026 the clock goes on from 02:00 to 02:30"
NO_29TH = "The 29th does not exist in February except in leap years: no job then; L means the last day of every month."


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", [
            f"{BERLIN_SPRING}: what falls in between runs once, right after the change.",
            f"{BERLIN_AUTUMN}: what falls in between comes twice and runs the first time only.",
        ]),
        ("*/20 2-4 * * *", "Europe/Berlin", [
            f"{BERLIN_SPRING}: the 3 fire times in between are left out.",
            f"{BERLIN_AUTUMN}: the 3 fire times in between come twice, and the job runs each time.",
        ]),
        ("0 */2 29 * *", "Europe/Berlin", [
            NO_29TH,
            f"{BERLIN_SPRING}: the fire time in between is left out.",
        ]),
        ("30 2 * * MON", "Europe/Berlin", []),
        ("0 4 * * *", "Europe/Berlin", []),
        ("*/5 * * * *", "Europe/Berlin", []),
        ("17 * * * *", "Europe/Berlin", []),
        ("30 2 * * *", "Asia/Tokyo", []),
        ("30 2 * * *", "UTC", []),
        ("0 0 * * *", "Asia/Beirut", [f"{BEIRUT_SPRING}: what falls in between runs once, right after the change."]),
        ("*/30 * * * *", "Australia/Lord_Howe", []),
        ("45 * * * *", "Australia/Lord_Howe", [
            f"{HOWE_AUTUMN}: the fire time in between comes twice, and the job runs each time.",
        ]),
        ("15 * * * *", "Australia/Lord_Howe", [f"{HOWE_SPRING}: the fire time in between is left out."]),
    ],
)  # fmt: skip
def test_hours_lost_or_doubled(text, zone, expected):
    """Only where the zone has a change in the coming year that touches the expression."""
    assert warnings(text, zone) == expected


def test_only_the_coming_year():
    berlin = "Europe/Berlin"
    assert "29 March 2026" in warnings("30 2 * * *", berlin, datetime.fromisoformat("2026-03-28T12:00Z"))[0]
    assert len(warnings("30 2 * * *", berlin, datetime.fromisoformat("2026-03-28T12:00Z"))) == 2
    assert "25 October 2026" in warnings("30 2 * * *", berlin, datetime.fromisoformat("2026-03-30T12:00Z"))[0]


def test_a_lost_day_is_told_with_its_dates():
    found = warnings("0 12 * * *", "Pacific/Apia", datetime.fromisoformat("2011-12-01T00:00Z"))
    assert "The clock goes on from Friday 30 December 2011 00:00 to Saturday 31 December 2011 00:00" in found[0]
