"""Claiming: a daemon takes a batch of ready jobs under one token."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from jobrunner.db.connection import Connection
from jobrunner.db.sql import load

CLAIM_JOBS = load(__package__, "claim_jobs")
LOOK = load(__package__, "look")

Place = tuple[int, datetime, int]
"""Priority, execute_at and id: a place in the order in which a queue's jobs are claimed."""
BEGINNING: Place = (-(2**31), datetime.min.replace(tzinfo=UTC), 0)

RELEASE_PORTION = 1000
"""The most jobs that one look lets go because their time has come."""


def new_token() -> int:
    """Draw the id of a claim or of a daemon's life: never from a sequence, which a server crash can set back."""
    return random.SystemRandom().getrandbits(63)


async def claim_jobs(
    connection: Connection,
    *,
    claim_id: int,
    daemon_id: int,
    lease: float,
    queue: str,
    blocking: bool,
    limit: int,
    names: Sequence[str],
    begin: Place = BEGINNING,
) -> list[Any]:
    """Take up to `limit` ready jobs of a queue, in claim order from `begin` on; `lease` in seconds.

    If the answer is lost, the claim may stand without anybody running it: its lease then brings the jobs back.
    """
    return await connection.fetch(CLAIM_JOBS, claim_id, daemon_id, lease, queue, blocking, limit, names, *begin)


async def look(connection: Connection) -> list[Any]:
    """Release what is due, and name the queues that have jobs ready (see the SQL function `jobrunner.look`)."""
    return await connection.fetch(LOOK, RELEASE_PORTION)
