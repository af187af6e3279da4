"""The tables of accounts that are read: adding, listing, changing, beginning anew, removing. Both kinds go one way."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.refusals import Refusals
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, not_found
from jobrunner.services.mail.entries import changed, check_servers, seal
from jobrunner.services.mail.entry_checks import Secrets
from jobrunner.services.mail.importing.storing.outcome import Kind
from jobrunner.services.mail.settings import load_mail_server_settings
from jobrunner.services.mailbox.accounts.entry import SECRETS, GroupEntry, MailboxEntry, PersonalEntry
from jobrunner.services.mailbox.accounts.loading import COMMANDS, TABLES, place_of
from jobrunner.services.mailbox.accounts.records import RECORDS, MailboxRecord
from jobrunner.services.mailbox.accounts.state import read_states, resume

DRAW_ACCOUNT_ID = load(__package__, "draw_account_id")
HAS_BEGUN = load(__package__, "has_begun")
HAS_ROOM_FOR_ACCOUNT = load(__package__, "has_room_for_account")
RESET_ACCOUNT = load(__package__, "reset_account")

refusals_in_words = Refusals({}, quoting=False).in_words


@dataclass(frozen=True, slots=True)
class _Statements:
    add: str
    edit: str
    list: str
    remove: str

    @classmethod
    def of(cls, table: str) -> "_Statements":
        names = (f"add_{table}", f"edit_{table}", f"list_{table}s", f"remove_{table}")
        return cls(*(load(__package__, name) for name in names))


STATEMENTS: dict[Kind, _Statements] = {kind: _Statements.of(table) for kind, table in TABLES.items()}
WORDS: dict[Kind, str] = {"Personal": "personal account", "Group": "group account"}


async def add_account(connection: Queryable, keyring: Keyring, entry: MailboxEntry) -> MailboxRecord:
    """Add an account, of the kind that the entry is of, and return it.

    Raises:
        InvalidInput: a value is refused, or refers to what is not there; nothing was written.
        Conflict: there is one of that name, or its owner has as many as may be.
        ConfigurationError: it has a secret, and there is no key to seal it with.
    """
    kind: Kind = "Group" if isinstance(entry, GroupEntry) else "Personal"
    entry.check()
    await _check_servers(connection, entry)
    id: int = (await connection.fetch(DRAW_ACCOUNT_ID, TABLES[kind]))[0]["id"]
    row = {"id": id, **_row(entry), **_sealed(keyring, kind, id, entry.secrets)}
    most = await _most_accounts(connection, entry)
    with refusals_in_words(WORDS[kind]):
        added = await connection.fetch(STATEMENTS[kind].add, json.dumps(row), *most)
    if not added:
        raise _no_room(entry, *most)
    return await find_account(connection, kind, str(id))


async def edit_account(
    connection: Queryable, keyring: Keyring, kind: Kind, name: str, changes: Mapping[str, Any]
) -> tuple[MailboxRecord, MailboxRecord]:
    """Change an account and return it as it was and as it is.

    `changes` are fields of its entry and columns of `SECRETS` (a SecretStr, or None to remove it). A change of how it
    connects ends what held it back, but not a person's pause. With another host or username its folders are read as if
    for the first time: it is another mailbox, whose numbers mean other messages.

    Raises:
        NotFound: there is no such account.
        InvalidInput: a value is refused; nothing was written.
        Conflict: the name is taken, somebody else changed the account at this moment, or it was read already and its
            first day is to be another.
    """
    before = await find_account(connection, kind, name)
    change = changed(before.entry(), changes, SECRETS)
    entry = change.entry
    entry.check()
    await _check_servers(connection, entry)
    if entry.fetch_since != before.fetch_since and await _has_begun(connection, before):
        raise Conflict(
            f"the {WORDS[kind]} {before.name!r} has been read already: `jobrunner {COMMANDS[kind]} reset {before.id} "
            "--since DATE` begins it anew from another day"
        )
    row = {**_row(entry), **_sealed(keyring, kind, before.id, entry.secrets)}
    await _check_room_of_new_owner(connection, before, entry)
    with refusals_in_words(WORDS[kind]):
        rows = await connection.fetch(
            STATEMENTS[kind].edit, before.id, json.dumps(row), before.modified_at, change.secrets
        )
    if not rows:
        raise Conflict(
            f"the {WORDS[kind]} {before.name!r} was changed or removed by somebody else at this moment: look again"
        )
    if change.mends:
        await resume_unless_paused(connection, kind, before.id)
    return before, await find_account(connection, kind, str(before.id))


async def resume_unless_paused(connection: Queryable, kind: Kind, id: int) -> bool:
    """End what holds an account back, but not a pause by a person; return whether anything did."""
    state = (await read_states(connection, kind, [id])).get(id)
    if state is not None and state.paused_kind == "person":
        return False
    return await resume(connection, kind, id)


async def find_account(connection: Queryable, kind: Kind, name: str) -> MailboxRecord:
    """Return an account by its name or id.

    Raises:
        NotFound: there is none; with the nearest names.
    """
    rows = await connection.fetch(STATEMENTS[kind].list, name)
    if rows:
        return _record(kind, rows[0])
    known = [account.name for account in await list_accounts(connection, kind)]
    raise not_found(WORDS[kind], name, known)


async def list_accounts(connection: Queryable, kind: Kind) -> list[MailboxRecord]:
    """Return all accounts of a kind, the oldest first."""
    return [_record(kind, row) for row in await connection.fetch(STATEMENTS[kind].list, None)]


async def reset_account(connection: Queryable, kind: Kind, name: str, since: date) -> MailboxRecord:
    """Begin an account anew from a day: a fetch that runs stores nothing more, and what is known is not doubled.

    Raises:
        NotFound: there is no such account.
    """
    account = await find_account(connection, kind, name)
    await connection.fetch(RESET_ACCOUNT, kind, account.id, since)
    return await find_account(connection, kind, str(account.id))


async def remove_account(connection: Queryable, kind: Kind, name: str) -> MailboxRecord:
    """Remove an account and what is known of its reading, and return it as it was. Its mails stay.

    Raises:
        NotFound: there is no such account.
    """
    account = await find_account(connection, kind, name)
    await connection.fetch(STATEMENTS[kind].remove, account.id)
    return account


async def _check_servers(connection: Queryable, entry: MailboxEntry) -> None:
    if entry.guarded and entry.host is not None:
        await check_servers(connection, host=entry.host, port=entry.port, oauth_token_url=entry.oauth_token_url)


async def _most_accounts(connection: Queryable, entry: MailboxEntry) -> tuple[int, ...]:
    """Return how many accounts the owner may have, as the statement takes it; nothing for a group account."""
    if not isinstance(entry, PersonalEntry):
        return ()
    return ((await load_mail_server_settings(connection)).max_email_account_count,)


async def _check_room_of_new_owner(connection: Queryable, before: MailboxRecord, entry: MailboxEntry) -> None:
    if not isinstance(entry, PersonalEntry) or getattr(before, "assigned_user_id", None) == entry.assigned_user_id:
        return
    most = await _most_accounts(connection, entry)
    (row,) = await connection.fetch(HAS_ROOM_FOR_ACCOUNT, entry.assigned_user_id, *most)
    if not row["has_room"]:
        raise _no_room(entry, *most)


def _no_room(entry: MailboxEntry, most: int = 0) -> Conflict:
    owner = entry.assigned_user_id if isinstance(entry, PersonalEntry) else ""
    return Conflict(
        f"the user {owner} may have {most} personal accounts and no more: `jobrunner settings set "
        "max_email_account_count NUMBER` changes that; administrators (the setting of that name) may have any number"
    )


async def _has_begun(connection: Queryable, account: MailboxRecord) -> bool:
    rows = await connection.fetch(HAS_BEGUN, account.kind, account.id, account.epoch)
    return bool(rows[0]["has_begun"])


def _row(entry: MailboxEntry) -> dict[str, Any]:
    since = entry.fetch_since
    return {**entry.columns(), "fetch_since": None if since is None else since.isoformat()}


def _sealed(keyring: Keyring, kind: Kind, id: int, secrets: Secrets) -> dict[str, str]:
    return seal(keyring, secrets, lambda column: place_of(kind, id, column))


def _record(kind: Kind, row: Any) -> MailboxRecord:
    values = dict(row)
    for column in ("monitored_folders", "secrets", "teams"):
        if column in values:
            values[column] = tuple(values[column])
    if "folder_map" in values:
        values["folder_map"] = json.loads(values["folder_map"])
    return RECORDS[kind](**values)
