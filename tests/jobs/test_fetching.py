"""run-job for one account: where it is not read, why, and what helps."""

from typing import Any

import pytest

from jobrunner.services.mailbox.accounts.state import pause
from tests.cli.calling import outside

KINDS = {
    "Personal": ("CheckEmailAccounts", "email-account", "email_account", ", assigned_user_id", ", 'ann'"),
    "Group": ("CheckInboundEmails", "inbound-email", "inbound_email", "", ""),
}


@pytest.fixture(params=KINDS)
async def account(request: pytest.FixtureRequest, connection: Any, database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    job, command, table, columns, values = KINDS[request.param]
    await connection.execute("INSERT INTO jobrunner.app_user (id, name) VALUES ('ann', 'Ann')")
    await connection.execute(
        f"INSERT INTO jobrunner.{table} (id, name, email_address, host, username, fetch_since{columns}) "
        f"OVERRIDING SYSTEM VALUE VALUES (7, 'help', 'help@example.org', '127.0.0.1', 'help', now(){values})"
    )
    return request.param, job, command, table


async def test_a_paused_account_is_said_to_be_paused(account: tuple[Any, ...], connection: Any):
    kind, job, command, _ = account
    await pause(connection, kind, 7, "the password is wrong", by="authentication")
    done = await outside("run-job", job, "--target-id", "7")
    assert done.code == 1
    assert done.err == (
        "Error: the account 'help' is paused: the password is wrong; "
        f"`jobrunner {command} resume 7` has it read again\n"
    )
    assert (await outside(command, "resume", "7")).code == 0
    assert "is paused" not in (await outside("run-job", job, "--target-id", "7")).err


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("status", "'Inactive'", "edit 7 --status Active` puts it"), ("use_imap", "false", "edit 7 --imap` has it read")],
)
async def test_one_that_is_not_read_is_said_so(
    account: tuple[Any, ...], connection: Any, column: str, value: str, words: str
):
    _, job, command, table = account
    await connection.execute(f"UPDATE jobrunner.{table} SET {column} = {value}")
    done = await outside("run-job", job, "--target-id", "7")
    assert (done.code, f"`jobrunner {command} {words}" in done.err) == (1, True), done.err


async def test_of_one_that_is_not_there_those_that_are_there_are_named(account: tuple[Any, ...]):
    _, job, _, _ = account
    done = await outside("run-job", job, "--target-id", "8")
    assert (done.code, "has no target '8'; there are: 7" in done.err) == (2, True), done.err
