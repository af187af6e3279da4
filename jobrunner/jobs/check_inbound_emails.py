"""CheckInboundEmails: fetches the mail of group accounts (see `jobrunner.services.mailbox`)."""

from collections.abc import AsyncIterator
from typing import Any

from jobrunner.definitions import JobContext, Target, job
from jobrunner.jobs.fetching import DEADLINE, due_accounts, fetch


def accounts(ctx: JobContext) -> AsyncIterator[Target]:
    """Yield each group account that is to be read now; for a person who asks, also those that wait."""
    return due_accounts(ctx, "Group")


# The second attempt is for a daemon that died: an account that fails waits by itself.
@job(
    "CheckInboundEmails",
    crontab="* * * * *",
    often=True,
    queue="e0",
    max_attempts=2,
    pause=0.5,
    deadline=DEADLINE,
    targets=accounts,
)
async def check_inbound_emails(ctx: JobContext) -> dict[str, Any] | None:
    """Fetch the mail of a group account. New mail of a watched account starts it; the schedule is the net."""
    return await fetch(ctx, "Group")
