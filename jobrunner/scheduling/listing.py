"""Scheduled jobs as lists and records show them, with the log of their runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobrunner.crontab import Crontab, explain, zone
from jobrunner.db.clock import database_time
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput, NotFound
from jobrunner.queue.listing import target_words
from jobrunner.queue.record import decode, seconds_between
from jobrunner.scheduling.entry import nearest_name
from jobrunner.scheduling.schedule import NEVER

LIST_SCHEDULED_JOBS = load(__package__, "list_scheduled_jobs")
LIST_RUNS = load(__package__, "list_runs")

MAX_RUNS = 1000
NEXT_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A scheduled job with how it goes."""

    id: int
    name: str
    job: str
    crontab: str
    time_zone: str | None
    """None for the installation's."""
    status: str
    """Active or Inactive."""
    next_fire_at: datetime | None
    """None where it is Inactive, cannot be read (`problem`), or never comes again."""
    last_fire_at: datetime | None
    problem: str | None
    """Why it does not fire although it is Active: an edit by SQL that no daemon can read."""
    data: Mapping[str, Any]
    is_default: bool
    """Whether it was made by the installation."""
    revision: int
    created_at: datetime
    modified_at: datetime
    running: int
    """Jobs of it that run, those of its targets included."""
    waiting: int
    """Jobs of it that wait, those of its targets included."""
    last_job_id: int | None
    """The job of the last run that ended for good."""
    last_outcome: str | None
    last_ended_at: datetime | None
    last_duration: float | None
    """Seconds."""
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt of one job of a scheduled job."""

    job_id: int
    outcome: str
    """Success, Failed or Cancelled for a job's end; Running; else Error, Timeout, Died, Lost or Stopped."""
    attempt: int
    started_at: datetime | None
    """None for a job that was cancelled before it ran."""
    ended_at: datetime | None
    daemon: str | None
    preparing: bool | None
    """Whether it yielded the targets; None where that is not known any more."""
    target_type: str | None
    target_id: str | None
    first_firing: datetime | None
    firing: datetime | None
    """The firing it stood for, the last of those that were folded into it; None for one that was run by hand."""
    firings: int | None
    """How many firings it stood for."""
    error: str | None

    @property
    def duration(self) -> float | None:
        """Seconds it took; None while it goes on."""
        return seconds_between(self.started_at, self.ended_at)

    @property
    def target(self) -> str | None:
        """Type and id of the record it was about, as one word."""
        return target_words(self.target_type, self.target_id)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a scheduled job's expression means from now on."""

    words: str
    time_zone: str
    next: tuple[datetime, ...]
    """The next fire times, in that zone; empty where it is Inactive."""
    warnings: tuple[str, ...]


async def list_scheduled_jobs(connection: Queryable) -> list[ScheduledJob]:
    """Return all scheduled jobs, by name."""
    return [_scheduled_job(row) for row in await connection.fetch(LIST_SCHEDULED_JOBS, None, None)]


async def find_scheduled_job(connection: Queryable, reference: str | int) -> ScheduledJob:
    """Return the scheduled job of a name or an id.

    Raises:
        NotFound: with the nearest names.
    """
    text = str(reference)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
    for row in await connection.fetch(LIST_SCHEDULED_JOBS, text, number):
        return _scheduled_job(row)
    if number is not None:
        raise NotFound(f"there is no scheduled job {number}: `jobrunner scheduled-jobs list` shows all")
    names = [row["name"] for row in await connection.fetch(LIST_SCHEDULED_JOBS, None, None)]
    raise NotFound(f"no scheduled job is named {text[:255]!r}{nearest_name(text[:255], names)}")


async def list_runs(connection: Queryable, scheduled_job_id: int, *, limit: int = 20) -> list[Run]:
    """Return the latest runs of a scheduled job: those under way first, then newest first.

    Raises:
        InvalidInput: the limit is out of range.
    """
    if not 1 <= limit <= MAX_RUNS:
        raise InvalidInput(f"limit must be from 1 to {MAX_RUNS}, got {limit}")
    return [Run(**dict(row)) for row in await connection.fetch(LIST_RUNS, scheduled_job_id, limit)]


async def look_ahead(connection: Queryable, scheduled_job: ScheduledJob, default_zone: str) -> Outlook | None:
    """Say in words when a scheduled job fires, and when next; None where its expression or zone cannot be read."""
    name = scheduled_job.time_zone or default_zone
    try:
        cron, place = Crontab.parse(scheduled_job.crontab), zone(name)
        meaning = explain(cron, place, await database_time(connection), NEXT_SHOWN)
    except InvalidInput:
        return None
    coming = tuple(meaning.next) if scheduled_job.status == "Active" else ()
    return Outlook(meaning.words, name, coming, tuple(meaning.warnings))


def _scheduled_job(row: Any) -> ScheduledJob:
    fields = dict(row)
    fields["data"] = decode(fields["data"])
    if fields["next_fire_at"] == NEVER:
        fields["next_fire_at"] = None
        fields["problem"] = fields["problem"] or "never comes again in its time zone"
    return ScheduledJob(**fields)
