"""SendEmailNotifications and SendAssignmentEmails: mail what users have not seen.

The work is that of `jobrunner.services.notifications`.
"""

from dataclasses import asdict
from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported


# The deadline is above what one mail can take at worst by the limits of the SMTP dialogue.
@job("SendEmailNotifications", crontab="*/2 * * * *", often=True, deadline=3600)
async def send_email_notifications(ctx: JobContext) -> dict[str, Any]:
    """Mail notifications that nobody has read. The end of each one's delay starts it; the schedule is the net."""
    return await _send(ctx, assignments_only=False)


@job("SendAssignmentEmails", queue="e0", deadline=3600)
async def send_assignment_emails(ctx: JobContext) -> dict[str, Any]:
    """Mail users what was just assigned to them. Each assignment starts it."""
    return await _send(ctx, assignments_only=True)


async def _send(ctx: JobContext, *, assignments_only: bool) -> dict[str, Any]:
    await imported("jobrunner.services.notifications.run")
    from jobrunner.services.notifications.run import Run

    run = Run(
        ctx.connection,
        ctx.configuration,
        job_id=ctx.job_id,
        assignments_only=assignments_only,
        cancelled=lambda: ctx.cancelled,
        progress=ctx.progress,
        log=ctx.log,
    )
    report = await run.send()
    if report.has_more:
        ctx.more()
    if report.found_nothing:
        ctx.nothing_to_do()
    return asdict(report)
