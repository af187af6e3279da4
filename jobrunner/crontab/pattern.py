"""What matches on a wall clock that never changes: seconds counted from 1970-01-01 00:00:00 local time.

Everything is bits and integers, since a daemon asks for hundreds of fire times a second.
"""

from dataclasses import dataclass
from datetime import date

from jobrunner.crontab.days import month_length, shape

DAY = 86_400
EPOCH = date(1970, 1, 1).toordinal()
LAST_YEAR = date.max.year


@dataclass(frozen=True, slots=True)
class Pattern:
    """The matching seconds, minutes, hours and months as bits, and the days by shape of the month."""

    second: int
    minute: int
    hour: int
    month: int
    days: tuple[int, ...]

    @property
    def per_day(self) -> int:
        """How many times there are on a day that matches."""
        return self.hour.bit_count() * self.minute.bit_count() * self.second.bit_count()

    def at_or_after(self, local: int) -> int | None:
        """Return the first matching second from `local` on; None when the calendar ends first."""
        day, second = divmod(local, DAY)
        found = self._day_from(day)
        if found == day:
            time = self._time_from(second)
            if time is not None:
                return day * DAY + time
            found = self._day_from(day + 1)
        return None if found is None else found * DAY + self._first_time()

    def at_or_before(self, local: int) -> int | None:
        """Return the last matching second up to `local`; None when the calendar begins later."""
        day, second = divmod(local, DAY)
        found = self._day_until(day)
        if found == day:
            time = self._time_until(second)
            if time is not None:
                return day * DAY + time
            found = self._day_until(day - 1)
        return None if found is None else found * DAY + self._last_time()

    def matches(self, local: int) -> bool:
        """Whether that very second matches."""
        return self.at_or_after(local) == local

    def count(self, start: int, end: int) -> int:
        """Count the matching seconds in [start, end), a month at a step."""
        if start >= end:
            return 0
        first, last = start // DAY, (end - 1) // DAY
        before = self._rank(start - first * DAY) if self._day_from(first) == first else 0
        up_to_end = self._rank(end - last * DAY) if self._day_from(last) == last else 0
        return self._days(first, last) * self.per_day - before + up_to_end

    def _days(self, first: int, end: int) -> int:
        """Count the matching days in [first, end)."""
        days = 0
        while first < end:
            today = date.fromordinal(first + EPOCH)
            length = month_length(today.year, today.month)
            if self.month >> today.month & 1:
                month = self.days[shape(length, (first + EPOCH - today.day + 1) % 7)] >> today.day
                days += below(month, end - first).bit_count()
            first += length - today.day + 1
        return days

    def _day_from(self, day: int) -> int | None:
        ordinal = day + EPOCH
        if not 1 <= ordinal <= date.max.toordinal():
            return self._day_from(1 - EPOCH) if ordinal < 1 else None
        today = date.fromordinal(ordinal)
        year, month = today.year, today.month
        first = ordinal - today.day + 1
        after = today.day
        while True:
            length = month_length(year, month)
            if self.month >> month & 1:
                left = self.days[shape(length, first % 7)] >> after
                if left:
                    return first + after + lowest(left) - 1 - EPOCH
            after = 1
            first += length
            month += 1
            if month == 13:
                month = 1
                year += 1
                if year > LAST_YEAR:
                    return None

    def _day_until(self, day: int) -> int | None:
        ordinal = day + EPOCH
        if not 1 <= ordinal <= date.max.toordinal():
            return None if ordinal < 1 else self._day_until(date.max.toordinal() - EPOCH)
        today = date.fromordinal(ordinal)
        year, month = today.year, today.month
        first = ordinal - today.day + 1
        until = today.day
        while True:
            if self.month >> month & 1:
                left = self.days[shape(month_length(year, month), first % 7)] & ((2 << until) - 1)
                if left:
                    return first + highest(left) - 1 - EPOCH
            until = 31
            month -= 1
            if month == 0:
                month = 12
                year -= 1
                if year == 0:
                    return None
            first -= month_length(year, month)

    def _first_time(self) -> int:
        return lowest(self.hour) * 3600 + lowest(self.minute) * 60 + lowest(self.second)

    def _last_time(self) -> int:
        return highest(self.hour) * 3600 + highest(self.minute) * 60 + highest(self.second)

    def _time_from(self, time: int) -> int | None:
        minutes, second = divmod(time, 60)
        hour, minute = divmod(minutes, 60)
        if self.hour >> hour & 1:
            if self.minute >> minute & 1:
                left = self.second >> second
                if left:
                    return time + lowest(left)
            left = self.minute >> minute + 1
            if left:
                return hour * 3600 + (minute + 1 + lowest(left)) * 60 + lowest(self.second)
        left = self.hour >> hour + 1
        if left:
            return (hour + 1 + lowest(left)) * 3600 + lowest(self.minute) * 60 + lowest(self.second)
        return None

    def _time_until(self, time: int) -> int | None:
        minutes, second = divmod(time, 60)
        hour, minute = divmod(minutes, 60)
        if self.hour >> hour & 1:
            if self.minute >> minute & 1:
                left = below(self.second, second + 1)
                if left:
                    return time - second + highest(left)
            left = below(self.minute, minute)
            if left:
                return hour * 3600 + highest(left) * 60 + highest(self.second)
        left = below(self.hour, hour)
        if left:
            return highest(left) * 3600 + highest(self.minute) * 60 + highest(self.second)
        return None

    def _rank(self, time: int) -> int:
        """Return how many matching times of the day lie before `time` (0 to 86,400)."""
        minutes, second = divmod(time, 60)
        hour, minute = divmod(minutes, 60)
        in_minute = self.second.bit_count()
        in_hour = self.minute.bit_count() * in_minute
        rank = below(self.hour, hour).bit_count() * in_hour
        if self.hour >> hour & 1:
            rank += below(self.minute, minute).bit_count() * in_minute
            if self.minute >> minute & 1:
                rank += below(self.second, second).bit_count()
        return rank


def lowest(bits: int) -> int:
    """Return the place of the lowest bit set."""
    return (bits & -bits).bit_length() - 1


def highest(bits: int) -> int:
    """Return the place of the highest bit set."""
    return bits.bit_length() - 1


def below(bits: int, place: int) -> int:
    """Return the bits under `place`."""
    return bits & ((1 << place) - 1)
