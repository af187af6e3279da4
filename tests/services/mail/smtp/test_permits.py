"""Where the servers of guarded accounts may be: decided about the address that is connected to."""

import socket
from typing import Any

import pytest
from pydantic import SecretStr

from jobrunner.errors import InvalidInput
from jobrunner.queue.settings import set_setting
from jobrunner.services.mail.accounts import load_account
from jobrunner.services.mail.accounts.loading import SendingAccount
from jobrunner.services.mail.accounts.table import add_account
from jobrunner.services.mail.accounts.trial import try_account
from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.oauth import OAuth, TokenNotFetched, access_token
from jobrunner.services.mail.permit import Permit
from jobrunner.services.mail.smtp import Account, Envelope, Outcome, Phase, Session
from tests.services.mail.accounts.books import KEYRING, entry
from tests.services.mail.oauth.test_tokens import Provider, running
from tests.services.mail.smtp.scripted_server import ScriptedServer

MESSAGE = b"Subject: hello\r\n\r\nHello\r\n"
ENVELOPE = Envelope(parse_address("ann@example.com"), parse_address("bob@example.org"))
LIST = "email_server_allowed_address_list"


async def send(account: Account) -> Any:
    session = Session(account)
    try:
        return await session.send(MESSAGE, ENVELOPE)
    finally:
        await session.close()


async def test_an_internal_server_is_not_connected_to():
    async with ScriptedServer() as server:
        result = await send(Account("127.0.0.1", server.port, "none", permits=Permit("127.0.0.1")))
        assert (result.outcome, result.phase) == (Outcome.CONNECTION, Phase.CONNECT)
        assert f"127.0.0.1:{server.port} is at an internal address that may not be connected to" in result.text
        assert server.connections == 0
        allowed = Permit("127.0.0.1", (f"127.0.0.1:{server.port}",))
        assert (await send(Account("127.0.0.1", server.port, "none", permits=allowed))).outcome is Outcome.ACCEPTED


async def test_of_a_name_with_several_addresses_the_permitted_ones_are_used(monkeypatch: pytest.MonkeyPatch):
    """The resolver's last answer decides; what it said before, when the account was saved, does not."""
    import asyncio

    answers = [["10.1.2.3"], ["10.1.2.3", "127.0.0.1"]]

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with ScriptedServer() as server:
        permits = Permit("mail.example.com", (f"127.0.0.1:{server.port}",))
        account = Account("mail.example.com", server.port, "none", permits=permits)
        assert (await send(account)).outcome is Outcome.CONNECTION
        assert server.connections == 0
        assert (await send(account)).outcome is Outcome.ACCEPTED


async def test_a_permitted_server_that_is_away_is_told_as_such():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = await send(Account("127.0.0.1", port, "none", permits=Permit("127.0.0.1", (f"127.0.0.1:{port}",))))
    assert "cannot be reached" in result.text


async def test_a_login_provider_inside_is_not_asked():
    async with running(Provider(), None) as provider:
        port = int(provider.url.split(":")[2].split("/")[0])
        guarded = OAuth(provider.url, "client", SecretStr("a"), permits=Permit("127.0.0.1"))
        with pytest.raises(TokenNotFetched, match=r"internal address that may not be connected to: 127\.0\.0\.1"):
            await access_token(guarded)
        assert provider.forms == []
        allowed = OAuth(provider.url, "client", SecretStr("b"), permits=Permit("127.0.0.1", (f"127.0.0.1:{port}",)))
        assert await access_token(allowed) == ("token-1", False)


async def guarded_account(connection: Any, port: int) -> SendingAccount:
    given = entry(kind="Personal", user_id="ann", host="127.0.0.1", port=port, security="none", guarded=True)
    return await load_account(connection, KEYRING, (await add_account(connection, KEYRING, given)).key)


async def test_on_save_and_on_test(connection: Any):
    async with ScriptedServer(auth="PLAIN") as server:
        with pytest.raises(InvalidInput, match=rf"the host may not be used.*{LIST} 127.0.0.1:{server.port}`"):
            await guarded_account(connection, server.port)
        await set_setting(connection, LIST, f"127.0.0.1:{server.port}", "test")
        account = await guarded_account(connection, server.port)
        await set_setting(connection, LIST, "10.0.0.0/8", "test")
        account = await load_account(connection, KEYRING, account.key)
        trial = await try_account(account, parse_address("bob@example.org"), at=_now())
        assert not trial.taken
        assert f"settings set {LIST} 127.0.0.1:{server.port}" in (trial.advice or "")
        assert server.connections == 0


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)
