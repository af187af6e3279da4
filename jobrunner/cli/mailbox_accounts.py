"""What the commands of both kinds of accounts that are read do."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from jobrunner.cli.account_options import cleared, read_secrets, spelt
from jobrunner.cli.grid import Column

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.db.secrets import Keyring
    from jobrunner.services.mail.importing.storing.outcome import Kind
    from jobrunner.services.mailbox.accounts.entry import MailboxEntry
    from jobrunner.services.mailbox.accounts.loading import FetchAccount
    from jobrunner.services.mailbox.accounts.records import MailboxRecord
    from jobrunner.services.mailbox.accounts.state import State
    from jobrunner.services.mailbox.accounts.trial import Trial

Result = TypeVar("Result")
Resolve = Callable[["Here", dict[str, Any], str | None], Awaitable[dict[str, Any]]]
"""Puts ids in the place of names that were given; the last is the owner of the account, where it has one."""

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "status": Column(rank=4),
    "state": Column(least=20),
    "email_address": Column(rank=1),
    "host": Column(rank=2),
    "monitored_folders": Column("Folders", rank=5),
    "fetch_since": Column(rank=6),
    "connected_at": Column(rank=3),
    "watched_at": Column(rank=7),
}
FOLDER_COLUMNS = {
    "name": Column(least=20),
    "messages": Column(),
    "unseen": Column(),
    "is_read": Column("Read by the account"),
}
CLEARABLE: dict[str, tuple[str, ...]] = {
    "host": ("host",),
    "username": ("username", "password"),
    "password": ("password",),
    "oauth": ("oauth_token_url", "oauth_client_id", "oauth_scope", "oauth_client_secret", "oauth_refresh_token"),
    "oauth_scope": ("oauth_scope",),
    "oauth_client_secret": ("oauth_client_secret",),
    "sent_folder": ("sent_folder",),
    "smtp_account": ("smtp_account_id",),
}
"""What can be emptied of either kind, and the columns that are then."""


@dataclass(frozen=True)
class Here:
    """What a command works with."""

    connection: "Connection"
    keyring: "Keyring"


def with_accounts(work: Callable[[Here], Awaitable[Result]]) -> Result:
    """Run what needs the database and the keys of secrets, and return its result."""
    from jobrunner.cli.output import run

    async def whole() -> Result:
        async with _connected() as here:
            return await work(here)

    return run(whole())


def list_accounts(kind: "Kind", columns: Mapping[str, Column], *, json: bool) -> None:
    """List all accounts of a kind and what holds them back."""
    from jobrunner.cli.output import table
    from jobrunner.services.mailbox.accounts.state import read_states
    from jobrunner.services.mailbox.accounts.table import list_accounts

    async def read(here: Here) -> list[dict[str, Any]]:
        states = await read_states(here.connection, kind)
        return [_as_row(one, states.get(one.id)) for one in await list_accounts(here.connection, kind)]

    table(with_accounts(read), columns, json=json)


def add(entry: type["MailboxEntry"], options: Mapping[str, Any], resolve: Resolve) -> None:
    """Add an account by the options of a command, which are called like the columns that they set."""
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mailbox.accounts.table import add_account

    values = _values(options)
    username = values.setdefault("username", values.get("email_address"))
    if username is not None and "@" in username:
        values.setdefault("email_address", username)
    if "email_address" not in values:
        raise InvalidInput("give the address of the account: --address")
    is_read = values.get("use_imap", True)
    if values.get("security") in ("tls", "none"):
        values.setdefault("port", 143)
    if is_read:
        values.setdefault("fetch_since", date.today())
    if not is_read and values.get("host") is None:
        values.pop("username")
    secrets = read_secrets(options, by_default=bool(is_read) and values.get("login") != "xoauth2")

    async def write(here: Here) -> "MailboxRecord":
        resolved = await resolve(here, values, values.get("assigned_user_id"))
        return await add_account(here.connection, here.keyring, entry(**resolved, secrets=secrets))

    _report("added", with_accounts(write), json=options["json"])


def edit(
    kind: "Kind", name: str, options: Mapping[str, Any], resolve: Resolve, clearable: Mapping[str, tuple[str, ...]]
) -> None:
    """Change an account by the options of a command."""
    from jobrunner.cli.output import note
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mailbox.accounts.table import edit_account, find_account

    values = _values(options)
    values |= {"name": new} if (new := options["new_name"]) is not None else {}
    cleared = _cleared(options["clear"] or (), {**CLEARABLE, **clearable})
    secrets = read_secrets(options, by_default=False)
    if not values and not cleared and not secrets:
        raise InvalidInput("give what is to change (`--help` shows how)")

    async def write(here: Here) -> "tuple[MailboxRecord, MailboxRecord]":
        found = await find_account(here.connection, kind, name)
        owner = values.get("assigned_user_id", getattr(found, "assigned_user_id", None))
        resolved = await resolve(here, values, owner)
        return await edit_account(
            here.connection, here.keyring, kind, str(found.id), {**cleared, **resolved, **secrets}
        )

    before, after = with_accounts(write)
    _report("changed", after, json=options["json"])
    if before.epoch != after.epoch and not options["json"]:
        note(
            f"It is another mailbox now: it is read from {after.fetch_since} on. What is known already is not doubled."
        )


def pause(kind: "Kind", name: str, reason: str) -> None:
    """Pause an account by hand."""
    from jobrunner.cli.person import user_name
    from jobrunner.services.mailbox.accounts.state import pause
    from jobrunner.services.mailbox.accounts.table import find_account

    async def write(here: Here) -> None:
        found = await find_account(here.connection, kind, name)
        await pause(here.connection, kind, found.id, f"{reason} ({user_name()})")

    with_accounts(write)
    typer.echo(f"paused {name}")


def resume(kind: "Kind", name: str) -> None:
    """End whatever holds an account back."""
    from jobrunner.services.mailbox.accounts.state import resume
    from jobrunner.services.mailbox.accounts.table import find_account

    async def write(here: Here) -> bool:
        found = await find_account(here.connection, kind, name)
        return await resume(here.connection, kind, found.id)

    typer.echo(f"resumed {name}" if with_accounts(write) else f"nothing held {name} back")


def reset(kind: "Kind", name: str, since: str) -> None:
    """Begin an account anew."""
    from jobrunner.services.mailbox.accounts.table import reset_account

    day = parse_day(since)
    after = with_accounts(lambda here: reset_account(here.connection, kind, name, day))
    typer.echo(f"reset {after.id} {after.name}: it is read from {after.fetch_since} on")


def remove(kind: "Kind", names: list[str]) -> None:
    """Remove accounts; a misspelt name removes nothing."""
    from jobrunner.services.mailbox.accounts.table import find_account, remove_account

    async def write(here: Here) -> "list[MailboxRecord]":
        found = [await find_account(here.connection, kind, name) for name in names]
        return [await remove_account(here.connection, kind, str(one.id)) for one in found]

    for removed in with_accounts(write):
        typer.echo(f"removed {removed.id} {removed.name}")


def test(kind: "Kind", name: str, *, json: bool) -> None:
    """Try an account, and say what to do if it does not work."""
    from jobrunner.cli.output import note, print_json, table
    from jobrunner.services.mailbox.accounts.table import resume_unless_paused
    from jobrunner.services.mailbox.accounts.tokens import keeping_token
    from jobrunner.services.mailbox.accounts.trial import try_account

    async def work(here: Here) -> "tuple[FetchAccount, Trial]":
        account = await load(here, kind, name)
        async with keeping_token(account, here.keyring, lambda: nullcontext(here.connection)):
            trial = await try_account(account)
        if trial.error is None:
            await resume_unless_paused(here.connection, kind, account.ref.id)
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
        table(rows, FOLDER_COLUMNS)
        how = "tells of new mail by itself (IDLE)" if trial.can_idle else "has no IDLE: the schedule looks for new mail"
        note(f"{account.imap.place} lets {account.imap.username} in, and {how}.")
        if trial.advice is not None:
            note(trial.advice)
    if not trial.worked:
        raise typer.Exit(1)


async def load(here: Here, kind: "Kind", name: str) -> "FetchAccount":
    """Return an account as it is connected to, also one that is not in use or is paused."""
    from jobrunner.errors import Conflict
    from jobrunner.services.mailbox.accounts.loading import LOAD_ACCOUNTS, account_of
    from jobrunner.services.mailbox.accounts.table import find_account

    found = await find_account(here.connection, kind, name)
    if found.host is None or found.username is None:
        raise Conflict(f"the account {found.name!r} names no IMAP server to connect to")
    rows = await here.connection.fetch(LOAD_ACCOUNTS, kind, [found.id])
    return account_of(rows[0], here.keyring)


async def resolve_smtp_account(here: Here, values: dict[str, Any]) -> None:
    """Put the id of the account that sends in the place of its name."""
    from jobrunner.services.mailbox.names import find_smtp_account

    if "smtp_account_id" in values:
        values["smtp_account_id"] = await find_smtp_account(here.connection, values["smtp_account_id"])


def parse_day(text: str) -> date:
    """Return a day; raises InvalidInput."""
    from jobrunner.errors import InvalidInput

    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"--since {text[:40]!r} is no date; write it as 2026-05-04") from None


NOT_COLUMNS = {
    "name_argument",
    "new_name",
    "clear",
    "json",
    "password_env",
    "password_file",
    "ask_password",
    "client_secret_file",
    "client_secret_env",
    "refresh_token_file",
    "refresh_token_env",
}


def _values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that options set: those that were given."""
    from jobrunner.services.mailbox.accounts.entry import CHOICES

    values = {
        column: value
        for column, value in options.items()
        if column not in NOT_COLUMNS and value is not None and not (isinstance(value, list | tuple) and not value)
    }
    for column in CHOICES.keys() & values.keys():
        values[column] = spelt(values[column], CHOICES[column])
    if "fetch_since" in values:
        values["fetch_since"] = parse_day(values["fetch_since"])
    if "monitored_folders" in values:
        values["monitored_folders"] = tuple(values["monitored_folders"])
    if "sent_folder" in values:
        values["store_sent_emails"] = True
    return values


def _cleared(names: "list[str] | tuple[str, ...]", clearable: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    columns = cleared(names, clearable)
    empty: dict[str, Any] = {"folder_map": {}, "teams": ()}
    columns |= {column: empty[column] for column in columns.keys() & empty.keys()}
    if "sent_folder" in columns:
        columns["store_sent_emails"] = False
    return columns


@asynccontextmanager
async def _connected() -> AsyncIterator[Here]:
    from jobrunner.cli.database import connected
    from jobrunner.cli.session import load_configuration
    from jobrunner.db.secrets import Keyring

    async with connected("mail-in") as connection:
        yield Here(connection, Keyring.from_configuration(load_configuration()))


def _as_row(account: "MailboxRecord", state: "State | None") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(account),
        "state": _in_words(account, state),
        "connected_at": None if state is None else state.connected_at,
        "watched_at": None if state is None else state.watched_at,
        "failures": 0 if state is None else state.failures,
        "last_trouble": None if state is None else state.last_trouble,
        "last_trouble_folder": None if state is None else state.last_trouble_folder,
        "last_trouble_at": None if state is None else state.last_trouble_at,
    }


def _in_words(account: "MailboxRecord", state: "State | None") -> str:
    from jobrunner.cli.output import cell

    if account.status != "Active":
        return "not in use"
    if not account.use_imap:
        return "not read"
    if state is None:
        return "not read yet"
    if state.paused_kind is not None:
        return f"paused: {state.pause_reason}"
    if state.retry_at is not None:
        return f"tried again at {cell(state.retry_at)}: {state.last_trouble}"
    return "ready"


def _report(verb: str, account: "MailboxRecord", *, json: bool) -> None:
    from jobrunner.cli.output import print_json

    if json:
        print_json(_as_row(account, None))
    else:
        typer.echo(f"{verb} {account.id} {account.name}")
