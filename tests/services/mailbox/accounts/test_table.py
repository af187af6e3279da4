"""Accounts that are read, as they are entered, changed and removed; what a person sees of it is in tests/cli."""

from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from jobrunner.db.secrets import Key, Keyring
from jobrunner.db.secrets.rotation import rotate
from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.mailbox.accounts import table
from jobrunner.services.mailbox.accounts.entry import GroupEntry, MailboxEntry, PersonalEntry
from jobrunner.services.mailbox.accounts.loading import load_account
from jobrunner.services.mailbox.accounts.table import (
    add_account,
    edit_account,
    find_account,
    list_accounts,
    remove_account,
    reset_account,
)

PASSWORD = SecretStr("canary-t4ble")
KEYRING = Keyring([Key(bytes(range(32)))])
NEXT = Keyring([Key(bytes(range(1, 33))), *KEYRING.keys])
SINCE = date(2026, 1, 31)
TOKENS: dict[str, Any] = {
    "login": "xoauth2",
    "oauth_token_url": "https://login.example.org/token",
    "oauth_client_id": "id",
    "secrets": {"oauth_refresh_token": SecretStr("refresh"), "oauth_client_secret": SecretStr("client")},
}


def values(**more: Any) -> dict[str, Any]:
    return {
        "name": "n", "email_address": "n@example.org", "host": "imap.example.org", "username": "n",
        "fetch_since": SINCE, "secrets": {"password": PASSWORD},
    } | more  # fmt: skip


def personal(**more: Any) -> PersonalEntry:
    return PersonalEntry(**values(**({"assigned_user_id": "ann"} | more)))


def group(**more: Any) -> GroupEntry:
    return GroupEntry(**values(**more))


@pytest.fixture
async def line(connection: Any) -> Any:
    await connection.execute("INSERT INTO jobrunner.app_user (id, name) VALUES ('ann', 'Ann')")
    await connection.execute("INSERT INTO jobrunner.team (id, name) VALUES ('t1', 'Support')")
    return connection


@pytest.mark.parametrize(
    "entry", [personal(), group(teams=("t1",), assign_to_user_id="ann")], ids=["personal", "group"]
)
async def test_what_is_entered_is_what_is_stored(line: Any, entry: MailboxEntry):
    added = await add_account(line, KEYRING, entry)
    assert added.entry().columns() == entry.columns()
    assert await list_accounts(line, added.kind) == [added]
    assert await find_account(line, added.kind, "n") == added
    assert (await remove_account(line, added.kind, "n")).id == added.id
    with pytest.raises(NotFound, match="there is no"):
        await find_account(line, added.kind, "n")


@pytest.mark.parametrize("entry", [personal(**TOKENS), group(**TOKENS)], ids=["personal", "group"])
async def test_secrets_are_sealed_for_their_place_and_found_when_keys_change(line: Any, entry: MailboxEntry):
    """What is sealed under one key is sealed anew under the next, in the tables of mail in, too."""
    added = await add_account(line, KEYRING, entry)
    assert added.secrets == ("oauth_client_secret", "oauth_refresh_token")
    assert (await rotate(line, NEXT)).resealed == 2
    loaded = await load_account(line, Keyring(NEXT.keys[:1]), added.kind, added.id)
    assert loaded.imap.oauth is not None
    assert loaded.imap.oauth.refresh_token.get_secret_value() == "refresh"
    assert loaded.imap.password is None


async def test_a_change_that_somebody_else_was_quicker_with_is_refused(line: Any, monkeypatch: pytest.MonkeyPatch):
    """The row is as it was read, or nothing is written."""
    added = await add_account(line, KEYRING, personal())
    await line.execute("UPDATE jobrunner.email_account SET port = 995, modified_at = now() + interval '1 s'")

    async def as_read_before(*_: Any) -> Any:
        return added

    with monkeypatch.context() as patch:
        patch.setattr(table, "find_account", as_read_before)
        with pytest.raises(Conflict, match="was changed or removed by somebody else at this moment"):
            await edit_account(line, KEYRING, "Personal", "n", {"port": 143})
    assert (await find_account(line, "Personal", "n")).port == 995


async def test_a_reset_counts_and_begins_the_folders_anew(line: Any):
    added = await add_account(line, KEYRING, group())
    after = await reset_account(line, "Group", str(added.id), date(2026, 2, 1))
    assert (after.epoch, after.fetch_since) == (1, date(2026, 2, 1))
    with pytest.raises(NotFound):
        await reset_account(line, "Personal", "n", SINCE)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (personal(name="12"), "ids are numbers"),
        (personal(name=" n"), "the name must be 1 to 255 letters"),
        (personal(email_address="n" * 90 + "@example.org"), "at most 100|64"),
        (personal(host="imaps://x"), "without scheme"),
        (personal(host=None), "needs the host of the IMAP server"),
        (personal(fetch_since=None), "needs the day"),
        (personal(secrets={}), "a login needs a password"),
        (personal(security="none"), "no password goes in clear"),
        (personal(store_sent_emails=True), "the folder for it must be named"),
        (personal(monitored_folders=()), "1 to 100 folders"),
        (personal(monitored_folders=("a\nb",)), "the folder must be one line"),
        (personal(**{**TOKENS, "oauth_token_url": "http://login.example.org"}), "must begin with https://"),
        (personal(assigned_user_id="nobody"), "refers to what is not there"),
        (group(teams=("t9",)), "refers to what is not there"),
        (group(from_name="a\nb"), "the from name must be one line"),
        (group(reply_to_address="x"), "it has no @"),
    ],
)
async def test_what_cannot_be_right_is_refused(line: Any, entry: MailboxEntry, sentence: str):
    with pytest.raises(InvalidInput, match=sentence) as refused:
        await add_account(line, KEYRING, entry)
    assert PASSWORD.get_secret_value() not in str(refused.value)
    assert await list_accounts(line, "Personal") == await list_accounts(line, "Group") == []


async def test_an_account_that_is_not_read_needs_no_server(line: Any):
    entry = personal(use_imap=False, host=None, username=None, fetch_since=None, secrets={})
    assert (await add_account(line, KEYRING, entry)).host is None
    with pytest.raises(InvalidInput, match="needs the host"):
        await edit_account(line, KEYRING, "Personal", "n", {"use_imap": True})
    with pytest.raises(InvalidInput, match="an account has no 'prt'; did you mean port"):
        await edit_account(line, KEYRING, "Personal", "n", {"prt": 1})
