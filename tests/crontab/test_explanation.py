"""What `explain` puts together."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from jobrunner.crontab import Crontab, CrontabError, explain
from tests.crontab.test_firing import ALWAYS_SKIPPED

AFTER = datetime.fromisoformat("2026-10-25T00:00Z")


def test_next_fire_times_are_told_in_the_zone():
    explanation = explain(Crontab.parse("*/30 2 * * *"), ZoneInfo("Europe/Berlin"), AFTER, 4)
    assert explanation.expression == "*/30 2 * * *"
    assert explanation.time_zone == "Europe/Berlin"
    assert [moment.isoformat() for moment in explanation.next] == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-26T02:00:00+01:00",
    ]


def test_as_often_as_possible_is_said():
    zone = ZoneInfo("UTC")
    assert "as often as possible" in explain(Crontab.parse("* * * * *"), zone, AFTER, 1).words
    assert explain(Crontab.parse("*/1 * * * *"), zone, AFTER, 1).words == "Every minute"


@pytest.mark.parametrize(
    ("text", "jobs"),
    [
        ("* * * * * *", 86_400),
        ("* * * * *", 1_440),
        ("0 9-17 * * *", 9),
        ("0 0 * * 1-5", 5 / 7),
        ("0 0 1 * *", 12 / 365.2425),
        ("0 0 29 2 *", 97 / 146_097),
    ],
)
def test_jobs_a_day(text, jobs):
    assert explain(Crontab.parse(text), ZoneInfo("UTC"), AFTER, 1).jobs_per_day == pytest.approx(jobs, rel=1e-12)


def test_fewer_when_the_calendar_ends():
    late = datetime.fromisoformat("9999-12-26T00:00Z")
    assert len(explain(Crontab.parse("0 12 * * *"), ZoneInfo("UTC"), late, 100).next) == 3


def test_what_never_comes_in_the_zone_is_refused():
    with pytest.raises(CrontabError, match="Europe/Paris"):
        explain(Crontab.parse(ALWAYS_SKIPPED), ZoneInfo("Europe/Paris"), AFTER, 1)
