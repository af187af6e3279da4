"""One job with all that is known about it: its fields, its attempts, how much it logged."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import NotFound

FIND_JOB = load(__package__, "find_job")
FIND_STATUS = load(__package__, "find_status")
LIST_ATTEMPTS = load(__package__, "list_attempts")
COUNT_LOG_LINES = load(__package__, "count_log_lines")

MAX_ATTEMPTS_SHOWN = 1000
MAX_LINES_COUNTED = 100_000
FINISHED = ("Success", "Failed", "Cancelled")


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds from one to the other, None where one of them has not come."""
    return None if start is None or end is None else (end - start).total_seconds()


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One run of a job: one that ended for good, one that is to be repeated, or the one that goes on."""

    attempt: int
    outcome: str
    """Success, Failed or Cancelled of the last one; Running; else Error, Timeout, Died, Lost or Stopped."""
    started_at: datetime
    ended_at: datetime | None
    daemon: str | None
    error: str | None

    @property
    def duration(self) -> float | None:
        """Seconds it took; None while it goes on."""
        return seconds_between(self.started_at, self.ended_at)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with all its fields; `error` is the one of its last attempt that had one."""

    id: int
    name: str
    status: str
    queue: str
    group_name: str | None
    hold: str | None
    """Why a Pending job is not ready: Time, Retry or Group; None where it is."""
    priority: int
    attempt: int
    max_attempts: int
    lost_leases: int | None
    blocking: bool
    preparing: bool
    """Whether it yields the targets for others rather than does the work."""
    cancel_requested: bool
    created_at: datetime
    execute_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    target_type: str | None
    target_id: str | None
    unique_key: str | None
    scheduled_job_id: int | None
    scheduled_job: str | None
    """Its name, while it exists."""
    firing: datetime | None
    """The firing it stands for, the latest of those folded into it."""
    first_firing: datetime | None
    firings: int | None
    progress: float | None
    progress_message: str | None
    daemon: str | None
    """Where it runs or ended."""
    daemon_id: int | None
    """Which life of that daemon, while it runs."""
    lease_until: datetime | None
    error: str | None
    data: Any
    """As given; integers of any size exactly."""
    result: Any

    @property
    def duration(self) -> float | None:
        """Seconds that its last attempt took; None where it did not run or has not ended."""
        return seconds_between(self.started_at, self.finished_at)


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a job is, without all the rest."""

    status: str
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


async def find_job(connection: Queryable, job_id: int) -> JobRecord:
    """Return a job with all its fields.

    Raises:
        NotFound: there is no job of that id, or it is not kept any more.
    """
    rows = await connection.fetch(FIND_JOB, job_id) if fits(job_id) else []
    if not rows:
        raise no_job(job_id)
    fields = dict(rows[0])
    return JobRecord(**{**fields, "data": decode(fields["data"]), "result": decode(fields["result"])})


async def find_state(connection: Queryable, job_id: int) -> JobState:
    """Return how far a job is.

    Raises:
        NotFound: there is no job of that id, or it is not kept any more.
    """
    rows = await connection.fetch(FIND_STATUS, job_id) if fits(job_id) else []
    if not rows:
        raise no_job(job_id)
    return JobState(**dict(rows[0]))


async def list_attempts(connection: Queryable, job: JobRecord) -> list[AttemptRecord]:
    """Return the attempts of a job, oldest first, the last or present one included.

    After a retry the numbers begin at 1 again.
    """
    attempts = [AttemptRecord(**dict(row)) for row in await connection.fetch(LIST_ATTEMPTS, job.id, MAX_ATTEMPTS_SHOWN)]
    if job.started_at is not None:
        error = job.error if job.status in FINISHED else None
        last = AttemptRecord(job.attempt, job.status, job.started_at, job.finished_at, job.daemon, error)
        attempts.append(last)
    return attempts


async def count_log_lines(connection: Queryable, job_id: int) -> int:
    """Return how many lines a job has logged, counted up to `MAX_LINES_COUNTED`."""
    rows = await connection.fetch(COUNT_LOG_LINES, job_id, MAX_LINES_COUNTED)
    count: int = rows[0][0]
    return count


def fits(job_id: int) -> bool:
    """Whether a number can be an id at all."""
    return 0 < job_id < 2**63


def no_job(job_id: int) -> NotFound:
    """Return the sentence for an id that no job has."""
    return NotFound(f"there is no job {job_id}: it never was, or its time in the history is over")


def decode(text: str | None) -> Any:
    """Return what JSON text holds; a number that Python cannot take stays text."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:  # more than 4300 digits, written by hand in SQL
        return text
