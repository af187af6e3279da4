"""APScheduler's trigger for a scheduled job: when to look at it next."""

from datetime import datetime, timedelta
from typing import Any

from apscheduler.triggers.base import BaseTrigger

from jobrunner.scheduling.clock import DatabaseClock
from jobrunner.scheduling.schedule import NEVER, Schedule

INSTANT = timedelta(milliseconds=1)


class ScheduleTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Wakes when the database's clock reaches the schedule's next fire time, whatever this machine's clock says.

    It does not lean on the former fire time: each answer follows from the schedule and the clocks as they are, so that
    missed times come as one, and an answer given before a step of the clock is put right by the next.
    """

    __slots__ = ("clock", "schedule")

    def __init__(self, schedule: Schedule, clock: DatabaseClock) -> None:
        self.schedule = schedule
        self.clock = clock

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the time by this machine's clock, after `now`; only the first one may be `now` itself."""
        following = self.schedule.next_fire_at
        if following is None or self.schedule.crontab is None:
            return None
        database_now = self.clock.now()
        if following <= database_now:
            if previous_fire_time is None:
                return now
            following = self.schedule.next_after(database_now)
        if following == NEVER:
            return None
        return max(self.clock.to_wall(following), now + INSTANT)

    def __getstate__(self) -> Any:
        raise TypeError("a schedule's trigger stays in its process")
