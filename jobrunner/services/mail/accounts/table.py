"""The table of accounts: adding, listing, changing, removing."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

import asyncpg

from jobrunner.db.queryable import Queryable
from jobrunner.db.refusals import Refusals
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, not_found
from jobrunner.services.mail.accounts.entry import SECRETS, AccountEntry
from jobrunner.services.mail.accounts.loading import place_of
from jobrunner.services.mail.accounts.state import resume
from jobrunner.services.mail.entries import changed, check_servers, seal
from jobrunner.services.mail.entry_checks import Secrets

ADD_ACCOUNT = load(__package__, "add_account")
EDIT_ACCOUNT = load(__package__, "edit_account")
LIST_ACCOUNTS = load(__package__, "list_accounts")
REMOVE_ACCOUNT = load(__package__, "remove_account")
FIND_MAILINGS_OF_ACCOUNT = load(__package__, "find_mailings_of_account")
DRAW_ACCOUNT_ID = load(__package__, "draw_account_id")

SENTENCES = {
    "smtp_account_name_is_unique": "there is an SMTP account of that name already",
    "smtp_account_system": "there is a system account already: edit that, or make this one a group account",
}
refusals_in_words = Refusals(SENTENCES, quoting=False).in_words


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account as it may be shown: of secrets only that they are there."""

    id: int
    name: str
    kind: Literal["System", "Group", "Personal"]
    status: Literal["Active", "Inactive"]
    user_id: str | None
    host: str
    port: int
    security: Literal["tls", "ssl", "none"]
    local_hostname: str | None
    username: str | None
    login: Literal["auto", "plain", "login", "cram-md5", "xoauth2"]
    oauth_token_url: str | None
    oauth_client_id: str | None
    oauth_scope: str | None
    from_address: str
    from_name: str
    reply_to_address: str | None
    for_mass_mail: bool
    is_shared: bool
    guarded: bool
    rate_per_minute: int | None
    rate_per_hour: int | None
    domain_rate_per_minute: int | None
    domain_rate_per_hour: int | None
    domain_concurrency: int
    max_connections: int
    messages_per_connection: int
    idle_close: float
    """Seconds."""
    uncertain_policy: Literal["hold", "retry", "assume_sent"]
    dkim_domain: str | None
    dkim_selector: str | None
    dkim_second_selector: str | None
    secrets: tuple[str, ...]
    """The columns in which something is sealed."""
    created_at: datetime
    modified_at: datetime

    @property
    def key(self) -> str:
        """By which `load_account` and the functions of its state name it."""
        return str(self.id)

    def entry(self) -> AccountEntry:
        """Return it as it would be entered, its secrets as those that stay."""
        names = {field.name for field in fields(AccountEntry)} - {"secrets"}
        values = {name: value for name, value in asdict(self).items() if name in names}
        return AccountEntry(**values, secrets=dict.fromkeys(self.secrets, True))


async def add_account(connection: Queryable, keyring: Keyring, entry: AccountEntry) -> AccountRecord:
    """Add an account and return it.

    Raises:
        InvalidInput: a value is refused; nothing was written.
        Conflict: there is one of that name, or a system account already.
        ConfigurationError: it has a secret, and there is no key to seal it with.
    """
    entry.check()
    await _check_servers(connection, entry)
    id: int = (await connection.fetch(DRAW_ACCOUNT_ID))[0]["id"]
    row = {"id": id, **_row(entry), **_sealed(keyring, id, entry.secrets)}
    with refusals_in_words():
        await connection.fetch(ADD_ACCOUNT, json.dumps(row))
    return await find_account(connection, str(id))


async def edit_account(
    connection: Queryable, keyring: Keyring, name: str, changes: Mapping[str, Any]
) -> tuple[AccountRecord, AccountRecord]:
    """Change an account and return it as it was and as it is.

    `changes` are fields of `AccountEntry` and columns of `SECRETS` (a SecretStr, or None to remove it). A change of how
    it connects ends what held it back, but not a person's pause.

    Raises:
        NotFound: there is no such account.
        InvalidInput: a value is refused; nothing was written.
        Conflict: the name is taken, or somebody else changed the account at this moment.
    """
    before = await find_account(connection, name)
    change = changed(before.entry(), changes, SECRETS)
    entry = change.entry
    entry.check()
    await _check_servers(connection, entry)
    row = {**_row(entry), **_sealed(keyring, before.id, entry.secrets)}
    with refusals_in_words():
        rows = await connection.fetch(EDIT_ACCOUNT, before.id, json.dumps(row), before.modified_at, change.secrets)
    if not rows:
        raise Conflict(
            f"the SMTP account {before.name!r} was changed or removed by somebody else at this moment: look again"
        )
    if change.mends:
        await resume(connection, before.key, even_by_person=False)
    return before, await find_account(connection, before.key)


async def find_account(connection: Queryable, name: str) -> AccountRecord:
    """Return an account by its name or id; `system` is the one of the kind System.

    Raises:
        NotFound: there is none; with the nearest names.
    """
    rows = await connection.fetch(LIST_ACCOUNTS, name)
    if rows:
        return _record(rows[0])
    known = [account.name for account in await list_accounts(connection)]
    raise not_found("SMTP account", name, known)


async def list_accounts(connection: Queryable) -> list[AccountRecord]:
    """Return all accounts, the oldest first."""
    return [_record(row) for row in await connection.fetch(LIST_ACCOUNTS, None)]


async def remove_account(connection: Queryable, name: str) -> AccountRecord:
    """Remove an account, with its state, and return it as it was.

    Raises:
        NotFound: there is no such account.
        Conflict: a mass e-mail that is under way sends by it.
    """
    account = await find_account(connection, name)
    try:
        removed = await connection.fetch(REMOVE_ACCOUNT, account.id)
    except asyncpg.ForeignKeyViolationError:
        raise Conflict(
            f"mailings refer to the SMTP account {account.name!r}: `jobrunner smtp-account edit {account.id} "
            "--status Inactive` takes it out of use"
        ) from None
    if not removed:
        mailings = await connection.fetch(FIND_MAILINGS_OF_ACCOUNT, account.id)
        names = ", ".join(repr(row["name"]) for row in mailings) or "a mass e-mail"
        raise Conflict(
            f"the SMTP account {account.name!r} sends {names}, which is under way: abort that first, or give it "
            "another account (`jobrunner mass-email edit NAME --account NAME`)"
        )
    return account


def _row(entry: AccountEntry) -> dict[str, Any]:
    return {**entry.columns(), "idle_close": f"{entry.idle_close} seconds"}


def _sealed(keyring: Keyring, id: int, secrets: Secrets) -> dict[str, str]:
    return seal(keyring, secrets, lambda column: place_of(id, column))


async def _check_servers(connection: Queryable, entry: AccountEntry) -> None:
    if entry.guarded:
        await check_servers(connection, host=entry.host, port=entry.port, oauth_token_url=entry.oauth_token_url)


def _record(row: Any) -> AccountRecord:
    return AccountRecord(**{**dict(row), "secrets": tuple(row["secrets"])})
