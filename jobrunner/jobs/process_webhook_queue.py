"""ProcessWebhookQueue: tells endpoints of events (see `jobrunner.services.webhooks`)."""

from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported


def pause(attempt: int) -> float:
    """Return the seconds before a run that was lost or failed is continued: events must not wait for the schedule."""
    return min(2.0 ** (attempt - 2), 60.0)


# A run ends by its own time slice; the deadline is above what the last requests and a database that is away can take.
@job("ProcessWebhookQueue", crontab="*/2 * * * *", often=True, deadline=1800, max_attempts=20, pause=pause)
async def process_webhook_queue(ctx: JobContext) -> dict[str, Any]:
    """Tell endpoints of events. Each transaction that emits one wakes it; the schedule is the net."""
    await imported("jobrunner.services.webhooks.sending.run")
    from jobrunner.services.webhooks.sending.run import Run

    report = await Run(
        ctx.connection,
        ctx.configuration,
        job_id=ctx.job_id,
        cancelled=lambda: ctx.cancelled,
        log=ctx.log,
    ).send()
    if report.has_more:
        ctx.more()
    elif report.found_nothing:
        ctx.nothing_to_do()
    return report.as_dict()
