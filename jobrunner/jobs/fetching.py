"""What CheckEmailAccounts and CheckInboundEmails have in common."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Literal

from jobrunner.definitions import JobContext, Target
from jobrunner.errors import Conflict
from jobrunner.imports import imported
from jobrunner.jobs.row_id import row_id

DEADLINE = 900.0
"""Seconds; a run ends by its own budget before."""


async def due_accounts(ctx: JobContext, kind: Literal["Personal", "Group"]) -> AsyncIterator[Target]:
    """Yield the accounts of a kind that are to be read now.

    Raises:
        Conflict: a person asks for one that is not read.
    """
    if not ctx.job_id and ctx.target is not None:
        await _refuse_unread(ctx, kind, ctx.target.id)
    await imported("jobrunner.services.mailbox.accounts.state", "jobrunner.services.mailbox.fetching.waking")
    from jobrunner.services.mailbox.accounts.state import list_due
    from jobrunner.services.mailbox.fetching.waking import TARGETS

    async with ctx.connection() as connection:
        ids = await list_due(connection, kind, even_held=not ctx.job_id)
    if not ids:
        ctx.nothing_to_do()
    for id in ids:
        yield Target(TARGETS[kind], str(id))


async def fetch(ctx: JobContext, kind: Literal["Personal", "Group"]) -> dict[str, Any] | None:
    """Fetch from the account that the job is about."""
    await imported("jobrunner.jobs.importing", "jobrunner.services.mailbox.fetching")
    from jobrunner.jobs.importing import importing_of
    from jobrunner.services.mailbox.fetching import FetchRun, wake_fetch

    account_id = row_id(ctx, "needs an account: run it with --target-id and the number of one")
    if ctx.attempt > 1:
        await _refuse_held(ctx, kind, account_id)
    importer, portions = await importing_of(ctx)
    run = FetchRun(
        ctx.connection,
        ctx.configuration,
        kind,
        account_id,
        cancelled=lambda: ctx.cancelled,
        progress=ctx.progress,
        log=ctx.log,
        importer=importer,
        portions=portions,
    )
    report = await run.fetch()
    if report.found_nothing:
        ctx.nothing_to_do()
    elif report.has_more:
        async with ctx.connection() as connection:
            await wake_fetch(connection, kind, account_id)
    return report.as_dict()


async def _refuse_unread(ctx: JobContext, kind: Literal["Personal", "Group"], id: str | None) -> None:
    """Say why an account is not read, and how it is."""
    await imported(
        "jobrunner.services.mailbox.accounts.loading",
        "jobrunner.services.mailbox.accounts.state",
        "jobrunner.services.mailbox.accounts.table",
    )
    from jobrunner.services.mailbox.accounts.loading import COMMANDS
    from jobrunner.services.mailbox.accounts.state import read_states
    from jobrunner.services.mailbox.accounts.table import list_accounts

    async with ctx.connection() as connection:
        account = next((one for one in await list_accounts(connection, kind) if str(one.id) == id), None)
        if account is None:
            return
        state = (await read_states(connection, kind, [account.id])).get(account.id)
    command, name = f"jobrunner {COMMANDS[kind]}", f"the account {account.name!r}"
    if account.status != "Active":
        raise Conflict(f"{name} is not in use: `{command} edit {id} --status Active` puts it into use")
    if not account.use_imap:
        raise Conflict(f"{name} is not read: `{command} edit {id} --imap` has it read")
    if state is not None and state.paused_kind is not None:
        raise Conflict(f"{name} is paused: {state.pause_reason}; `{command} resume {id}` has it read again")


async def _refuse_held(ctx: JobContext, kind: Literal["Personal", "Group"], account_id: int) -> None:
    """Leave an account alone that the first attempt has found a fault with."""
    await imported("jobrunner.services.mailbox.accounts.state")
    from jobrunner.services.mailbox.accounts.state import read_states

    async with ctx.connection() as connection:
        state = (await read_states(connection, kind, [account_id])).get(account_id)
    if state is None:
        return
    if state.paused_kind is not None:
        raise Conflict(f"the account is paused: {state.pause_reason}")
    if state.retry_at is not None and state.retry_at > datetime.now(UTC):
        raise Conflict(f"the account waits until {state.retry_at.isoformat(' ', 'seconds')}: {state.last_trouble}")
