"""The tables of mail in refuse what must not be."""

from typing import Any

import asyncpg
import pytest

USER = "INSERT INTO jobrunner.app_user (id, name) VALUES ('u', 'U')"
ACCOUNT = """
    INSERT INTO jobrunner.email_account (assigned_user_id, name, email_address, host, username, fetch_since)
    VALUES ('u', 'Mine', 'u@example.org', 'mx.example.org', 'u', '2026-01-01')
    RETURNING id
"""
GROUP = """
    INSERT INTO jobrunner.inbound_email (name, email_address, host, username, fetch_since)
    VALUES ('Help', 'help@example.org', 'mx.example.org', 'help', '2026-01-01')
    RETURNING id
"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE jobrunner.email_account SET password = 'in clear'",
        "UPDATE jobrunner.email_account SET fetch_since = NULL",
        "UPDATE jobrunner.email_account SET store_sent_emails = true",
        "UPDATE jobrunner.email_account SET login = 'xoauth2'",
        "UPDATE jobrunner.email_account SET email_address = E'a@b>\\r\\n'",
        "UPDATE jobrunner.email_account SET monitored_folders = '{}'",
        "UPDATE jobrunner.email_account SET monitored_folders = ARRAY[E'a\\r\\nb']",
        "INSERT INTO jobrunner.email_filter (name) VALUES ('nobody''s')",
        "INSERT INTO jobrunner.email_filter (name, is_global, user_id) VALUES ('two owners', true, 'u')",
        "INSERT INTO jobrunner.email_filter (name, is_global, action) VALUES ('x', true, 'None')",
        "INSERT INTO jobrunner.email_filter (name, user_id, action) VALUES ('x', 'u', 'Move to Folder')",
        "INSERT INTO jobrunner.inbound_email (name, email_address, use_imap, reply) VALUES ('x', 'x@y.z', false, true)",
    ],
)
async def test_refused(connection: "asyncpg.Connection[Any]", statement: str):
    await connection.execute(USER)
    await connection.fetchval(ACCOUNT)
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.NotNullViolationError)):
        await connection.execute(statement)


async def test_what_belongs_to_an_account_goes_with_it(connection: "asyncpg.Connection[Any]"):
    await connection.execute(USER)
    for kind, table, statement in (("Personal", "email_account", ACCOUNT), ("Group", "inbound_email", GROUP)):
        id = await connection.fetchval(statement)
        await connection.execute(
            "INSERT INTO jobrunner.mail_folder_state (account_kind, account_id, folder, epoch, uid_validity)"
            " VALUES ($1, $2, 'INBOX', 0, 1)", kind, id,
        )  # fmt: skip
        await connection.execute(f"DELETE FROM jobrunner.{table}")
        assert await connection.fetchval("SELECT count(*) FROM jobrunner.mail_folder_state") == 0


async def test_passwords_are_found_for_rotation(connection: "asyncpg.Connection[Any]"):
    await connection.execute(USER)
    await connection.fetchval(ACCOUNT)
    sealed = "v1:00000000:" + "A" * 40
    await connection.execute("UPDATE jobrunner.email_account SET password = $1", sealed)
    found = await connection.fetch("SELECT * FROM jobrunner.list_sealed()")
    assert [(row["table_name"], row["column_name"], row["sealed"]) for row in found] == [
        ("email_account", "password", sealed)
    ]
