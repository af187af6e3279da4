"""The commands that accounts of users and those of groups have in common; only `add` and `edit` differ."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import typer

from jobrunner.cli import mailbox_options as options
from jobrunner.cli.grid import Column
from jobrunner.cli.mailbox_accounts import MailboxTools, parse_day, with_accounts
from jobrunner.cli.mailbox_recipients import lost_mail, warn_of_lost_mail
from jobrunner.cli.mailbox_rows import FOLDER_COLUMNS, as_row, named
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.services.mail.importing.storing.outcome import Kind
    from jobrunner.services.mailbox.accounts.loading import FetchAccount
    from jobrunner.services.mailbox.accounts.records import MailboxRecord
    from jobrunner.services.mailbox.accounts.trial import Trial

TRIED_COLUMNS = {
    "name": Column(least=20),
    "messages": Column(),
    "unseen": Column(),
    "is_read": Column("Read by the account"),
}


def mount(app: typer.Typer, kind: "Kind", columns: Mapping[str, Column]) -> None:
    """Add the commands to the group for one kind of accounts."""

    @app.command("list")
    def list_all(json: AsJson = False) -> None:
        """List all accounts and what holds them back; of secrets only that they are there."""
        _list(kind, columns, json=json)

    @app.command()
    def show(name: options.Name, json: AsJson = False) -> None:
        """Show an account with all that is set, and how far its folders are read."""
        _show(kind, name, json=json)

    @app.command()
    def pause(name: options.Name, reason: options.Reason = "paused by hand") -> None:
        """Pause an account: it is not read until it is resumed."""
        _pause(kind, name, reason)

    @app.command()
    def resume(name: options.Name) -> None:
        """End what holds an account back: a pause, the wait after a failure."""
        _resume(kind, name)

    @app.command()
    def reset(name: options.Name, since: options.ResetSince) -> None:
        """Begin an account anew from a day, as if its folders were read for the first time; nothing is doubled."""
        _reset(kind, name, since)

    @app.command()
    def remove(names: options.Names) -> None:
        """Remove accounts with their passwords and filters, and what is known of their reading. Their mails stay."""
        _remove(kind, names)

    @app.command("test")
    def try_account(name: options.Name, json: AsJson = False) -> None:
        """Connect, list the folders and count their messages, or say what is wrong and what to do. Nothing is fetched.

        Where it works, what held the account back is over, unless a person paused it.
        """
        _test(kind, name, json=json)


def _list(kind: "Kind", columns: Mapping[str, Column], *, json: bool) -> None:
    from jobrunner.cli.output import table
    from jobrunner.services.mailbox.accounts.state import read_states
    from jobrunner.services.mailbox.accounts.table import list_accounts

    async def read(tools: MailboxTools) -> tuple[list[dict[str, Any]], list[str]]:
        states = await read_states(tools.connection, kind)
        rows = [as_row(one, states.get(one.id)) for one in await list_accounts(tools.connection, kind)]
        return rows if json else await named(tools.connection, rows), await lost_mail(tools.connection, kind)

    rows, lost = with_accounts(read)
    table(rows, columns, json=json)
    warn_of_lost_mail(lost)


def _show(kind: "Kind", name: str, *, json: bool) -> None:
    from dataclasses import asdict

    from jobrunner.cli.output import print_json, record, table
    from jobrunner.services.mailbox.accounts.folder_states import list_folder_states
    from jobrunner.services.mailbox.accounts.state import read_states
    from jobrunner.services.mailbox.accounts.table import find_account

    async def read(tools: MailboxTools) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        found = await find_account(tools.connection, kind, name)
        row = as_row(found, (await read_states(tools.connection, kind, [found.id])).get(found.id))
        folders = [asdict(one) for one in await list_folder_states(tools.connection, kind, found.id)]
        return row if json else (await named(tools.connection, [row]))[0], folders

    row, folders = with_accounts(read)
    if json:
        print_json({**row, "folders": folders})
        return
    record({name: value for name, value in row.items() if value not in (None, "", [], ())})
    if folders:
        print()
        table(folders, FOLDER_COLUMNS)


def _pause(kind: "Kind", name: str, reason: str) -> None:
    from jobrunner.cli.person import user_name
    from jobrunner.services.mailbox.accounts.state import pause
    from jobrunner.services.mailbox.accounts.table import find_account

    async def write(tools: MailboxTools) -> "MailboxRecord":
        found = await find_account(tools.connection, kind, name)
        await pause(tools.connection, kind, found.id, f"{reason} ({user_name()})")
        return found

    paused = with_accounts(write)
    typer.echo(f"paused {paused.id} {paused.name}")


def _resume(kind: "Kind", name: str) -> None:
    from jobrunner.services.mailbox.accounts.state import resume
    from jobrunner.services.mailbox.accounts.table import find_account

    async def write(tools: MailboxTools) -> "tuple[MailboxRecord, bool]":
        found = await find_account(tools.connection, kind, name)
        return found, await resume(tools.connection, kind, found.id)

    account, was_held = with_accounts(write)
    typer.echo(f"resumed {account.id} {account.name}" if was_held else f"nothing held {account.name} back")


def _reset(kind: "Kind", name: str, since: str) -> None:
    from jobrunner.services.mailbox.accounts.table import reset_account

    day = parse_day(since)
    after = with_accounts(lambda tools: reset_account(tools.connection, kind, name, day))
    typer.echo(f"reset {after.id} {after.name}: it is read from {after.fetch_since} on")


def _remove(kind: "Kind", names: list[str]) -> None:
    from jobrunner.services.mailbox.accounts.table import find_account, remove_account

    async def write(tools: MailboxTools) -> "list[MailboxRecord]":
        found = [await find_account(tools.connection, kind, name) for name in names]
        return [await remove_account(tools.connection, kind, str(one.id)) for one in found]

    for removed in with_accounts(write):
        typer.echo(f"removed {removed.id} {removed.name}")


def _test(kind: "Kind", name: str, *, json: bool) -> None:
    from jobrunner.cli.output import note, print_json, table
    from jobrunner.services.mailbox.accounts.table import resume_unless_paused
    from jobrunner.services.mailbox.accounts.tokens import keeping_token
    from jobrunner.services.mailbox.accounts.trial import try_account

    async def work(tools: MailboxTools) -> "tuple[FetchAccount, Trial]":
        account = await _load(tools, kind, name)
        async with keeping_token(account, tools.keyring, lambda: nullcontext(tools.connection)):
            trial = await try_account(account)
        if trial.error is None:
            await resume_unless_paused(tools.connection, kind, account.ref.id)
        return account, trial

    account, trial = with_accounts(work)
    rows = [
        {"name": one.name, "messages": one.messages, "unseen": one.unseen, "is_read": one.is_read}
        for one in trial.folders
    ]
    if json:
        error = trial.error
        print_json(
            {
                "worked": trial.worked,
                "fault": None if error is None else error.fault.name,
                "step": None if error is None else error.step,
                "text": None if error is None else str(error),
                "words": None if error is None else error.words,
                "advice": trial.advice,
                "can_idle": trial.can_idle,
                "folders": rows,
            }
        )
    elif trial.error is not None:
        note(f"Not read: {trial.error}")
        note(trial.advice or "")
    else:
        table(rows, TRIED_COLUMNS)
        how = "tells of new mail by itself (IDLE)" if trial.can_idle else "has no IDLE: the schedule looks for new mail"
        place = account.imap.place
        note(f"{place[:1].upper()}{place[1:]} lets {account.imap.username} in, and {how}.")
        if trial.advice is not None:
            note(trial.advice)
    if not trial.worked:
        raise typer.Exit(1)


async def _load(tools: MailboxTools, kind: "Kind", name: str) -> "FetchAccount":
    """Return an account as it is connected to, also one that is not in use or is paused."""
    from jobrunner.errors import Conflict
    from jobrunner.services.mailbox.accounts.loading import LOAD_ACCOUNTS, account_of
    from jobrunner.services.mailbox.accounts.table import find_account

    found = await find_account(tools.connection, kind, name)
    if found.host is None or found.username is None:
        raise Conflict(f"the account {found.name!r} names no IMAP server to connect to")
    rows = await tools.connection.fetch(LOAD_ACCOUNTS, kind, [found.id])
    return account_of(rows[0], tools.keyring)
