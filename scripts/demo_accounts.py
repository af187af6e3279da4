"""The accounts of the demo of mail in, with whom they belong to; they lead to the Dovecot of the start that runs."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from demo_dovecot import Dovecot
from demo_mailing import PERSONS
from pydantic import SecretStr

from jobrunner.db.connection import Connection
from jobrunner.db.file_lock import FileLock
from jobrunner.db.secrets import Keyring
from jobrunner.errors import NotFound
from jobrunner.services.mail.importing.storing.outcome import Kind
from jobrunner.services.mailbox.accounts.entry import GroupEntry, MailboxEntry, PersonalEntry
from jobrunner.services.mailbox.accounts.table import add_account, edit_account, find_account

ADA, HELP = "ada", "help"
"""Accounts and mailboxes are called like that; their addresses are at example.com."""
KINDS: dict[str, Kind] = {ADA: "Personal", HELP: "Group"}

USERS = """
INSERT INTO jobrunner.app_user (id, name, email, time_zone)
VALUES
    ('demo-ada', 'Ada Lovelace', 'ada@example.com', 'Europe/London'),
    ('demo-katherine', 'Katherine Johnson', 'katherine@example.com', 'America/New_York')
ON CONFLICT (id) DO NOTHING
"""
TEAM = "INSERT INTO jobrunner.team (id, name) VALUES ('demo-support', 'Support') ON CONFLICT (id) DO NOTHING"
MEMBERS = """
INSERT INTO jobrunner.team_member (team_id, user_id, position)
VALUES ('demo-support', 'demo-ada', 'Engineer'), ('demo-support', 'demo-katherine', 'Engineer')
ON CONFLICT DO NOTHING
"""
TEMPLATE = """
INSERT INTO jobrunner.email_template (name, subject, body, is_html)
VALUES (
    'Receipt',
    'We have your mail',
    E'Hello,\\n\\nyour mail has arrived, and somebody of us will answer it soon.\\n\\nThe Garden',
    false
)
ON CONFLICT (name) DO NOTHING
"""
FIND_TEMPLATE = "SELECT t.id FROM jobrunner.email_template AS t WHERE t.name = 'Receipt'"
REST = tuple(
    f"""
    UPDATE jobrunner.{table}
    SET status = 'Inactive', modified_at = clock_timestamp()
    WHERE name IN ('ada', 'help')
        AND host = '127.0.0.1'
        AND status = 'Active'
    """
    for table in ("email_account", "inbound_email")
)


async def lead_accounts(connection: Connection, keyring: Keyring, dovecot: Dovecot) -> None:
    """Write the sample data unless they are there; the accounts lead to this Dovecot."""
    for statement in (PERSONS, USERS, TEAM, MEMBERS, TEMPLATE):
        await connection.fetch(statement)
    template = (await connection.fetch(FIND_TEMPLATE))[0]["id"]
    for name in KINDS:
        await _point(connection, keyring, _entry(name, template, dovecot))


async def rest(connection: Connection) -> None:
    """Take the accounts out of use: nobody listens there any more."""
    for statement in REST:
        await connection.fetch(statement)


async def rest_unless_used(connection: Connection, data_dir: Path) -> None:
    """Take the accounts of a former start out of use, whose Dovecot may be gone, unless one runs beside."""
    lock = lock_of(data_dir)
    if lock.try_exclusive():
        try:
            await rest(connection)
        finally:
            lock.release()


def lock_of(data_dir: Path) -> FileLock:
    """Return the lock that the start of the demo holds whose Dovecot the accounts lead to."""
    return FileLock(data_dir / "mail.lock")


def _entry(name: str, template: int, dovecot: Dovecot) -> MailboxEntry:
    common: Mapping[str, Any] = {
        "name": name,
        "email_address": f"{name}@example.com",
        "host": "127.0.0.1",
        "port": dovecot.port,
        "security": "none",
        "username": name,
        "fetch_since": date.today(),
        "secrets": {"password": SecretStr(dovecot.password)},
    }
    if name == ADA:
        return PersonalEntry(**common, assigned_user_id="demo-ada")
    return GroupEntry(
        **common,
        teams=("demo-support",),
        team_id="demo-support",
        create_case=True,
        case_distribution="Round-Robin",
        reply=True,
        reply_email_template_id=template,
        from_name="The Garden",
    )


async def _point(connection: Connection, keyring: Keyring, entry: MailboxEntry) -> None:
    kind = KINDS[entry.name]
    try:
        await find_account(connection, kind, entry.name)
    except NotFound:
        await add_account(connection, keyring, entry)
        return
    changes = {"port": entry.port, "password": entry.secrets["password"], "status": "Active"}
    await edit_account(connection, keyring, kind, entry.name, changes)
