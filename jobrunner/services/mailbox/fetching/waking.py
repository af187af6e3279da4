"""Having an account fetched from now: by the same jobs that the schedule makes, in the same group."""

from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mail.importing.storing.outcome import Kind

LOCK_GROUPS = load(__package__, "lock_groups")
PLACE_FETCH = load(__package__, "place_fetch")

JOBS: dict[Kind, str] = {"Personal": "CheckEmailAccounts", "Group": "CheckInboundEmails"}
TARGETS: dict[Kind, str] = {"Personal": "EmailAccount", "Group": "InboundEmail"}
"""What the targets of these jobs are called; the id is that of the account's row."""


async def wake_fetch(connection: Any, kind: Kind, id: int) -> bool:
    """Place a job that fetches from an account at once; return whether none waited already.

    It runs after one that runs already, so nothing that came before this call is missed. `connection` is one of
    asyncpg; the job is placed in its transaction if there is one.
    """
    async with connection.transaction():
        await connection.fetch(LOCK_GROUPS)  # a statement of its own, see jobrunner.place_jobs()
        rows = await connection.fetch(PLACE_FETCH, JOBS[kind], TARGETS[kind], str(id))
    return bool(rows and rows[0]["added"])
