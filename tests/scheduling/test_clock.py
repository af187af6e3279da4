from datetime import UTC, datetime, timedelta

import pytest

from jobrunner.scheduling import clock as module
from jobrunner.scheduling.clock import DatabaseClock

START = datetime(2026, 3, 29, 1, tzinfo=UTC)


class Machine:
    """A machine whose monotonic and wall clocks the test turns."""

    def __init__(self) -> None:
        self.monotonic = 1000.0
        self.wall = START

    def passes(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def machine(monkeypatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(module.time, "monotonic", lambda: machine.monotonic)
    monkeypatch.setattr(module, "wall_clock", lambda: machine.wall)
    return machine


def test_it_tells_nothing_before_the_first_measurement():
    with pytest.raises(ValueError, match="not measured"):
        DatabaseClock().now()


def test_it_goes_on_from_the_last_measurement(machine):
    clock = DatabaseClock()
    clock.measure(START)
    machine.passes(2.5)
    assert clock.now() == START + timedelta(seconds=2.5)


def test_a_step_of_the_wall_clock_does_not_touch_it(machine):
    """F28."""
    clock = DatabaseClock()
    clock.measure(START)
    machine.wall += timedelta(minutes=5)
    assert clock.now() == START
    assert clock.ahead_of_wall() == timedelta(minutes=-5)
    assert clock.to_wall(START + timedelta(seconds=1)) == machine.wall + timedelta(seconds=1)


def test_a_slow_answer_does_not_set_it_back(machine):
    """The database's clock was read before its answer came: of two measurements the one that says later is truer."""
    clock = DatabaseClock()
    clock.measure(START)
    machine.passes(1)
    clock.measure(START + timedelta(seconds=1) - timedelta(milliseconds=60))
    assert clock.now() == START + timedelta(seconds=1) - module.LOSS
    machine.passes(1)
    clock.measure(START + timedelta(seconds=2))
    assert clock.now() == START + timedelta(seconds=2)


@pytest.mark.parametrize("step", [timedelta(hours=2), timedelta(hours=-2), timedelta(milliseconds=-150)])
def test_it_follows_a_step_of_the_database_or_a_suspend(machine, step):
    """F29."""
    clock = DatabaseClock()
    clock.measure(START)
    machine.passes(1)
    clock.measure(START + timedelta(seconds=1) + step)
    assert clock.now() == START + timedelta(seconds=1) + step
