"""FollowUpMail: what follows from one mail of a group account (see `jobrunner.services.mailbox.follow_ups`)."""

from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported


# The import enqueues it; attempts and pauses reach over half a day, since nobody else comes back to the mail.
@job("FollowUpMail", max_attempts=20, deadline=120)
async def follow_up_mail(ctx: JobContext, email_id: int, inbound_email_id: int) -> dict[str, Any]:
    """Open or find the case of a mail, and decide on an automatic answer; once, however often it is tried."""
    await imported("jobrunner.services.mailbox.follow_ups.step")
    from jobrunner.services.mailbox.follow_ups.step import follow_up

    async with ctx.connection() as connection, connection.transaction():
        followed = await follow_up(connection, email_id, inbound_email_id)
    return {"done": False} if followed is None else followed.as_dict()
