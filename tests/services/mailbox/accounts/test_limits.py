"""How many personal accounts a user may have, and where the servers of guarded accounts may be."""

import asyncio
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from jobrunner.errors import Conflict, InvalidInput
from jobrunner.queue.settings import set_setting
from jobrunner.services.mail.imap import Fault, MailboxError
from jobrunner.services.mailbox.accounts.entry import GroupEntry, PersonalEntry
from jobrunner.services.mailbox.accounts.loading import load_account
from jobrunner.services.mailbox.accounts.table import add_account, edit_account, find_account
from jobrunner.services.mailbox.accounts.trial import try_account
from tests.services.mail.imap.conftest import QUICK
from tests.services.mailbox.conftest import PostOffice
from tests.support.dovecot import PASSWORD

LIST = "email_server_allowed_address_list"


def values(office: PostOffice, name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "email_address": f"{name}@example.org",
        "host": "127.0.0.1",
        "port": office.dovecot.port,
        "security": "none",
        "username": name,
        "fetch_since": date(2020, 1, 1),
        "secrets": {"password": SecretStr(PASSWORD)},
    } | changes


async def add(office: PostOffice, name: str, owner: str = "ann", **changes: Any) -> int:
    entry = PersonalEntry(assigned_user_id=owner, **values(office, name, **changes))
    return (await add_account(office.connection, office.keyring, entry)).id


@pytest.fixture
async def users(office: PostOffice) -> None:
    await office.connection.execute(
        "INSERT INTO jobrunner.app_user (id, name, active) VALUES ('ann', 'Ann', true), ('bob', 'Bob', true)"
    )


@pytest.mark.usefixtures("users")
async def test_a_user_has_so_many_accounts_and_no_more(office: PostOffice):
    for name in ("a", "b"):
        await add(office, name)
    with pytest.raises(Conflict, match=r"the user ann may have 2 personal accounts and no more: .*settings set"):
        await add(office, "c")
    other = await add(office, "d", "bob")
    with pytest.raises(Conflict, match="the user ann may have 2"):
        await edit_account(office.connection, office.keyring, "Personal", "d", {"assigned_user_id": "ann"})
    await edit_account(office.connection, office.keyring, "Personal", "a", {"name": "still ann's"})
    assert (await find_account(office.connection, "Personal", str(other))).name == "d"
    await set_setting(office.connection, "max_email_account_count", "3", "test")
    await add(office, "e")
    await set_setting(office.connection, "administrators", "ann", "test")
    await add(office, "f")


@pytest.mark.usefixtures("users")
async def test_two_at_the_same_moment_are_counted(office: PostOffice):
    await add(office, "a")
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(office.pool.connection()) for _ in range(3)]

        async def one(line: "asyncpg.Connection[Any]", name: str) -> str:
            try:
                entry = PersonalEntry(assigned_user_id="ann", **values(office, name))
                return (await add_account(line, office.keyring, entry)).name
            except Conflict:
                return "refused"

        results = await asyncio.gather(*(one(line, name) for line, name in zip(lines, "bcd", strict=True)))
    assert sorted(results)[1:] == ["refused", "refused"]


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("entry", [PersonalEntry, GroupEntry])
async def test_what_a_user_enters_may_not_lead_into_this_network(office: PostOffice, entry: Any):
    """On save; what an administrator enters may."""
    owner = {"assigned_user_id": "ann"} if entry is PersonalEntry else {}
    await add_account(office.connection, office.keyring, entry(**owner, **values(office, "trusted")))
    words = rf"the host may not be used: 127.0.0.1 is loopback.*settings set {LIST} 127.0.0.1:{office.dovecot.port}` "
    given = values(office, "guarded", guarded=True)
    with pytest.raises(InvalidInput, match=words):
        await add_account(office.connection, office.keyring, entry(**owner, **given))
    for host in ("localhost", "mail.local", "mail", "10.1.2.3", "::1", "2130706433", "127.0.0.1.nip.internal"):
        changed = entry(**owner, **{**given, "host": host, "security": "ssl"})
        with pytest.raises(InvalidInput, match="the host may not be used"):
            await add_account(office.connection, office.keyring, changed)
    await set_setting(office.connection, LIST, f"127.0.0.1:{office.dovecot.port}", "test")
    added = await add_account(office.connection, office.keyring, entry(**owner, **given))
    with pytest.raises(InvalidInput, match="the host may not be used"):
        await edit_account(office.connection, office.keyring, added.kind, added.name, {"port": 25})
    with pytest.raises(InvalidInput, match=r"the token URL may not be used: 169.254.169.254 is link-local"):
        await edit_account(
            office.connection,
            office.keyring,
            added.kind,
            added.name,
            {
                "login": "xoauth2",
                "oauth_token_url": "https://169.254.169.254/token",
                "oauth_client_id": "x",
                "oauth_refresh_token": SecretStr("x"),
                "password": None,
            },
        )


@pytest.mark.usefixtures("users")
async def test_it_is_looked_at_again_when_it_is_connected_to(office: PostOffice):
    """Whatever was so when it was saved: on test and on fetch the very address decides, and no octet is sent there."""
    user = office.dovecot.new_user()
    await set_setting(office.connection, LIST, "127.0.0.0/8", "test")
    id = await add(office, user, guarded=True)
    office.deliver(user, "a")
    assert (await office.fetch(id)).messages["Imported"] == 1
    await set_setting(office.connection, LIST, "", "test")
    account = await load_account(office.connection, office.keyring, "Personal", id)
    trial = await try_account(account, limits=QUICK)
    assert trial.error is not None
    assert trial.error.fault is Fault.FORBIDDEN
    assert f"settings set {LIST} 127.0.0.1:{office.dovecot.port}" in (trial.advice or "")
    with pytest.raises(MailboxError) as refused:
        await office.fetch(id)
    assert refused.value.fault is Fault.FORBIDDEN
    assert "is at an internal address" in (await office.state(id))["last_trouble"]


async def test_a_list_that_an_edit_by_hand_has_broken_lets_nothing_through(office: PostOffice):
    id = await office.account("ann", guarded=True)
    for broken in ('["127.0.0.1:x"]', '"127.0.0.0/8"', "7"):
        await office.connection.execute("DELETE FROM jobrunner.setting")
        await office.connection.execute(
            "INSERT INTO jobrunner.setting (name, value, changed_by) VALUES ($1, $2::text::jsonb, 'hand')", LIST, broken
        )
        account = await load_account(office.connection, office.keyring, "Personal", id)
        assert account.imap.permits is not None
        assert not account.imap.permits("127.0.0.1", office.dovecot.port)
        assert account.imap.permits("9.9.9.9", 993)
