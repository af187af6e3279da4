"""The database's time, told without asking it each time."""

import time
from datetime import UTC, datetime, timedelta

NOISE = timedelta(milliseconds=100)
"""Two measurements that differ by less differ by their way back, not by the clock."""
LOSS = timedelta(milliseconds=1)
"""By how much the best measurement loses to a new one, so that a slow drift is followed."""


def wall_clock() -> datetime:
    """Return what the clock of this machine says: used only to tell APScheduler, which lives by it, when to wake."""
    return datetime.now(UTC)


class DatabaseClock:
    """Tells the database's time from its last measurement and the monotonic clock.

    It is never ahead of the server (a measurement was taken before it arrived), and a step of this machine's clock
    does not touch it. After a suspend it is behind until the next measurement.
    """

    def __init__(self) -> None:
        self._offset: timedelta | None = None

    def measure(self, database_time: datetime) -> None:
        """Note what the database's clock said, right after the answer arrived."""
        offset = database_time - _monotonic()
        if self._offset is not None and abs(offset - self._offset) < NOISE:
            offset = max(offset, self._offset - LOSS)  # the shorter way back is the truer one
        self._offset = offset

    def now(self) -> datetime:
        """Return the database's time; ValueError before the first measurement."""
        if self._offset is None:
            raise ValueError("the database's clock was not measured yet")
        return _monotonic() + self._offset

    def ahead_of_wall(self) -> timedelta:
        """Return by how much the database's clock is ahead of this machine's."""
        return self.now() - wall_clock()

    def to_wall(self, moment: datetime) -> datetime:
        """Return what this machine's clock will say when the database's says `moment`."""
        return moment - self.ahead_of_wall()


def _monotonic() -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=time.monotonic())
