import pickle
from datetime import UTC, datetime, timedelta

import pytest

from jobrunner.crontab import Crontab
from jobrunner.scheduling.schedule import NEVER, Schedule
from jobrunner.scheduling.trigger import INSTANT, ScheduleTrigger

NOW = datetime(2026, 3, 29, 1, 0, 0, 500_000, tzinfo=UTC)


class StillClock:
    """The database's time stands still; this machine's clock is `wrong`."""

    def __init__(self, wrong: timedelta = timedelta(0)) -> None:
        self.wrong = wrong

    def now(self) -> datetime:
        return NOW

    def to_wall(self, moment: datetime) -> datetime:
        return moment + self.wrong


def trigger_of(next_fire_at: datetime | None, crontab: str | None = "* * * * * *", wrong: float = 0) -> ScheduleTrigger:
    schedule = Schedule(
        id=1,
        revision=1,
        has_own_zone=False,
        crontab=None if crontab is None else Crontab.parse(crontab),
        zone=UTC,
        problem=None,
        noted_problem=None,
        next_fire_at=next_fire_at,
        last_fire_at=None,
        modified_at=NOW,
    )
    return ScheduleTrigger(schedule, StillClock(timedelta(seconds=wrong)))


@pytest.mark.parametrize("wrong", [0, 300, -300])
def test_it_wakes_at_the_next_fire_time_whatever_the_machine_says(wrong):
    """F28."""
    coming = NOW + timedelta(seconds=90)
    wall = NOW + timedelta(seconds=wrong)
    assert trigger_of(coming, wrong=wrong).get_next_fire_time(None, wall) == coming + timedelta(seconds=wrong)
    assert trigger_of(coming, wrong=wrong).get_next_fire_time(coming, wall) == coming + timedelta(seconds=wrong)


def test_what_is_due_wakes_at_once_and_then_at_the_next_time():
    """F30: however much was missed, APScheduler is given one time, not thousands."""
    trigger = trigger_of(NOW - timedelta(days=30))
    assert trigger.get_next_fire_time(None, NOW) == NOW
    assert trigger.get_next_fire_time(NOW, NOW) == NOW.replace(microsecond=0) + timedelta(seconds=1)


def test_the_answer_is_always_ahead():
    """Else APScheduler would ask for ever, after a step between two readings of the clock."""
    assert trigger_of(NOW + timedelta(seconds=1), wrong=-300).get_next_fire_time(NOW, NOW) == NOW + INSTANT


@pytest.mark.parametrize("trigger", [trigger_of(None), trigger_of(NOW, None), trigger_of(NEVER, "0 0 29 2 *")])
def test_it_never_wakes(trigger):
    assert trigger.get_next_fire_time(None, NOW) is None


def test_it_stays_in_its_process():
    with pytest.raises(TypeError):
        pickle.dumps(trigger_of(NOW))
