"""The catalogue of job definitions: what this process and the daemons know, when it is scheduled, how it last ran."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.definitions import Definition

LIST_DEFINITIONS = load(__package__, "list_definitions")
LIST_SCHEDULES_OF_JOBS = load(__package__, "list_schedules_of_jobs")
LIST_LAST_RUNS = load(__package__, "list_last_runs")

RUNS_LOOKED_AT = 5000
"""So many of the latest finished jobs show how definitions without a schedule last ran."""


@dataclass(frozen=True, slots=True)
class ScheduleOfJob:
    """A scheduled job of a definition."""

    name: str
    crontab: str
    time_zone: str | None
    status: str
    next_fire_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the latest finished job of a definition ended."""

    id: int
    status: str
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One definition."""

    name: str
    blocking: bool
    queue: str
    max_attempts: int
    deadline: float | None
    """Seconds."""
    often: bool
    fans_out: bool
    crontab: str | None
    """Of its default scheduled job."""
    is_here: bool
    """Whether this process has the code."""
    daemons: list[str] = field(default_factory=list)
    """Those alive that have it."""
    schedules: list[ScheduleOfJob] = field(default_factory=list)
    last_run: LastRun | None = None

    @property
    def kind(self) -> str:
        """How it runs."""
        return "blocking" if self.blocking else "coroutine"


async def list_definitions(connection: Queryable, known: Iterable[Definition]) -> list[Entry]:
    """Return every definition that this process knows or a daemon has published, by name.

    The last run is that of its scheduled jobs, or one among the latest `RUNS_LOOKED_AT` finished jobs.
    """
    entries = {
        definition.name: Entry(
            name=definition.name,
            blocking=definition.blocking,
            queue=definition.queue,
            max_attempts=definition.max_attempts,
            deadline=definition.deadline,
            often=definition.often,
            fans_out=definition.targets is not None,
            crontab=definition.crontab,
            is_here=True,
        )
        for definition in known
    }
    for row in await connection.fetch(LIST_DEFINITIONS):
        published = Entry(**dict(row), is_here=False)
        entry = entries.setdefault(published.name, published)
        entry.daemons[:] = published.daemons
    for row in await connection.fetch(LIST_SCHEDULES_OF_JOBS):
        fields = dict(row)
        job = fields.pop("job")
        if job in entries:
            entries[job].schedules.append(ScheduleOfJob(**fields))
    last = {
        row["name"]: LastRun(row["id"], row["status"], row["finished_at"])
        for row in await connection.fetch(LIST_LAST_RUNS, RUNS_LOOKED_AT)
    }
    return [replace(entries[name], last_run=last.get(name)) for name in sorted(entries)]
