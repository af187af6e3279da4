"""What a run brings about in turn: the children of a preparing job, and one more run where work is left."""

import json
from collections.abc import Sequence
from typing import Any

from jobrunner.db.connection import Connection
from jobrunner.definitions import Target

FAN_OUT = "SELECT jobrunner.fan_out($1, $2, $3, $4, $5)"
FIRE_AGAIN = "SELECT jobrunner.fire_again($1)"


async def fan_out(raw: Any, job_id: int, claim_id: int, targets: Sequence[Target]) -> bool:
    """Place a job for each target of a preparing job, in the transaction that finishes it, and before it does.

    `raw` is a connection of asyncpg. Returns False where the claim was lost: nothing was placed.
    """
    placed = await raw.fetchval(
        FAN_OUT,
        job_id,
        claim_id,
        [target.type for target in targets],
        [target.id for target in targets],
        [json.dumps(target.data or {}) for target in targets],
    )
    return placed is not None


async def fire_again(connection: Connection, job_ids: Sequence[int]) -> int:
    """Place another job at once for each of these, whose run said that more is left; return how many were added.

    Only where the definition takes `* * * * *` to mean as often as possible, the scheduled job is still what it was,
    and none waits already. For a job of a target, the other one is of the same target.
    """
    added: int = await connection.fetchval(FIRE_AGAIN, list(job_ids))
    return added
