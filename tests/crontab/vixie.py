"""Vixie cron as Debian ships it, as a model that looks at every minute (or second), and the clocks it runs on.

A job with a star in minute or hour runs when the wall clock matches. Any other runs on a clock that never goes
back: after a jump forth it runs for what was skipped, after a jump back it waits until the clock is where it was.
Nothing of this is shared with the package.
"""

import struct
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window:
    """A zone's wall clock at every step of a window: built once, then asked by many expressions."""

    def __init__(self, zone, start, end, step):
        self.zone, self.start, self.end, self.step = zone, start, end, step
        self.clock = []  # (UTC second, local time)
        for second in range(start, end + 1, step):
            local = (EPOCH + timedelta(seconds=second)).astimezone(zone).replace(tzinfo=None)
            self.clock.append((second, local))

    def fire_times(self, meaning):
        """Return the UTC seconds in (start, end] at which the job runs."""
        if meaning.follows_the_clock:
            return [second for second, local in self.clock[1:] if meaning.matches(local)]
        step = timedelta(seconds=self.step)
        fires = []
        shown = self.clock[0][1]
        for second, local in self.clock[1:]:
            due = False
            while shown < local:
                shown += step
                due = meaning.matches(shown) or due
            if due:
                fires.append(second)
        return fires


def seconds(moments):
    """Return the moments as UTC seconds."""
    return [round((moment - EPOCH).total_seconds()) for moment in moments]


@cache
def changes(name):
    """Return (UTC second, offset before, offset after) of every change in the zone's file, and the rule's first years.

    Read from the file itself, since the package finds them by asking `zoneinfo`.
    """
    data = _file(name)
    if data is None:
        return ()

    def header(start):
        return struct.unpack(">6l", data[start + 20 : start + 44])

    utc_marks, wall_marks, leaps, times, types, characters = header(0)
    start = 44 + times * 4 + times + types * 6 + characters + leaps * 8 + utc_marks + wall_marks
    *_, times, types, _characters = header(start)
    start += 44
    moments = struct.unpack(f">{times}q", data[start : start + 8 * times])
    start += 8 * times
    indexes = data[start : start + times]
    start += times
    offsets = [struct.unpack(">lbb", data[start + 6 * i : start + 6 * i + 6])[0] for i in range(types)]
    found = []
    offset = offsets[0]
    for moment, index in zip(moments, indexes, strict=True):
        if offsets[index] != offset:
            found.append((moment, offset, offsets[index]))
        offset = offsets[index]
    return tuple(found)


def _file(name):
    for folder in zoneinfo.TZPATH:
        path = Path(folder, name)
        if path.is_file():
            return path.read_bytes()
    package, _, leaf = f"tzdata.zoneinfo/{name}".rpartition("/")
    try:
        return resources.files(package.replace("/", ".")).joinpath(leaf).read_bytes()
    except (FileNotFoundError, ModuleNotFoundError):
        return None


@cache
def distinct_zones():
    """Return one name for each zone that has a clock of its own (aliases share a file's content)."""
    by_content = {}
    for name in sorted(zoneinfo.available_timezones() - {"localtime"}):
        data = _file(name)
        if data is not None:
            by_content.setdefault(data, name)
    return sorted(by_content.values())
