"""SendAutoReplies: sends the automatic answers of one group account (see `jobrunner.services.mailbox.replies`)."""

from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported
from jobrunner.jobs.row_id import row_id


# The deadline is above what one mail can take at worst by the limits of the SMTP dialogue.
@job("SendAutoReplies", max_attempts=20, deadline=3600)
async def send_auto_replies(ctx: JobContext) -> dict[str, Any]:
    """Send the automatic answers of a group account that are due. Each mail that is to be answered starts it."""
    await imported("jobrunner.services.mailbox.replies.run")
    from jobrunner.services.mailbox.replies.run import Run

    run = Run(
        ctx.connection,
        ctx.configuration,
        row_id(ctx, "needs a group account: run it with --target-id and the number of one"),
        job_id=ctx.job_id,
        cancelled=lambda: ctx.cancelled,
        log=ctx.log,
    )
    return (await run.send()).as_dict()
