"""ProcessMassEmail: builds and sends mass e-mails (see `jobrunner.services.massmail.sending`)."""

from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported


def pause(attempt: int) -> float:
    """Return the seconds before a run that was lost or failed is continued: mails must not wait for the schedule."""
    return min(2.0 ** (attempt - 2), 300.0)


# A run ends by its own time slice; the deadline is above what one mail can take at worst by the limits of the dialogue.
@job("ProcessMassEmail", crontab="10,30,50 * * * *", often=True, deadline=3600, max_attempts=20, pause=pause)
async def process_mass_email(ctx: JobContext) -> dict[str, Any]:
    """Build and send mass e-mails. What is started, resumed or due wakes it; the schedule is the net."""
    await imported("jobrunner.services.massmail.sending.run")
    from jobrunner.services.massmail.sending.run import Run

    report = await Run(
        ctx.connection,
        ctx.configuration,
        job_id=ctx.job_id,
        cancelled=lambda: ctx.cancelled,
        log=ctx.log,
        progress=ctx.progress,
    ).send()
    if report.has_more:
        ctx.more()
    elif report.found_nothing:
        ctx.nothing_to_do()
    return report.as_dict()
