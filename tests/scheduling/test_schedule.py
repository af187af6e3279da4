from datetime import UTC, datetime, timedelta

import pytest

from jobrunner.scheduling.schedule import NEVER, Schedule, read_schedules, settle

NOW = datetime(2026, 3, 29, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def schedule_of(crontab: str = "0 * * * *", time_zone: str | None = None, **fields) -> Schedule:
    row = {
        "id": 1,
        "revision": 1,
        "crontab": crontab,
        "time_zone": time_zone,
        "problem": None,
        "next_fire_at": None,
        "last_fire_at": None,
        "modified_at": NOW,
    }
    return Schedule.of_row({**row, **fields}, "UTC")


@pytest.mark.parametrize(
    ("crontab", "time_zone", "word"), [("x * * * *", None, "minute"), ("* * * * *", "Mars/Olympus", "Mars/Olympus")]
)
def test_what_cannot_be_read_has_a_problem(crontab, time_zone, word):
    schedule = schedule_of(crontab, time_zone, next_fire_at=NOW)
    assert schedule.crontab is None
    assert word in schedule.problem
    assert not schedule.due(NOW)
    assert schedule.right_next(NOW) == NOW


def test_due_from_the_second_on():
    assert schedule_of(next_fire_at=NOW).due(NOW)
    assert not schedule_of(next_fire_at=NOW + timedelta(microseconds=1)).due(NOW)
    assert not schedule_of().due(NOW)


ON_THE_HOUR = NOW.replace(minute=0, second=0)


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        # Missing: from the edit on, so that what nobody computed is made up for.
        ({"modified_at": NOW - timedelta(minutes=90)}, ON_THE_HOUR - HOUR),
        ({"modified_at": NOW}, ON_THE_HOUR + HOUR),
        # ... but not what has fired already.
        ({"modified_at": NOW - timedelta(minutes=90), "last_fire_at": ON_THE_HOUR}, ON_THE_HOUR + HOUR),
        # An edit puts right what a database clock that had leapt ahead left behind.
        ({"modified_at": NOW, "last_fire_at": NOW + timedelta(days=400)}, ON_THE_HOUR + HOUR),
        # Due: it stays, to be fired.
        ({"next_fire_at": ON_THE_HOUR - 5 * HOUR}, ON_THE_HOUR - 5 * HOUR),
        # Ahead: read again, never before what fired.
        ({"next_fire_at": NOW + timedelta(minutes=7)}, ON_THE_HOUR + HOUR),
        ({"next_fire_at": ON_THE_HOUR + 2 * HOUR, "last_fire_at": ON_THE_HOUR + HOUR}, ON_THE_HOUR + 2 * HOUR),
    ],
)
def test_the_right_next_fire_time(fields, right):
    assert schedule_of(**fields).right_next(NOW) == right


def test_one_that_never_comes_in_its_zone():
    """F33: written by hand into a zone whose clock skips it, as long as its rules stay: not an error, and no loop."""
    schedule = schedule_of("30 2 29 3 *")
    assert schedule.next_after(datetime(9999, 6, 1, tzinfo=UTC)) == NEVER


async def test_settling_is_a_compare_and_set(own, bench):
    """Two daemons that read the same row: the second finds another revision, or another time, and writes nothing."""
    id_ = await bench.schedule("0 * * * *")
    [first] = (await read_schedules(own, [id_], "UTC")).values()
    [second] = (await read_schedules(own, [id_], "Asia/Kathmandu")).values()
    now = await bench.now()
    assert await settle(own, [first], now) == [id_]
    assert await settle(own, [second], now) == [id_]
    assert (await bench.row(id_))["next_fire_at"].minute == 0
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET crontab = '30 * * * *' WHERE id = $1", id_)
    await settle(own, [first], now)
    assert (await bench.row(id_))["next_fire_at"] is None
    [third] = (await read_schedules(own, [id_], "UTC")).values()
    await settle(own, [third], now)
    assert (await bench.row(id_))["next_fire_at"].minute == 30
    assert (await bench.row(id_))["revision"] == 2


async def test_settling_does_not_wait_for_an_edit(own, bench, connection):
    id_ = await bench.schedule("0 * * * *")
    [schedule] = (await read_schedules(own, [id_], "UTC")).values()
    async with connection.transaction():
        await connection.execute("SELECT FROM jobrunner.scheduled_job WHERE id = $1 FOR UPDATE", id_)
        await settle(own, [schedule], await bench.now())
    assert (await bench.row(id_))["next_fire_at"] is None
