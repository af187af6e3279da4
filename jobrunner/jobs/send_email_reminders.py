"""SendEmailReminders: mails the reminders that are due (see `jobrunner.services.reminders`)."""

from dataclasses import asdict
from typing import Any

from jobrunner.definitions import JobContext, job


# The deadline is above what one mail can take at worst by the limits of the SMTP dialogue.
@job("SendEmailReminders", crontab="*/2 * * * *", often=True, deadline=3600)
async def send_email_reminders(ctx: JobContext) -> dict[str, Any]:
    """Send e-mail reminders of meetings, calls and tasks. Each one's own time starts it; the schedule is the net."""
    from jobrunner.services.mail.smtp import Account
    from jobrunner.services.reminders.compose import Letterhead
    from jobrunner.services.reminders.run import Run

    configuration = ctx.configuration
    run = Run(
        ctx.connection,
        Account.from_configuration(configuration.smtp),
        Letterhead.from_configuration(configuration),
        job_id=ctx.job_id,
        cancelled=lambda: ctx.cancelled,
        log=ctx.log,
    )
    report = await run.send()
    if report.left:
        ctx.more()
    return asdict(report)
