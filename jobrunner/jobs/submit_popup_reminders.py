"""SubmitPopupReminders: shows the popups that are due (see `jobrunner.services.popups`)."""

from dataclasses import asdict
from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported


@job("SubmitPopupReminders", crontab="* * * * *", often=True, deadline=600)
async def submit_popup_reminders(ctx: JobContext) -> dict[str, Any]:
    """Show popup reminders of meetings, calls and tasks. Each one's own time starts it; the schedule is the net."""
    await imported("jobrunner.services.popups.run")
    from jobrunner.services.popups.run import Report, Run

    report = await Run(ctx.connection, cancelled=lambda: ctx.cancelled, log=ctx.log).submit()
    if report == Report():
        ctx.nothing_to_do()
    return asdict(report)
