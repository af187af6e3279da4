"""What the commands of both kinds of accounts that are read do."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from jobrunner.cli.account_secrets import read_secrets
from jobrunner.cli.mailbox_recipients import lost_mail, warn_of_lost_mail
from jobrunner.cli.typed import cleared, spelt

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.db.secrets import Keyring
    from jobrunner.services.mail.importing.storing.outcome import Kind
    from jobrunner.services.mailbox.accounts.entry import MailboxEntry
    from jobrunner.services.mailbox.accounts.records import MailboxRecord

Result = TypeVar("Result")
Resolve = Callable[["MailboxTools", dict[str, Any], str | None], Awaitable[dict[str, Any]]]
"""Puts ids in the place of names that were given; the last is the owner of the account, where it has one."""

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
class MailboxTools:
    """What a command works with."""

    connection: "Connection"
    keyring: "Keyring"


def with_accounts(work: Callable[[MailboxTools], Awaitable[Result]]) -> Result:
    """Run what needs the database and the keys of secrets, and return its result."""
    from jobrunner.cli.output import run

    async def whole() -> Result:
        async with _connected() as tools:
            return await work(tools)

    return run(whole())


def add(entry: type["MailboxEntry"], options: Mapping[str, Any], resolve: Resolve, *, json: bool) -> None:
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
    if is_read and "host" not in values:
        raise InvalidInput("give the IMAP server: --host (or --no-imap for an account that is not read)")
    if values.get("security") in ("tls", "none"):
        values.setdefault("port", 143)
    if is_read:
        values.setdefault("fetch_since", date.today())
    if not is_read and values.get("host") is None:
        values.pop("username")
    secrets = read_secrets(options, by_default=bool(is_read) and values.get("login") != "xoauth2")

    async def write(tools: MailboxTools) -> "tuple[MailboxRecord, list[str]]":
        resolved = await resolve(tools, values, values.get("assigned_user_id"))
        added = await add_account(tools.connection, tools.keyring, entry(**resolved, secrets=secrets))
        return added, await lost_mail(tools.connection, added.kind, [added.id])

    added, lost = with_accounts(write)
    _report("added", added, json=json)
    warn_of_lost_mail(lost)


def edit(
    kind: "Kind",
    name: str,
    options: Mapping[str, Any],
    resolve: Resolve,
    clearable: Mapping[str, tuple[str, ...]],
    *,
    json: bool,
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

    async def write(tools: MailboxTools) -> "tuple[MailboxRecord, MailboxRecord, list[str]]":
        found = await find_account(tools.connection, kind, name)
        owner = values.get("assigned_user_id", getattr(found, "assigned_user_id", None))
        resolved = await resolve(tools, values, owner)
        before, after = await edit_account(
            tools.connection, tools.keyring, kind, str(found.id), {**cleared, **resolved, **secrets}
        )
        return before, after, await lost_mail(tools.connection, kind, [found.id])

    before, after, lost = with_accounts(write)
    _report("changed", after, json=json)
    warn_of_lost_mail(lost)
    if before.epoch != after.epoch and not json:
        note(
            f"It is another mailbox now: it is read from {after.fetch_since} on. What is known already is not doubled."
        )


async def resolve_smtp_account(tools: MailboxTools, values: dict[str, Any]) -> None:
    """Put the id of the account that sends in the place of its name."""
    from jobrunner.services.mailbox.names import find_smtp_account

    if "smtp_account_id" in values:
        values["smtp_account_id"] = await find_smtp_account(tools.connection, values["smtp_account_id"])


def parse_day(text: str) -> date:
    """Return a day; raises InvalidInput."""
    from jobrunner.errors import InvalidInput

    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"--since {text[:40]!r} is no date; write it as 2026-05-04") from None
    if day > date.today() + timedelta(days=1):  # it is tomorrow already where the server is
        raise InvalidInput(f"--since {day} lies in the future: until then nothing would be fetched")
    return day


NOT_COLUMNS = {
    "new_name",
    "clear",
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
async def _connected() -> AsyncIterator[MailboxTools]:
    from jobrunner.cli.database import connected
    from jobrunner.cli.session import load_configuration
    from jobrunner.db.secrets import Keyring, check_key_file

    async with connected("mail-in") as connection:
        keyring = Keyring.from_configuration(load_configuration())
        await check_key_file(connection, keyring)
        yield MailboxTools(connection, keyring)


def _report(verb: str, account: "MailboxRecord", *, json: bool) -> None:
    from jobrunner.cli.mailbox_rows import as_row
    from jobrunner.cli.output import print_json

    if json:
        print_json(as_row(account, None))
    else:
        typer.echo(f"{verb} {account.id} {account.name}")
