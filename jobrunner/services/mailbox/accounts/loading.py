"""Accounts as they are when mail is fetched: from their rows, with their secrets."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pydantic import SecretStr

from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, NotFound
from jobrunner.services.mail.accounts.loading import oauth_of
from jobrunner.services.mail.imap import Account
from jobrunner.services.mail.importing.storing.outcome import AccountRef, Kind
from jobrunner.services.mail.permit import Permit
from jobrunner.services.mail.settings import read_allowed_addresses

LOAD_ACCOUNTS = load(__package__, "load_accounts")
TABLES: dict[Kind, Literal["email_account", "inbound_email"]] = {"Personal": "email_account", "Group": "inbound_email"}
COMMANDS: dict[Kind, str] = {"Personal": "email-account", "Group": "inbound-email"}
"""The groups of commands that are about them."""


@dataclass(frozen=True)
class FetchAccount:
    """An account that is read."""

    ref: AccountRef
    name: str
    email_address: str
    imap: Account
    folders: tuple[str, ...]
    """Names, in Unicode; `*` stands for any run of characters."""
    fetch_since: date
    keep_unread: bool
    """Nothing is marked as read at the server."""
    idle: bool
    """It is to be watched where the server can."""
    sent_folder: str | None
    user_id: str | None
    """The owner of a personal account."""

    def __str__(self) -> str:
        return f"the {'personal' if self.ref.kind == 'Personal' else 'group'} account {self.name!r}"


async def load_account(connection: Queryable, keyring: Keyring, kind: Kind, id: int) -> FetchAccount:
    """Return an account that is fetched from.

    Raises:
        NotFound: there is no such account.
        Conflict: it is not to be fetched from: it is inactive, has no IMAP, or its owner is not active.
        SecretUnreadable: its password or a token cannot be opened.
    """
    rows = await connection.fetch(LOAD_ACCOUNTS, kind, [id])
    command = f"jobrunner {COMMANDS[kind]}"
    if not rows:
        raise NotFound(f"there is no {kind.lower()} e-mail account {id}: `{command} list` shows all")
    row = rows[0]
    if row["status"] != "Active":
        raise Conflict(f"the account {row['name']!r} is not active: `{command} edit {id} --status Active`")
    if not row["use_imap"]:
        raise Conflict(f"the account {row['name']!r} is not read, since it does not use IMAP")
    if not row["is_owned"]:
        raise Conflict(f"the account {row['name']!r} is not read, since its owner {row['user_id']} is not active")
    return account_of(row, keyring)


def account_of(row: Any, keyring: Keyring) -> FetchAccount:
    """Return the account that a row of `load_accounts.sql` describes."""
    kind: Kind = row["kind"]

    def opened(column: str) -> SecretStr | None:
        sealed = row[column]
        return None if sealed is None else keyring.open(sealed, place=place_of(kind, row["id"], column))

    is_xoauth2 = row["login"] == "xoauth2"
    allowed = read_allowed_addresses(row["allowed_addresses"]) if row["guarded"] else None
    return FetchAccount(
        ref=AccountRef(kind, row["id"], row["epoch"]),
        name=row["name"],
        email_address=row["email_address"],
        imap=Account(
            host=row["host"],
            username=row["username"],
            port=row["port"],
            password=opened("password"),
            security=row["security"],
            mechanism=None if is_xoauth2 or row["login"] == "auto" else row["login"],
            oauth=oauth_of(row, opened, allowed) if is_xoauth2 else None,
            permits=None if allowed is None else Permit(row["host"], allowed),
        ),
        folders=tuple(row["monitored_folders"]),
        fetch_since=row["fetch_since"],
        keep_unread=row["keep_fetched_emails_unread"],
        idle=row["idle"],
        sent_folder=row["sent_folder"],
        user_id=row["user_id"],
    )


def place_of(kind: Kind, id: int, column: str) -> str:
    """Return what a secret of an account is bound to."""
    return f"{TABLES[kind]}/{id}/{column}"
