"""Lists of jobs, newest first: page by page, at a cost that does not grow with the tables."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.definitions import plain_name
from jobrunner.errors import InvalidInput, NotFound, nearest
from jobrunner.queue.record import seconds_between

LIST_JOBS = load(__package__, "list_jobs")
LIST_RUNNING = load(__package__, "list_running")
LIST_NAMES = load(__package__, "list_names")
FIND_SCHEDULED_JOB = load(__package__, "find_scheduled_job")

STATUSES = ("Pending", "Running", "Success", "Failed", "Cancelled")
KEPT_TOGETHER = (frozenset({"Pending", "Running"}), frozenset({"Success", "Cancelled"}), frozenset({"Failed"}))
"""Statuses whose jobs stand in one table."""
MAX_LIMIT = 1000
"""The most jobs that one page holds."""
FIRST_WINDOW = 1000
LAST_WINDOW = 20_000
"""The most rows that one statement reads; measured, 20 ms."""
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What jobs to list; what is None or empty leaves nothing out."""

    statuses: Collection[str] = ()
    name: str | None = None
    queue: str | None = None
    group: str | None = None
    target_type: str | None = None
    target_id: str | None = None
    scheduled_job_id: int | None = None
    since: datetime | None = None
    """Leaves out what finished before, and of what has not finished, what was started or else created before."""

    @property
    def leaves_rows_out(self) -> bool:
        """Whether more rows may be read than are shown."""
        partly = any(0 < len(kept.intersection(self.statuses)) < len(kept) for kept in KEPT_TOGETHER)
        return partly or replace(self, statuses=()) != JobFilter()


@dataclass(frozen=True, slots=True)
class JobSummary:
    """A job as a line of a list."""

    id: int
    name: str
    status: str
    queue: str
    group_name: str | None
    priority: int
    attempt: int
    max_attempts: int
    created_at: datetime
    execute_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    target_type: str | None
    target_id: str | None
    scheduled_job_id: int | None
    progress: float | None
    error: str | None
    """Its first thousand letters."""

    @property
    def target(self) -> str | None:
        """Type and id of the record it is about, as one word."""
        return target_words(self.target_type, self.target_id)

    @property
    def duration(self) -> float | None:
        """Seconds that its last attempt took; None where it did not run or has not ended."""
        return seconds_between(self.started_at, self.finished_at)


def target_words(target_type: str | None, target_id: str | None) -> str | None:
    """Return `TYPE:ID`, or whichever there is."""
    return ":".join(part for part in (target_type, target_id) if part is not None) or None


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, and where the next page begins."""

    jobs: list[JobSummary]
    next_before: int | None
    """The next page has the jobs with smaller ids; None where nothing is left."""


async def list_jobs(
    connection: Queryable,
    wanted: JobFilter | None = None,
    *,
    limit: int = 50,
    before: int | None = None,
    seconds: float = 5.0,
) -> Page:
    """Return up to `limit` jobs, newest first, those with an id below `before`.

    Each statement reads a bounded number of rows. Where few jobs match, more statements follow until `seconds` have
    passed: the page may then hold fewer jobs than `limit`, and `next_before` says where to go on.

    Raises:
        InvalidInput: a status that there is not, or a limit out of range.
    """
    wanted = wanted or JobFilter()
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be from 1 to {MAX_LIMIT}, got {limit}")
    for status in wanted.statuses:
        if status not in STATUSES:
            raise InvalidInput(f"no job has the status {status!r}{nearest(status, STATUSES)}")
    start = MAX_ID if before is None else before
    if set(wanted.statuses) == {"Running"}:
        return await _list_running(connection, wanted, limit, start)
    deadline = time.monotonic() + seconds
    jobs: list[JobSummary] = []
    window = limit if not wanted.leaves_rows_out else max(FIRST_WINDOW, limit)
    while True:
        page = await _look_through(connection, wanted, limit - len(jobs), start, window)
        jobs += page.jobs
        if page.next_before is None or len(jobs) == limit or time.monotonic() > deadline:
            return Page(jobs, page.next_before)
        start = page.next_before
        window = min(window * 4, LAST_WINDOW)


async def _look_through(connection: Queryable, wanted: JobFilter, limit: int, before: int, window: int) -> Page:
    """Return those of the `window` newest jobs below an id that match."""
    rows = await connection.fetch(
        LIST_JOBS,
        list(wanted.statuses or STATUSES),
        before,
        window,
        wanted.since,
        wanted.name,
        wanted.queue,
        wanted.group,
        wanted.target_type,
        wanted.target_id,
        wanted.scheduled_job_id,
        limit,
    )
    matches = [_summary(row) for row in rows if row["matches"]]
    is_full = len(matches) == limit or (rows and rows[-1]["place"] == window)
    return Page(matches, rows[-1]["id"] if is_full else None)


async def _list_running(connection: Queryable, wanted: JobFilter, limit: int, before: int) -> Page:
    rows = await connection.fetch(
        LIST_RUNNING,
        before,
        wanted.since,
        wanted.name,
        wanted.queue,
        wanted.group,
        wanted.target_type,
        wanted.target_id,
        wanted.scheduled_job_id,
        limit,
    )
    jobs = [_summary(row) for row in rows]
    return Page(jobs, jobs[-1].id if len(jobs) == limit else None)


def _summary(row: Any) -> JobSummary:
    return JobSummary(**{name: row[name] for name in JobSummary.__dataclass_fields__})


async def list_names(connection: Queryable) -> list[str]:
    """Return the names of jobs that daemons have published or schedules have."""
    return [row["name"] for row in await connection.fetch(LIST_NAMES)]


async def find_name(connection: Queryable, name: str) -> str:
    """Return the job's name that a person means: as it is published if it is known in CamelCase or kebab-case.

    A name that nobody knows comes back as it is: jobs of that name may wait for a daemon that knows them.
    """
    known = await list_names(connection)
    if name in known:
        return name
    wanted = plain_name(name)
    return next((candidate for candidate in known if plain_name(candidate) == wanted), name)


async def find_scheduled_job_id(connection: Queryable, name: str) -> int:
    """Return the id of a scheduled job given by name or id.

    Raises:
        NotFound: there is none of that name; a number counts as the id of one that was removed since.
    """
    for row in await connection.fetch(FIND_SCHEDULED_JOB, name):
        found: int = row["id"]
        return found
    if name.isdecimal() and name.isascii() and len(name) < 19:
        return int(name)
    raise NotFound(f"no scheduled job is named {name!r}: `jobrunner scheduled-jobs list` shows all")
