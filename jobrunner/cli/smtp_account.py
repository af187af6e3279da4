"""`jobrunner smtp-account`: the accounts by which mail is sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column

if TYPE_CHECKING:
    from jobrunner.config import Configuration
    from jobrunner.db.connection import Connection
    from jobrunner.db.secrets import Keyring
    from jobrunner.services.mail.accounts.state import State
    from jobrunner.services.mail.accounts.table import AccountRecord
    from jobrunner.services.mail.accounts.trial import Trial

app = typer.Typer(help="Show, change and test the accounts by which mail is sent.")

Name = Annotated[
    str,
    typer.Argument(help="Name or id of the account; `system` for that of the program's own mails.", metavar="NAME"),
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, with all that is known.")]

Kind = Annotated[
    str | None,
    typer.Option(help="System (the program's own mails), Group or Personal (of one user).", metavar="KIND"),
]
User = Annotated[str | None, typer.Option("--user", help="Id of the user whose personal account it is.", metavar="ID")]
Host = Annotated[str | None, typer.Option(help="The mail server.", metavar="HOST")]
Port = Annotated[int | None, typer.Option(help="Its port: 587 with tls, 465 with ssl, 25 with none.", metavar="N")]
Security = Annotated[
    str | None,
    typer.Option(help="tls: STARTTLS, demanded; ssl: TLS from the first byte; none: in clear.", metavar="WORD"),
]
LocalHostname = Annotated[
    str | None, typer.Option(help="Name given to the server in EHLO; this machine's by default.", metavar="NAME")
]
Username = Annotated[str | None, typer.Option(help="To log in with; without it no login.", metavar="NAME")]
Login = Annotated[str | None, typer.Option(help="auto, plain, login, cram-md5 or xoauth2.", metavar="WAY")]
PasswordEnv = Annotated[
    str | None, typer.Option(help="Variable of the environment that holds the password.", metavar="VARIABLE")
]
PasswordFile = Annotated[
    Path | None, typer.Option(help="File that holds the password; - for standard input.", metavar="FILE")
]
AskPassword = Annotated[bool, typer.Option("--ask-password", help="Ask for the password at the terminal.")]
TokenUrl = Annotated[
    str | None, typer.Option("--oauth-token-url", help="Where access tokens are had, for xoauth2.", metavar="URL")
]
ClientId = Annotated[str | None, typer.Option("--oauth-client-id", help="Id given by the provider.", metavar="ID")]
Scope = Annotated[str | None, typer.Option("--oauth-scope", help="Scope to ask for.", metavar="TEXT")]
ClientSecretFile = Annotated[
    Path | None, typer.Option("--oauth-client-secret-file", help="File with the client secret.", metavar="FILE")
]
ClientSecretEnv = Annotated[
    str | None, typer.Option("--oauth-client-secret-env", help="Variable with it instead.", metavar="VARIABLE")
]
RefreshTokenFile = Annotated[
    Path | None, typer.Option("--oauth-refresh-token-file", help="File with the refresh token.", metavar="FILE")
]
RefreshTokenEnv = Annotated[
    str | None, typer.Option("--oauth-refresh-token-env", help="Variable with it instead.", metavar="VARIABLE")
]
FromAddress = Annotated[
    str | None, typer.Option(help="Sender's address; the username, if that is one.", metavar="ADDRESS")
]
FromName = Annotated[str | None, typer.Option(help="Sender's name.", metavar="NAME")]
ReplyTo = Annotated[str | None, typer.Option("--reply-to", help="Where answers go.", metavar="ADDRESS")]
ForMassMail = Annotated[
    bool | None, typer.Option("--for-mass-mail/--not-for-mass-mail", help="Whether mass mail may go by it.")
]
Shared = Annotated[bool | None, typer.Option("--shared/--not-shared", help="Whether others may send by it.")]
RatePerMinute = Annotated[int | None, typer.Option(help="Most mails a minute.", metavar="N")]
RatePerHour = Annotated[int | None, typer.Option(help="Most mails an hour.", metavar="N")]
DomainRatePerMinute = Annotated[
    int | None, typer.Option(help="Most mails a minute to one receiving domain.", metavar="N")
]
DomainRatePerHour = Annotated[int | None, typer.Option(help="Most mails an hour to one of them.", metavar="N")]
DomainConcurrency = Annotated[
    int | None, typer.Option(help="Most mails at once to one receiving domain; 2 by default.", metavar="N")
]
MaxConnections = Annotated[int | None, typer.Option(help="Most connections at once; 4 by default.", metavar="N")]
MessagesPerConnection = Annotated[
    int | None, typer.Option(help="Mails after which a connection is opened anew; 100 by default.", metavar="N")
]
IdleClose = Annotated[
    float | None, typer.Option(help="Seconds until an idle connection is closed; 25 by default.", metavar="SECONDS")
]
UncertainPolicy = Annotated[
    str | None,
    typer.Option(
        help="What becomes of a mass mail of which it is not known whether it was taken: hold (it waits for a person), "
        "retry or assume_sent.",
        metavar="WORD",
    ),
]
DkimDomain = Annotated[str | None, typer.Option(help="Domain that signs the mails.", metavar="DOMAIN")]
DkimSelector = Annotated[str | None, typer.Option(help="Under which its public key stands in the DNS.", metavar="NAME")]
DkimKeyFile = Annotated[Path | None, typer.Option(help="File with the private key (PEM).", metavar="FILE")]
DkimSecondSelector = Annotated[
    str | None, typer.Option(help="Selector of a second signature, for an ed25519 key.", metavar="NAME")
]
DkimSecondKeyFile = Annotated[Path | None, typer.Option(help="File with its private key.", metavar="FILE")]

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "kind": Column(rank=4),
    "status": Column(rank=3),
    "state": Column(least=20),
    "host": Column(rank=2),
    "port": Column(rank=6),
    "security": Column(rank=7),
    "from_address": Column(rank=1),
    "for_mass_mail": Column(rank=5),
    "rate_per_minute": Column(rank=9),
    "rate_per_hour": Column(rank=8),
}


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
            rows = [_as_row(account, states.get(account.key)) for account in accounts]
            if here.configuration.smtp.host is not None and not any(one.kind == "System" for one in accounts):
                rows.insert(0, _configured(here.configuration, states.get("system")))
            return rows

    table(run(read()), COLUMNS, json=json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name for it.", metavar="NAME")],
    host: Annotated[str, typer.Option(help="The mail server.", metavar="HOST")],
    kind: Kind = "Group",
    user: User = None,
    port: Port = None,
    security: Security = "tls",
    local_hostname: LocalHostname = None,
    username: Username = None,
    login: Login = None,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
    ask_password: AskPassword = False,
    token_url: TokenUrl = None,
    client_id: ClientId = None,
    scope: Scope = None,
    client_secret_file: ClientSecretFile = None,
    client_secret_env: ClientSecretEnv = None,
    refresh_token_file: RefreshTokenFile = None,
    refresh_token_env: RefreshTokenEnv = None,
    from_address: FromAddress = None,
    from_name: FromName = None,
    reply_to: ReplyTo = None,
    for_mass_mail: ForMassMail = None,
    shared: Shared = None,
    rate_per_minute: RatePerMinute = None,
    rate_per_hour: RatePerHour = None,
    domain_rate_per_minute: DomainRatePerMinute = None,
    domain_rate_per_hour: DomainRatePerHour = None,
    domain_concurrency: DomainConcurrency = None,
    max_connections: MaxConnections = None,
    messages_per_connection: MessagesPerConnection = None,
    idle_close: IdleClose = None,
    uncertain_policy: UncertainPolicy = None,
    dkim_domain: DkimDomain = None,
    dkim_selector: DkimSelector = None,
    dkim_key_file: DkimKeyFile = None,
    dkim_second_selector: DkimSecondSelector = None,
    dkim_second_key_file: DkimSecondKeyFile = None,
    json: AsJson = False,
) -> None:
    """Add an account. Where it has a username, its password is asked for, unless a file or variable holds it."""
    from jobrunner.cli.output import run
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mail.accounts.entry import AccountEntry
    from jobrunner.services.mail.accounts.table import add_account

    if from_address is None and username is not None and "@" in username:
        from_address = username
    if from_address is None:
        raise InvalidInput("give the sender's address: --from-address")
    kind, security = _spelt("kind", kind), _spelt("security", security)
    values = {
        "host": host,
        "kind": kind,
        "user_id": user,
        "port": port or {"ssl": 465, "none": 25}.get(security or "", 587),
        "security": security,
        "local_hostname": local_hostname,
        "username": username,
        "login": _spelt("login", login),
        "oauth_token_url": token_url,
        "oauth_client_id": client_id,
        "oauth_scope": scope,
        "from_address": from_address,
        "from_name": from_name,
        "reply_to_address": reply_to,
        "for_mass_mail": for_mass_mail,
        "is_shared": shared,
        "rate_per_minute": rate_per_minute,
        "rate_per_hour": rate_per_hour,
        "domain_rate_per_minute": domain_rate_per_minute,
        "domain_rate_per_hour": domain_rate_per_hour,
        "domain_concurrency": domain_concurrency,
        "max_connections": max_connections,
        "messages_per_connection": messages_per_connection,
        "idle_close": idle_close,
        "uncertain_policy": _spelt("uncertain_policy", uncertain_policy),
        "dkim_domain": dkim_domain,
        "dkim_selector": dkim_selector,
        "dkim_second_selector": dkim_second_selector,
    }
    nowhere = password_env is None and password_file is None
    secrets = _secrets(
        password=(
            password_env,
            password_file,
            ask_password or (username is not None and login != "xoauth2" and nowhere),
        ),
        oauth_client_secret=(client_secret_env, client_secret_file, False),
        oauth_refresh_token=(refresh_token_env, refresh_token_file, False),
        dkim_key=(None, dkim_key_file, False),
        dkim_second_key=(None, dkim_second_key_file, False),
    )
    entry = AccountEntry(name=name, **_given(values), secrets=secrets)
    entry.check()

    async def write() -> "AccountRecord":
        async with _connected() as here:
            return await add_account(here.connection, here.keyring, entry)

    _report("added", run(write()), json=json)
    _warn_of_dkim(entry.dkim_selector, secrets.get("dkim_key"), json=json)


@app.command()
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
    kind: Kind = None,
    user: User = None,
    host: Host = None,
    port: Port = None,
    security: Security = None,
    local_hostname: LocalHostname = None,
    username: Username = None,
    login: Login = None,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
    ask_password: AskPassword = False,
    token_url: TokenUrl = None,
    client_id: ClientId = None,
    scope: Scope = None,
    client_secret_file: ClientSecretFile = None,
    client_secret_env: ClientSecretEnv = None,
    refresh_token_file: RefreshTokenFile = None,
    refresh_token_env: RefreshTokenEnv = None,
    from_address: FromAddress = None,
    from_name: FromName = None,
    reply_to: ReplyTo = None,
    for_mass_mail: ForMassMail = None,
    shared: Shared = None,
    rate_per_minute: RatePerMinute = None,
    rate_per_hour: RatePerHour = None,
    domain_rate_per_minute: DomainRatePerMinute = None,
    domain_rate_per_hour: DomainRatePerHour = None,
    domain_concurrency: DomainConcurrency = None,
    max_connections: MaxConnections = None,
    messages_per_connection: MessagesPerConnection = None,
    idle_close: IdleClose = None,
    uncertain_policy: UncertainPolicy = None,
    dkim_domain: DkimDomain = None,
    dkim_selector: DkimSelector = None,
    dkim_key_file: DkimKeyFile = None,
    dkim_second_selector: DkimSecondSelector = None,
    dkim_second_key_file: DkimSecondKeyFile = None,
    json: AsJson = False,
) -> None:
    """Change an account. What is not given stays; a change of how it connects ends what held it back."""
    from jobrunner.cli.output import run
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mail.accounts.table import edit_account

    values = {
        "name": new_name,
        "status": _spelt("status", status),
        "kind": _spelt("kind", kind),
        "user_id": user,
        "host": host,
        "port": port,
        "security": _spelt("security", security),
        "local_hostname": local_hostname,
        "username": username,
        "login": _spelt("login", login),
        "oauth_token_url": token_url,
        "oauth_client_id": client_id,
        "oauth_scope": scope,
        "from_address": from_address,
        "from_name": from_name,
        "reply_to_address": reply_to,
        "for_mass_mail": for_mass_mail,
        "is_shared": shared,
        "rate_per_minute": rate_per_minute,
        "rate_per_hour": rate_per_hour,
        "domain_rate_per_minute": domain_rate_per_minute,
        "domain_rate_per_hour": domain_rate_per_hour,
        "domain_concurrency": domain_concurrency,
        "max_connections": max_connections,
        "messages_per_connection": messages_per_connection,
        "idle_close": idle_close,
        "uncertain_policy": _spelt("uncertain_policy", uncertain_policy),
        "dkim_domain": dkim_domain,
        "dkim_selector": dkim_selector,
        "dkim_second_selector": dkim_second_selector,
    }
    secrets = _secrets(
        password=(password_env, password_file, ask_password),
        oauth_client_secret=(client_secret_env, client_secret_file, False),
        oauth_refresh_token=(refresh_token_env, refresh_token_file, False),
        dkim_key=(None, dkim_key_file, False),
        dkim_second_key=(None, dkim_second_key_file, False),
    )
    changes = {**_cleared(clear or []), **_given(values), **secrets}
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
    from jobrunner.db.secrets import Keyring

    async with connected("smtp-account") as connection:
        configuration = load_configuration()
        yield _Here(connection, configuration, Keyring.from_configuration(configuration))


async def _key(here: _Here, name: str) -> str:
    """Return the key of an account; that of the configuration is `system` where no row takes its place."""
    from jobrunner.errors import NotFound
    from jobrunner.services.mail.accounts.loading import SYSTEM, system_account
    from jobrunner.services.mail.accounts.table import find_account

    try:
        return (await find_account(here.connection, name)).key
    except NotFound:
        if name != SYSTEM:
            raise
        system_account(here.configuration)
        return SYSTEM


def _secrets(**sources: tuple[str | None, Path | None, bool]) -> dict[str, Any]:
    """Return the secrets that the options give, by their columns."""
    from jobrunner.cli.secret_input import read_secret

    words = {
        "password": "password",
        "oauth_client_secret": "client secret",
        "oauth_refresh_token": "refresh token",
        "dkim_key": "DKIM key",
        "dkim_second_key": "second DKIM key",
    }
    found = {
        column: read_secret(words[column], env=env, file=file, ask=ask) for column, (env, file, ask) in sources.items()
    }
    return {column: secret for column, secret in found.items() if secret is not None}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


CLEARABLE = {
    "user": ("user_id",),
    "local_hostname": ("local_hostname",),
    "username": ("username", "password"),
    "password": ("password",),
    "oauth": ("oauth_token_url", "oauth_client_id", "oauth_scope", "oauth_client_secret", "oauth_refresh_token"),
    "oauth_scope": ("oauth_scope",),
    "oauth_client_secret": ("oauth_client_secret",),
    "reply_to": ("reply_to_address",),
    "rate_per_minute": ("rate_per_minute",),
    "rate_per_hour": ("rate_per_hour",),
    "domain_rate_per_minute": ("domain_rate_per_minute",),
    "domain_rate_per_hour": ("domain_rate_per_hour",),
    "dkim": ("dkim_domain", "dkim_selector", "dkim_key", "dkim_second_selector", "dkim_second_key"),
    "dkim_second": ("dkim_second_selector", "dkim_second_key"),
}
"""What can be emptied, and the columns that are then."""


def _cleared(names: list[str]) -> dict[str, None]:
    from jobrunner.errors import InvalidInput, nearest

    columns: dict[str, None] = {}
    for name in names:
        what = name.strip().lower().replace("-", "_").removeprefix("__")
        if what not in CLEARABLE:
            known = [key.replace("_", "-") for key in CLEARABLE]
            raise InvalidInput(f"{name[:100]!r} cannot be emptied{nearest(name, known)}")
        columns |= dict.fromkeys(CLEARABLE[what])
    return columns


def _spelt(column: str, word: str | None) -> str | None:
    """Return one of a few words as it is stored, however its capitals were typed."""
    from jobrunner.services.mail.accounts.entry import CHOICES

    if word is None:
        return None
    return next((choice for choice in CHOICES[column] if choice.lower() == word.strip().lower()), word)


def _as_row(account: "AccountRecord", state: "State | None") -> dict[str, Any]:
    from dataclasses import asdict

    trouble = None if state is None else state.last_trouble
    return {**asdict(account), "state": _in_words(account.status, state), "last_trouble": trouble}


def _configured(configuration: "Configuration", state: "State | None") -> dict[str, Any]:
    smtp = configuration.smtp
    return {
        "id": "system",
        "name": "system",
        "kind": "System",
        "status": "Active",
        "host": smtp.host,
        "port": smtp.port,
        "security": smtp.security,
        "username": smtp.username,
        "from_address": smtp.from_address,
        "from_name": smtp.from_name,
        "for_mass_mail": False,
        "secrets": [] if smtp.password is None else ["password"],
        "state": _in_words("Active", state),
        "last_trouble": None if state is None else state.last_trouble,
    }


def _in_words(status: str, state: "State | None") -> str:
    from jobrunner.cli.output import cell

    if status != "Active":
        return "not in use"
    if state is None:
        return "ready"
    if state.paused_kind is not None:
        until = "" if state.paused_until is None else f" until {cell(state.paused_until)}"
        return f"paused{until}: {state.pause_reason}"
    if state.cooling_until is not None:
        return f"cools down until {cell(state.cooling_until)}: {state.last_trouble}"
    if state.retry_at is not None:
        return f"tried again at {cell(state.retry_at)}: {state.last_trouble}"
    return "ready" if state.speed >= 1 else f"ready at {state.speed:.0%} of its speed"


def _report(verb: str, account: "AccountRecord", *, json: bool) -> None:
    from jobrunner.cli.output import print_json

    if json:
        print_json(_as_row(account, None))
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
