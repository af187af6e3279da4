"""Accounts that are read by tokens which the provider replaces: the same way as those that send."""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from jobrunner.services.mail.imap import Fault, MailboxError
from jobrunner.services.mailbox.accounts.entry import PersonalEntry
from jobrunner.services.mailbox.accounts.loading import load_account
from jobrunner.services.mailbox.accounts.table import add_account
from tests.services.mail.accounts.test_shared_tokens import Strict
from tests.services.mail.imap.scripted_server import ScriptedServer
from tests.services.mail.oauth.test_tokens import running
from tests.services.mailbox.conftest import PostOffice

CAPABILITIES = "IMAP4rev1 SASL-IR AUTH=XOAUTH2"
EMPTY = "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 1] next\r\nTAG OK [READ-WRITE] selected"


async def token_account(office: PostOffice, provider: Strict, port: int) -> int:
    await office.connection.execute("INSERT INTO jobrunner.app_user (id, name) VALUES ('ann', 'Ann')")
    entry = PersonalEntry(
        name="ann",
        email_address="ann@example.org",
        assigned_user_id="ann",
        host="127.0.0.1",
        port=port,
        security="none",
        username="ann",
        login="xoauth2",
        oauth_token_url=provider.url,
        oauth_client_id="app",
        fetch_since=date(2026, 1, 1),
        secrets={"oauth_refresh_token": SecretStr("canary-0")},
    )
    return (await add_account(office.connection, office.keyring, entry)).id


async def stored(office: PostOffice, id: int) -> str:
    oauth = (await load_account(office.connection, office.keyring, "Personal", id)).imap.oauth
    assert oauth is not None
    return oauth.refresh_token.get_secret_value()


async def test_runs_at_the_same_time_use_the_refresh_token_in_turns(office: PostOffice):
    script: dict[str, Any] = {"SELECT": EMPTY, "SEARCH": "* SEARCH\r\nTAG OK none"}
    async with running(Strict(), None) as provider, ScriptedServer(script, capabilities=CAPABILITIES) as server:
        assert isinstance(provider, Strict)
        id = await token_account(office, provider, server.port)
        for _ in range(2):
            await asyncio.gather(*(office.fetch(id) for _ in range(3)))
        assert await stored(office, id) == provider.good
        shown = [b64decode(c.split()[-1]).decode() for c in server.commands if c.startswith("AUTHENTICATE")]
    assert len(shown) == 6
    assert all("auth=Bearer token-" in one for one in shown)


async def test_a_token_that_was_used_elsewhere_is_a_clear_trouble(office: PostOffice):
    """And no secret stands in it (H21)."""
    script: dict[str, str | Callable[[str], Any]] = {"SELECT": EMPTY}
    async with running(Strict(), None) as provider, ScriptedServer(script, capabilities=CAPABILITIES) as server:
        assert isinstance(provider, Strict)
        id = await token_account(office, provider, server.port)
        provider.good = "given to somebody else"
        with pytest.raises(MailboxError) as refused:
            await office.fetch(id)
        assert refused.value.fault is Fault.LOGIN
        assert server.connections == 0
    state = await office.state(id)
    assert "the refresh token is good no more: have the access granted anew" in state["last_trouble"]
    assert "canary" not in state["last_trouble"]
