"""SendEmailReminders: mails the reminders that are due (see `jobrunner.services.reminders`)."""

from dataclasses import asdict
from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported


# The deadline is above what one mail can take at worst by the limits of the SMTP dialogue.
@job("SendEmailReminders", crontab="*/2 * * * *", often=True, deadline=3600)
async def send_email_reminders(ctx: JobContext) -> dict[str, Any]:
    """Send e-mail reminders of meetings, calls and tasks. Each one's own time starts it; the schedule is the net."""
    await imported("jobrunner.services.reminders.run")
    from jobrunner.services.reminders.run import Run

    report = await Run(
        ctx.connection,
        ctx.configuration,
        job_id=ctx.job_id,
        cancelled=lambda: ctx.cancelled,
        log=ctx.log,
    ).send()
    if report.has_more:
        ctx.more()
    if report.found_nothing:
        ctx.nothing_to_do()
    return asdict(report)
