"""The clock of every zone as the package sees it, against the zone files themselves."""

from datetime import UTC, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from jobrunner.crontab import Crontab, stretches
from tests.crontab import vixie
from tests.crontab.test_model import LONG


def test_no_zone_changes_its_clock_twice_within_the_looking_distance():
    """What `stretches` leans on: two changes never lie between two looks."""
    shortest = min(
        (later[0] - earlier[0], name)
        for name in vixie.distinct_zones()
        for earlier, later in zip(vixie.changes(name), vixie.changes(name)[1:], strict=False)
    )
    assert shortest[0] > stretches.LOOK_EVERY, shortest


def test_finds_every_change_of_every_zone():
    """F31: to the second, from the first local times of the nineteenth century on."""
    zones = vixie.distinct_zones()
    for name in zones if LONG else zones[::10]:
        known = vixie.changes(name)
        if not known:
            continue
        start, end = known[0][0] - 10, known[-1][0] + 10
        found = [
            (after.start, before.offset, after.offset)
            for before, after in stretches.changes(ZoneInfo(name), start, end)
        ]
        assert found == list(known), name


def test_stretches_join_without_a_seam():
    zone = ZoneInfo("Europe/Berlin")
    second, passed = 0, 0
    for _ in range(200):
        stretch = stretches.stretch_at(zone, second)
        assert stretch.start == second or second == 0
        assert stretch.passed >= passed
        second, passed = stretch.end, stretch.passed
        assert stretches.stretch_at(zone, second - 1) == stretch


class Backward(tzinfo):
    """A clock that is set back by an hour ten minutes before one block of stretches ends."""

    change = (54 << stretches.BLOCK_BITS) - 600

    def fromutc(self, moment):
        second = round((moment.replace(tzinfo=UTC) - stretches.EPOCH).total_seconds())
        return moment + timedelta(hours=2 if second < self.change else 1)

    def utcoffset(self, moment):
        raise NotImplementedError


@pytest.mark.parametrize("text", ["30 * * * *", "30 0-23 * * *", "*/7 * * * * *", "*/30 */7 0-23 * * *"])
def test_a_repeated_hour_across_two_blocks(text):
    """What came before the seam is remembered behind it (F31)."""
    zone, cron = Backward(), Crontab.parse(text)
    hour, second = 3600, Backward.change
    clock = [(at, at + (2 if at < second else 1) * hour) for at in range(second - 2 * hour, second + 3 * hour)]
    shown, wanted = clock[0][1], []
    for at, local in clock[1:]:
        if cron.pattern.matches(local) and (local > shown or not cron.fields.fixed):
            wanted.append(at)
        shown = max(shown, local)
    start, end = stretches.moment_of(clock[0][0]), stretches.moment_of(clock[-1][0])
    fires = list(cron.matches_between(start, end, zone))
    assert vixie.seconds(fires) == wanted
    for index in range(1, len(wanted), 5):
        assert cron.latest_due(fires[0], fires[index], zone) == (fires[index], index + 1)


def test_a_zone_without_changes():
    stretch = stretches.stretch_at(UTC, 1_800_000_000)
    assert (stretch.offset, stretch.passed) == (0, stretch.start)
    assert list(stretches.changes(UTC, 0, 2 * 10**9)) == []
