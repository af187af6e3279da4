"""SettleMailingReport: what bounces, complaints and unsubscriptions mean (`jobrunner.services.massmail.reports`)."""

from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported


# The import enqueues it; attempts and pauses reach over half a day, since nobody else comes back to the report.
@job("SettleMailingReport", max_attempts=20, deadline=120)
async def settle_mailing_report(ctx: JobContext, report_id: int) -> dict[str, Any]:
    """Write a report about a mail of a mailing to its item, log and address; once, however often it is tried."""
    await imported("jobrunner.services.massmail.reports.settling", "jobrunner.services.massmail.sending.owner")
    from jobrunner.services.massmail.reports.settling import settle_report
    from jobrunner.services.massmail.sending.owner import tell_owner

    async with ctx.connection() as connection, connection.transaction():
        settled = await settle_report(connection, report_id)
    if settled is not None and (paused := settled.paused) is not None:
        await tell_owner(ctx.log, name=paused.name, owner=paused.owner, reason=f"paused: {paused.reason}")
    return {"done": False} if settled is None else settled.as_dict()
