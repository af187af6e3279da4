"""StoreSentEmails: stores what was sent in the Sent folders of its accounts (see `jobrunner.services.mailbox.sent`)."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from jobrunner.definitions import JobContext, Target, job
from jobrunner.errors import InvalidInput
from jobrunner.imports import imported
from jobrunner.jobs.row_id import row_id

NEEDS = "needs an account: --target-type EmailAccount or InboundEmail, and --target-id"


async def accounts(ctx: JobContext) -> AsyncIterator[Target]:
    """Yield each account for whose Sent folder something is due."""
    await imported("jobrunner.services.mailbox.fetching.waking", "jobrunner.services.mailbox.sent.run")
    from jobrunner.services.mailbox.fetching.waking import TARGETS
    from jobrunner.services.mailbox.sent.run import list_accounts

    async with ctx.connection() as connection:
        found = await list_accounts(connection)
    if not found:
        ctx.nothing_to_do()
    for kind, id in found:
        yield Target(TARGETS[kind], str(id))


# Each mail that is to be stored starts it; the schedule is for what was put off.
@job("StoreSentEmails", crontab="*/5 * * * *", queue="e0", max_attempts=3, pause=0.5, deadline=900, targets=accounts)
async def store_sent_emails(ctx: JobContext) -> dict[str, Any] | None:
    """Store mails that were sent by an account in its Sent folder. Each one starts it; it is tried again for a week."""
    await imported(
        "jobrunner.services.mailbox.fetching.waking",
        "jobrunner.services.mailbox.sent",
        "jobrunner.services.mailbox.sent.run",
    )
    from jobrunner.services.mailbox.fetching.waking import TARGETS
    from jobrunner.services.mailbox.sent import StoreRun
    from jobrunner.services.mailbox.sent.run import wake

    account_id = row_id(ctx, NEEDS)
    kind = next((kind for kind, name in TARGETS.items() if ctx.target and name == ctx.target.type), None)
    if kind is None:
        raise InvalidInput(f"{ctx.name} {NEEDS}")
    run = StoreRun(ctx.connection, ctx.configuration, kind, account_id, cancelled=lambda: ctx.cancelled, log=ctx.log)
    report = await run.store()
    if report.found_nothing:
        ctx.nothing_to_do()
        return None
    if report.has_more:
        async with ctx.connection() as connection:
            await wake(connection, kind, account_id)
    return asdict(report)
