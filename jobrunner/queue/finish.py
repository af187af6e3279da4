"""Storing how attempts ended: finished jobs move to the history, others return to Pending, each fenced by its claim."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jobrunner.db.connection import Connection
from jobrunner.db.sql import load

FINISH_JOBS = load(__package__, "finish_jobs")
DISCARD_JOBS = load(__package__, "discard_jobs")
REQUEUE_JOBS = load(__package__, "requeue_jobs")
END_CLAIMS = load(__package__, "end_claims")
FIND_FINISHED = load(__package__, "find_finished")
ADVANCE_GROUPS = "SELECT jobrunner.advance_groups($1)"


@dataclass(slots=True)
class Finishes:
    """Jobs that ended for good, column by column as the statement takes them."""

    ids: list[int] = field(default_factory=list)
    claims: list[int] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)
    results: list[str | None] = field(default_factory=list)

    def add(self, job_id: int, claim_id: int, status: str, error: str | None, result: str | None) -> None:
        """Add one: `status` is Success, Failed or Cancelled, `result` is JSON text."""
        self.ids.append(job_id)
        self.claims.append(claim_id)
        self.statuses.append(status)
        self.errors.append(error)
        self.results.append(result)


@dataclass(slots=True)
class Requeues:
    """Attempts that ended while their job goes on, column by column."""

    ids: list[int] = field(default_factory=list)
    claims: list[int] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def add(self, job_id: int, claim_id: int, outcome: str, error: str | None, pause: float) -> None:
        """Add one: `pause` is in seconds before the next attempt; 0 makes it ready at once."""
        self.ids.append(job_id)
        self.claims.append(claim_id)
        self.outcomes.append(outcome)
        self.errors.append(error)
        self.pauses.append(pause)


async def finish_jobs(connection: Connection, finishes: Finishes, ended_claims: Sequence[int], daemon: str) -> set[int]:
    """Store finishes, which come in the order of their ids.

    Return the ids that were stored. Missing ones lost their claim: another daemon has the job.
    """
    rows = await connection.fetch(
        FINISH_JOBS,
        finishes.ids,
        finishes.claims,
        finishes.statuses,
        finishes.errors,
        finishes.results,
        daemon,
        ended_claims,
    )
    return {row[0] for row in rows}


async def finish_one(raw: Any, job_id: int, claim_id: int, daemon: str) -> bool:
    """Store one Success in the caller's transaction on `raw`, a connection of asyncpg; False if the claim was lost."""
    return bool(await raw.fetch(FINISH_JOBS, [job_id], [claim_id], ["Success"], [None], [None], daemon, []))


async def discard_jobs(connection: Connection, ids: Sequence[int], claims: Sequence[int]) -> set[int]:
    """Remove jobs whose run found nothing to do; return the ids of which no row is left. Others are to be finished."""
    rows = await connection.fetch(DISCARD_JOBS, ids, claims)
    return {row[0] for row in rows}


async def requeue_jobs(
    connection: Connection, requeues: Requeues, ended_claims: Sequence[int], daemon: str
) -> set[int]:
    """Return jobs to Pending; return the ids for which the claim still held."""
    rows = await connection.fetch(
        REQUEUE_JOBS,
        requeues.ids,
        requeues.claims,
        requeues.outcomes,
        requeues.errors,
        requeues.pauses,
        daemon,
        ended_claims,
    )
    return {row[0] for row in rows}


async def find_finished(connection: Connection, ids: Sequence[int], claims: Sequence[int]) -> set[int]:
    """Return which finishes are stored already; asked when the answer to a finish was lost on the way."""
    rows: list[Any] = await connection.fetch(FIND_FINISHED, ids, claims)
    return {row[0] for row in rows}


async def end_claims(connection: Connection, claims: Sequence[int]) -> None:
    """Remove claims whose jobs have all ended otherwise."""
    await connection.fetch(END_CLAIMS, claims)


async def advance_groups(connection: Connection, groups: Sequence[str]) -> None:
    """Let the next job of each group go on."""
    await connection.fetch(ADVANCE_GROUPS, groups)
