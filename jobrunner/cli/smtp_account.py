"""`jobrunner smtp-account`: the accounts by which mail is sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import smtp_account_options as option
from jobrunner.cli.account_secrets import read_secrets
from jobrunner.cli.options import AsJson
from jobrunner.cli.plain_help import PlainHelp
from jobrunner.cli.shared_options import with_options
from jobrunner.cli.smtp_account_entry import CLEARABLE, given
from jobrunner.cli.smtp_account_rows import COLUMNS, as_row, configured_row
from jobrunner.cli.typed import cleared

if TYPE_CHECKING:
    from jobrunner.config import Configuration
    from jobrunner.db.connection import Connection
    from jobrunner.db.secrets import Keyring
    from jobrunner.services.mail.accounts.table import AccountRecord
    from jobrunner.services.mail.accounts.trial import Trial

app = typer.Typer(help="Show, change and test the accounts by which mail is sent.")

Name = Annotated[
    str,
    typer.Argument(help="Name or id of the account; `system` for that of the program's own mails.", metavar="NAME"),
]


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all accounts and what holds them back; of secrets only that they are there."""
    from jobrunner.cli.output import run, table
    from jobrunner.services.mail.accounts.state import read_states
    from jobrunner.services.mail.accounts.table import list_accounts

    async def read() -> list[dict[str, Any]]:
        async with _connected() as here:
            states = await read_states(here.connection)
            accounts = await list_accounts(here.connection)
            rows = [as_row(account, states.get(account.key)) for account in accounts]
            if here.configuration.smtp.host is not None and not any(one.kind == "System" for one in accounts):
                rows.insert(0, configured_row(here.configuration, states.get("system")))
            return rows

    table(run(read()), COLUMNS, json=json)


@app.command(cls=PlainHelp)
@with_options(*option.SMTP_ACCOUNT_OPTIONS)
def add(
    name: Annotated[str, typer.Argument(help="A name for it.", metavar="NAME")],
    host: Annotated[str, typer.Option(help="The mail server.", metavar="HOST")],
    kind: option.Kind = "Group",
    user: option.User = None,
    port: option.Port = None,
    security: option.Security = "tls",
    json: AsJson = False,
    **options: Any,
) -> None:
    """Add an account. Where it has a username, its password is asked for, unless a file or variable holds it."""
    from jobrunner.cli.output import run
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mail.accounts.entry import AccountEntry
    from jobrunner.services.mail.accounts.table import add_account

    options |= {"host": host, "kind": kind, "user": user, "port": port, "security": security}
    values = given(options)
    values.setdefault("port", {"ssl": 465, "none": 25}.get(values["security"], 587))
    username = values.get("username")
    if username is not None and "@" in username:
        values.setdefault("from_address", username)
    # What was given is looked at before anything more is asked for.
    AccountEntry(name=name, **{"from_address": "", **values}).check_plain()
    if "from_address" not in values:
        raise InvalidInput("give the sender's address: --from-address")
    secrets = read_secrets(options, by_default=username is not None and values.get("login") != "xoauth2")
    entry = AccountEntry(name=name, **values, secrets=secrets)
    entry.check()

    async def write() -> "AccountRecord":
        async with _connected() as here:
            return await add_account(here.connection, here.keyring, entry)

    _report("added", run(write()), json=json)
    _warn_of_dkim(entry.dkim_selector, secrets.get("dkim_key"), json=json)


@app.command(cls=PlainHelp)
@with_options(*option.SMTP_ACCOUNT_OPTIONS)
def edit(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.", metavar="NAME")] = None,
    status: Annotated[str | None, typer.Option(help="Active or Inactive.", metavar="WORD")] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(
            help="Empty what may be empty, such as rate-per-hour or reply-to; may be repeated.", metavar="WHAT"
        ),
    ] = None,
    kind: option.Kind = None,
    user: option.User = None,
    host: option.Host = None,
    port: option.Port = None,
    security: option.Security = None,
    json: AsJson = False,
    **options: Any,
) -> None:
    """Change an account. What is not given stays; a change of how it connects ends what held it back."""
    from jobrunner.cli.output import run
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mail.accounts.table import edit_account

    options |= {"new_name": new_name, "status": status}
    options |= {"kind": kind, "user": user, "host": host, "port": port, "security": security}
    secrets = read_secrets(options, by_default=False)
    changes = {**cleared(clear or [], CLEARABLE), **given(options), **secrets}
    if not changes:
        raise InvalidInput("give what is to change (`jobrunner smtp-account edit --help` shows how)")

    async def write() -> "AccountRecord":
        async with _connected() as here:
            _, after = await edit_account(here.connection, here.keyring, name, changes)
            return after

    after = run(write())
    _report("changed", after, json=json)
    _warn_of_dkim(after.dkim_selector, secrets.get("dkim_key"), json=json)


@app.command("test")
def send_test(
    name: Name,
    to: Annotated[str, typer.Option(help="Where the mail goes.", metavar="ADDRESS")],
    json: AsJson = False,
) -> None:
    """Send a real mail by an account, and say what to do if it is not taken. It goes past rates and pauses.

    Where the mail is taken, what held the account back is over, unless a person paused it.
    """
    from datetime import UTC, datetime

    from jobrunner.cli.output import note, print_json, run
    from jobrunner.services.mail.accounts import keeping_token, observe, resume
    from jobrunner.services.mail.accounts.loading import SendingAccount, load_account
    from jobrunner.services.mail.accounts.trial import try_account
    from jobrunner.services.mail.address import parse_address

    recipient = parse_address(to)

    async def work() -> "tuple[SendingAccount, Trial]":
        async with _connected() as here:
            key = await _key(here, name)
            account = await load_account(
                here.connection, here.keyring, key, configuration=here.configuration, even_inactive=True
            )
            async with keeping_token(account, here.keyring, lambda: nullcontext(here.connection)):
                trial = await try_account(account, recipient, at=datetime.now(UTC))
            if trial.taken:
                await resume(here.connection, account.key, even_by_person=False)
            else:
                await observe(here.connection, account.key, trial.result)
            return account, trial

    account, trial = run(work())
    result = trial.result
    if json:
        print_json(
            {
                "taken": trial.taken,
                "outcome": result.outcome.value,
                "phase": result.phase.value,
                "code": result.code,
                "enhanced_code": result.enhanced,
                "text": result.text,
                "advice": trial.advice,
            }
        )
    elif trial.taken:
        typer.echo(f"{account.smtp.place} took the mail to {recipient}: {result.text}")
    else:
        note(f"Not sent: {result}")
        note(trial.advice or "")
    if not trial.taken:
        raise typer.Exit(1)


@app.command()
def pause(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for whoever sees it.", metavar="TEXT")] = "paused by hand",
) -> None:
    """Pause an account: nothing is sent by it until it is resumed."""
    from jobrunner.cli.output import run
    from jobrunner.cli.person import user_name
    from jobrunner.services.mail.accounts import pause as pause_account

    async def work() -> None:
        async with _connected() as here:
            await pause_account(here.connection, await _key(here, name), "person", f"{reason} ({user_name()})")

    run(work())
    typer.echo(f"paused {name}")


@app.command()
def resume(name: Name) -> None:
    """End what holds an account back: a pause, a cool-down, a lowered speed, the wait for a server that was away."""
    from jobrunner.cli.output import run
    from jobrunner.services.mail.accounts import resume as resume_account

    async def work() -> bool:
        async with _connected() as here:
            return await resume_account(here.connection, await _key(here, name))

    typer.echo(f"resumed {name}" if run(work()) else f"nothing held {name} back")


@app.command()
def remove(name: Name) -> None:
    """Remove an account, its password and its keys."""
    from jobrunner.cli.output import run
    from jobrunner.services.mail.accounts.table import remove_account

    async def work() -> "AccountRecord":
        async with _connected() as here:
            return await remove_account(here.connection, name)

    removed = run(work())
    typer.echo(f"removed {removed.id} {removed.name}")


@dataclass(frozen=True)
class _Here:
    connection: "Connection"
    configuration: "Configuration"
    keyring: "Keyring"


@asynccontextmanager
async def _connected() -> AsyncIterator[_Here]:
    from jobrunner.cli.database import connected
    from jobrunner.cli.session import load_configuration
    from jobrunner.db.secrets import Keyring, check_key_file

    async with connected("smtp-account") as connection:
        configuration = load_configuration()
        keyring = Keyring.from_configuration(configuration)
        await check_key_file(connection, keyring)
        yield _Here(connection, configuration, keyring)


async def _key(here: _Here, name: str) -> str:
    """Return the key of an account; that of the configuration is `system` where no row takes its place."""
    from jobrunner.errors import NotFound
    from jobrunner.services.mail.accounts.loading import SYSTEM, system_account
    from jobrunner.services.mail.accounts.state import read_states
    from jobrunner.services.mail.accounts.table import find_account

    try:
        return (await find_account(here.connection, name)).key
    except NotFound:
        if name != SYSTEM:
            raise
        # What holds it back is kept in the database, and can be ended by who has not the daemon's configuration.
        if SYSTEM not in await read_states(here.connection, [SYSTEM]):
            system_account(here.configuration)
        return SYSTEM


def _report(verb: str, account: "AccountRecord", *, json: bool) -> None:
    from jobrunner.cli.output import print_json

    if json:
        print_json(as_row(account, None))
    else:
        typer.echo(f"{verb} {account.id} {account.name}")


def _warn_of_dkim(selector: str | None, key: Any, *, json: bool) -> None:
    """Say what a key that was entered could be better at, and what must stand in the DNS."""
    from jobrunner.cli.output import note
    from jobrunner.services.mail.composing.dkim.key import read_key

    if selector is None or key is None or json:
        return
    entered = read_key(selector, key.get_secret_value())
    if entered.warning is not None:
        note(f"Warning: {entered.warning}")
    note(f"The DNS must hold at {selector}._domainkey of the domain: {entered.dns_record}")
