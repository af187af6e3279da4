"""What a person does to jobs: cancel one, run failed ones again."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import asyncpg

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, JobrunnerError
from jobrunner.queue.listing import MAX_LIMIT, JobFilter, list_jobs
from jobrunner.queue.record import FINISHED, JobState, find_state, fits
from jobrunner.queue.wording import moment, printable

CANCEL_JOB = load(__package__, "cancel_job")
RETRY_JOBS = load(__package__, "retry_jobs")
FIND_KEY_HOLDER = load(__package__, "find_key_holder")

RACES = 5
"""How often a retry is repeated when its unique key was taken while it ran."""


async def cancel_job(connection: Queryable, job_id: int, *, by: str | None = None) -> Literal["Cancelled", "Requested"]:
    """Cancel a job: a Pending one is Cancelled at once, the daemon of a Running one is asked to stop it.

    `by` says who; it is kept as the reason of a Pending job, else the database user is named.

    Raises:
        NotFound: there is no such job.
        Conflict: it is finished.
    """
    state = await find_state(connection, job_id)
    if state.status not in FINISHED:
        reason = f"cancelled by {printable(by)}" if by else None
        outcome = (await connection.fetch(CANCEL_JOB, job_id, reason))[0]["outcome"]
        if outcome in ("Cancelled", "Requested"):
            return "Cancelled" if outcome == "Cancelled" else "Requested"
        state = await find_state(connection, job_id)  # it ended in between
    raise Conflict(f"job {job_id} cannot be cancelled: {ended(state)}")


@dataclass(frozen=True, slots=True)
class Retried:
    """What a retry did: which jobs are Pending again, and for each other one why not."""

    ids: list[int] = field(default_factory=list)
    refused: dict[int, JobrunnerError] = field(default_factory=dict)


async def retry_jobs(connection: Queryable, job_ids: Sequence[int]) -> Retried:
    """Make failed and cancelled jobs Pending: same id, out of the history again, as many attempts as at first.

    A Success never runs again. What cannot be retried is named in `refused`, with NotFound or Conflict.
    """
    wanted = list(dict.fromkeys(job_ids))
    retried = await _retry(connection, [job_id for job_id in wanted if fits(job_id)])
    done = set(retried)
    refused = {job_id: await _refusal(connection, job_id) for job_id in wanted if job_id not in done}
    return Retried([job_id for job_id in wanted if job_id in done], refused)


async def retry_failed(connection: Queryable, wanted: JobFilter) -> AsyncIterator[tuple[int, int]]:
    """Retry every failed job that the filter lets through, newest first, a thousand at a time.

    Yields for each portion how many are Pending again, and how many stay Failed since their unique key is taken.

    Raises:
        InvalidInput: the filter asks for another status.
    """
    if set(wanted.statuses) - {"Failed"}:
        raise InvalidInput("only failed jobs are retried by a filter; name the ids of others")
    before = None
    while True:
        page = await list_jobs(connection, replace(wanted, statuses=["Failed"]), limit=MAX_LIMIT, before=before)
        if page.jobs:
            retried = await _retry(connection, [job.id for job in page.jobs])
            yield len(retried), len(page.jobs) - len(retried)
        if page.next_before is None:
            return
        before = page.next_before


async def _retry(connection: Queryable, job_ids: list[int]) -> list[int]:
    for attempt in range(RACES):
        try:
            return [row["id"] for row in await connection.fetch(RETRY_JOBS, job_ids)]
        except asyncpg.UniqueViolationError:
            # Somebody enqueued with the key between the look and the insert: the next look sees that job.
            if attempt == RACES - 1:
                raise
    raise AssertionError("unreachable")


async def _refusal(connection: Queryable, job_id: int) -> JobrunnerError:
    try:
        state = await find_state(connection, job_id)
    except JobrunnerError as error:
        return error
    match state.status:
        case "Pending" | "Running":
            return Conflict(f"job {job_id} cannot be retried: it is {state.status}")
        case "Success":
            return Conflict(
                f"job {job_id} cannot be retried: it succeeded, and a Success never runs again; enqueue a new job"
            )
    holder = await connection.fetch(FIND_KEY_HOLDER, job_id)
    if holder:
        return Conflict(
            f"job {job_id} cannot be retried: job {holder[0]['id']} has its unique key {holder[0]['unique_key']!r}"
        )
    return Conflict(f"job {job_id} cannot be retried: another job that was named with it has its unique key")


def ended(state: JobState) -> str:
    """Say how a job ended and when."""
    since = f" since {moment(state.finished_at)}" if state.finished_at else ""
    return f"it is {state.status}{since}"
