"""The part of a daemon that fires scheduled jobs: APScheduler in step with the table, a task that fires in batches."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from jobrunner.db.connection import TRANSIENT, Connection
from jobrunner.db.loop import DatabaseLoop
from jobrunner.db.sql import load
from jobrunner.lifecycle import Service
from jobrunner.scheduling.clock import DatabaseClock
from jobrunner.scheduling.firing import BATCH, Outcome, fire
from jobrunner.scheduling.schedule import (
    Schedule,
    ScheduleSettings,
    list_revisions,
    read_schedules,
    settle,
)
from jobrunner.scheduling.trigger import ScheduleTrigger

WATCH_SCHEDULES = load(__package__, "watch_schedules")

WATCH_INTERVAL = 0.8
"""Seconds between two looks at the table: an edit without notification is to be live within a second."""
OVERDUE = 0.25
"""Seconds after which the watch takes a firing for missed: until then somebody is at it."""
WAKE_INTERVAL = 30.0
"""Seconds between two wake-ups of APScheduler, whose timer runs on the monotonic clock and sleeps with the machine."""
STEP = timedelta(milliseconds=50)
"""A step of one clock against the other by more than this has all triggers told their times anew."""

log = logging.getLogger("jobrunner.scheduling")


class Scheduler(Service):
    """Fires scheduled jobs, beside any number of others on the same database."""

    def __init__(
        self,
        connection: Connection,
        settings: Callable[[], ScheduleSettings],
        on_fired: Callable[[], None] | None = None,
        *,
        watch_interval: float = WATCH_INTERVAL,
    ) -> None:
        """`connection` is this service's own; `settings` returns the job settings as they are now; `on_fired` is called
        when jobs were placed."""
        super().__init__("scheduler")
        self.schedules: dict[int, Schedule] = {}
        """The Active scheduled jobs, by id."""
        self.clock = DatabaseClock()
        self.fired = 0
        """Firings that this service won, those folded into a waiting job included."""
        self._connection = connection
        self._settings = settings
        self._on_fired = on_fired
        self._due: set[int] = set()
        self._triggers: Any = None
        self._watch = Watch(self, watch_interval)
        self._firing = Firing(self)
        self.answer_for(self._watch, self._firing)
        self._dirty = True
        self._edits: int | None = None
        self._zone: str | None = None
        self._ahead: timedelta | None = None
        self._looks = 0

    @property
    def healthy(self) -> bool:
        """Whether it runs and reads and fires without errors."""
        return self.running and self._watch.healthy and self._firing.healthy

    def changed(self) -> None:
        """Say that scheduled jobs or settings were edited: they are read at once."""
        self._dirty = True
        self._watch.wake()

    async def sync(self) -> None:
        """Read what changed in the table and wait until the triggers are in step with it."""
        self._dirty = True
        await self._watch.passed()

    async def _start(self) -> None:
        quiet("apscheduler")
        self._triggers = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 5}
        )
        self._triggers.add_listener(
            lambda event: self._fire_soon([int(event.job_id)]),
            EVENT_JOB_MISSED | EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES,
        )
        self._triggers.start()
        self._zone = None
        self._dirty = True
        await self._firing.start()
        await self._watch.start()
        with contextlib.suppress(*TRANSIENT):  # the database may go away at this very moment: the loop goes on trying
            await self._watch.passed()

    async def _stop(self) -> None:
        await self._watch.stop()
        await self._firing.stop()
        triggers, self._triggers = self._triggers, None
        if triggers is not None and triggers.running:
            triggers.shutdown(wait=False)
            await asyncio.sleep(0)  # it ends in the next turn of the event loop
        self.schedules.clear()
        self._due.clear()

    # Keeping in step

    async def look(self) -> None:
        """Measure the database's clock, read edits, and see to it that what is overdue is fired."""
        pulse = await self._connection.fetchrow(WATCH_SCHEDULES, OVERDUE)
        self.clock.measure(pulse["now"])
        overdue = dict(
            zip(
                pulse["ids"] or [],
                zip(pulse["revisions"] or [], pulse["fire_times"] or [], strict=True),
                strict=True,
            )
        )
        zone = self._settings().crontab_time_zone
        missing = [id_ for id_, (_, fire_time) in overdue.items() if fire_time is None]
        if self._dirty or missing or pulse["edits"] != self._edits or zone != self._zone:
            self._dirty = False
            try:
                await self._read(zone, missing)
            except BaseException:
                self._dirty = True
                raise
            self._edits = pulse["edits"]
        for id_, (revision, fire_time) in overdue.items():
            schedule = self.schedules.get(id_)
            if schedule is not None and schedule.revision == revision and fire_time is not None:
                schedule.next_fire_at = fire_time
        self._fire_soon(overdue)
        self._keep_awake()

    async def _read(self, zone: str, missing: Iterable[int]) -> None:
        """Read what was edited; all that the zone of the installation concerns where that changed, and all at first."""
        revisions = await list_revisions(self._connection)
        verify = zone != self._zone
        changed = {id_ for id_, revision in revisions.items() if not self._knows(id_, revision)} | set(missing)
        if verify:
            first = self._zone is None
            changed |= {s.id for s in self.schedules.values() if first or not s.has_own_zone}
        gone = self.schedules.keys() - revisions.keys()
        found: dict[int, Schedule] = {}
        if changed:
            found = await read_schedules(self._connection, sorted(changed), zone)
            settled = await settle(self._connection, found.values(), self.clock.now(), verify=verify)
            if settled:
                found |= await read_schedules(self._connection, settled, zone)
        self._zone = zone
        self._replace(found, gone | (changed - found.keys()))

    def _knows(self, id_: int, revision: int) -> bool:
        schedule = self.schedules.get(id_)
        return schedule is not None and schedule.revision == revision

    def _replace(self, found: dict[int, Schedule], gone: Iterable[int]) -> None:
        if not found and not gone:
            return
        for schedule in found.values():
            if schedule.problem is not None and not self._knows(schedule.id, schedule.revision):
                log.error("scheduled job %d does not fire: %s", schedule.id, schedule.problem)
        self._triggers.pause()
        try:
            for id_ in gone:
                self._disarm(id_)
            for id_, schedule in found.items():
                self.schedules[id_] = schedule
                self._arm(schedule)
        finally:
            self._triggers.resume()

    def _arm(self, schedule: Schedule) -> None:
        """Have APScheduler wake when this one is due; at once if it is."""
        if schedule.crontab is None or schedule.next_fire_at is None:
            self._triggers_forget(schedule.id)
            return
        self._triggers.add_job(
            self._reached,
            ScheduleTrigger(schedule, self.clock),
            args=(schedule.id,),
            id=str(schedule.id),
            replace_existing=True,
        )

    def _disarm(self, id_: int) -> None:
        self.schedules.pop(id_, None)
        self._triggers_forget(id_)

    def _triggers_forget(self, id_: int) -> None:
        if self._triggers.get_job(str(id_)) is not None:
            self._triggers.remove_job(str(id_))

    def _keep_awake(self) -> None:
        ahead = self.clock.ahead_of_wall()
        self._looks += 1
        former, self._ahead = self._ahead, ahead
        if former is not None and abs(ahead - former) > STEP:
            self._replace(dict(self.schedules), [])
        elif self._looks * self._watch.seconds >= WAKE_INTERVAL:
            self._triggers.wakeup()
        else:
            return
        self._looks = 0

    # Firing

    async def _reached(self, id_: int) -> None:
        self._fire_soon([id_])

    def _fire_soon(self, ids: Iterable[int]) -> None:
        self._due.update(ids)
        if self._due:
            self._firing.wake()

    async def drain(self) -> None:
        """Fire what is due, in batches."""
        due = [schedule for id_ in sorted(self._due) if (schedule := self.schedules.get(id_)) is not None]
        self._due.clear()
        if not due or self._settings().paused:
            return  # the rows stay as they are: the watch finds them when it is over
        now = self.clock.now()
        due = [schedule for schedule in due if schedule.due(now)]
        for start in range(0, len(due), BATCH):
            outcomes = await fire(self._connection, due[start : start + BATCH], now)
            won = sum(outcome.job_id is not None for outcome in outcomes)
            for outcome in outcomes:
                self._learn(outcome)
            self.fired += won
            if won and self._on_fired is not None:
                self._on_fired()

    def _learn(self, outcome: Outcome) -> None:
        schedule = outcome.schedule
        if self.schedules.get(schedule.id) is not schedule:
            return  # read anew meanwhile
        if outcome.revision != schedule.revision:
            self.changed()
            return
        if outcome.next_fire_at == schedule.next_fire_at:
            # Somebody else holds the row and is about to write this; if he fails, the watch sees it.
            schedule.next_fire_at = outcome.following
            return
        schedule.next_fire_at = outcome.next_fire_at
        if outcome.next_fire_at != outcome.following:
            self._arm(schedule)


class Watch(DatabaseLoop):
    """Looks at clock, edits and what is overdue every second, and when told that the table changed.

    Not one with the watch of settings (`queue.watch`): that has no use for a clock, and is to go on where this fails.
    """

    def __init__(self, scheduler: Scheduler, interval: float) -> None:
        super().__init__("scheduler watch", interval=interval)
        self.seconds = interval
        self._scheduler = scheduler

    async def once(self) -> None:
        """Look once."""
        await self._scheduler.look()


class Firing(DatabaseLoop):
    """Fires what has come due, when woken."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__("scheduler firing", interval=None)
        self._scheduler = scheduler

    async def once(self) -> None:
        """Drain once."""
        await self._scheduler.drain()


def quiet(name: str) -> None:
    """Have APScheduler log errors only, unless somebody asked for more: it would log every run."""
    if logging.getLogger(name).level == logging.NOTSET:
        logging.getLogger(name).setLevel(logging.ERROR)
