"""XOAUTH2: a real provider over TLS on this machine, and a mail server that takes its tokens."""

import asyncio
import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.oauth import (
    OAuth,
    grants,
    keeping,
    known_secrets,
    rotated_refresh_token,
    token_endpoint,
    tokens,
)
from jobrunner.services.mail.smtp import (
    Account,
    Envelope,
    Outcome,
    Phase,
    Result,
    Session,
)
from tests.services.mail.smtp.scripted_server import Action, ScriptedServer

MESSAGE = b"Subject: hello\r\n\r\nHello\r\n"
REFRESH, SECRET = "refresh-canary", "secret-canary"

Answer = Callable[[int], Any]


class Provider:
    """A token endpoint; what it answers is given by the number of the request."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.forms: list[dict[str, str]] = []
        self.url = ""
        self.answer = answer or (lambda n: {"access_token": f"token-{n}", "expires_in": 3600})
        self.asked = asyncio.Event()
        self.on_asked: Callable[[], None] = lambda: None
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        self.asked.set()
        self.on_asked()
        await self.gate.wait()
        answer = self.answer(len(self.forms))
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


@asynccontextmanager
async def running(provider: Provider, tls: ssl.SSLContext | None) -> AsyncIterator[Provider]:
    application = web.Application()
    application.router.add_post("/token", provider.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    provider.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{runner.addresses[0][1]}/token"
    try:
        yield provider
    finally:
        await runner.cleanup()


@pytest.fixture
def server_context(server_tls: Callable[..., ssl.SSLContext]) -> ssl.SSLContext:
    return server_tls()


def account(server: ScriptedServer, provider: Provider, tls: ssl.SSLContext | None, **options: Any) -> Account:
    values = {"refresh_token": SecretStr(REFRESH), "client_secret": SecretStr(SECRET)} | options
    oauth = OAuth(provider.url, "client", tls_context=tls, **values)
    return Account("127.0.0.1", server.port, "none", username="ann@example.com", oauth=oauth)


async def send(account: Account) -> Result:
    (result,) = await send_over_one(account, 1)
    return result


async def send_over_one(account: Account, number: int) -> list[Result]:
    session = Session(account)
    envelope = Envelope(parse_address("ann@example.com"), parse_address("bob@example.org"))
    try:
        return [await session.send(MESSAGE, envelope) for _ in range(number)]
    finally:
        await session.close()


def tokens_shown(server: ScriptedServer) -> list[str]:
    words = [command.split()[2] for command in server.commands if command.startswith("AUTH XOAUTH2")]
    return [b64decode(word).decode() for word in words]


async def test_a_token_is_fetched_once_and_shown_at_each_login(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext
):
    async with running(Provider(), server_context) as provider, ScriptedServer(auth="LOGIN XOAUTH2") as server:
        ours = account(server, provider, client_tls, scope="mail.send")
        assert [(await send(ours)).outcome for _ in range(3)] == [Outcome.ACCEPTED] * 3

    assert provider.forms == [
        {
            "grant_type": "refresh_token",
            "refresh_token": REFRESH,
            "client_id": "client",
            "client_secret": SECRET,
            "scope": "mail.send",
        }
    ]
    assert tokens_shown(server) == ["user=ann@example.com\1auth=Bearer token-1\1\1"] * 3
    assert REFRESH not in repr(ours)
    assert SECRET not in repr(ours)


async def test_a_token_is_used_until_a_minute_before_its_end(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
):
    now = 1000.0
    monkeypatch.setattr(tokens.time, "monotonic", lambda: now)
    async with running(Provider(), server_context) as provider:
        oauth = OAuth(provider.url, "client", SecretStr(REFRESH), tls_context=client_tls)
        assert await tokens.access_token(oauth) == ("token-1", False)
        now = 1000 + 3539
        assert await tokens.access_token(oauth) == ("token-1", True)
        now = 1000 + 3541
        assert await tokens.access_token(oauth) == ("token-2", False)


async def test_who_needs_a_token_meanwhile_waits_for_the_same(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext
):
    async with running(Provider(), server_context) as provider, ScriptedServer(auth="XOAUTH2") as server:
        provider.gate.clear()
        ours = account(server, provider, client_tls)
        sending = [asyncio.create_task(send(ours)) for _ in range(5)]
        await provider.asked.wait()
        sending[0].cancel()  # the fetch of a cancelled one is taken over by the next
        await asyncio.sleep(0)
        provider.gate.set()
        results = await asyncio.gather(*sending, return_exceptions=True)

    assert [r.outcome for r in results[1:] if isinstance(r, Result)] == [Outcome.ACCEPTED] * 4
    assert len(provider.forms) == 2


async def test_a_provider_that_refuses_says_why_and_is_not_asked_again(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext
):
    """H21."""
    words = {"error": "invalid_grant", "error_description": f"Token {REFRESH} was revoked by {SECRET}"}
    provider = Provider(lambda _: web.json_response(words, status=400))
    async with running(provider, server_context), ScriptedServer(auth="XOAUTH2") as server:
        ours = account(server, provider, client_tls)
        results = await send_over_one(ours, 2)

    assert len(provider.forms) == 1
    assert server.connections == 0
    for result in results:
        assert (result.outcome, result.phase) == (Outcome.AUTHENTICATION, Phase.LOGIN)
        assert result.text == (
            f"no login to the mail server 127.0.0.1:{server.port}: the login provider 127.0.0.1 refuses access "
            "(HTTP 400): invalid_grant: Token *** was revoked by ***; the refresh token is good no more: have the "
            "access granted anew, and enter its refresh token"
        )


async def test_a_refusal_is_shared_by_all_who_wait(server_context: ssl.SSLContext, client_tls: ssl.SSLContext):
    provider = Provider(lambda _: web.json_response({"error": "invalid_client"}, status=401))
    async with running(provider, server_context), ScriptedServer(auth="XOAUTH2") as server:
        provider.gate.clear()
        ours = account(server, provider, client_tls)
        sending = [asyncio.create_task(send(ours)) for _ in range(5)]
        await provider.asked.wait()
        provider.gate.set()
        results = await asyncio.gather(*sending)

    assert {result.outcome for result in results} == {Outcome.AUTHENTICATION}
    assert len(provider.forms) == 1


def redirected(_: int) -> web.Response:
    return web.Response(status=307, headers={"Location": "https://evil.example/token"})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: web.Response(status=503, text="later"), "gives no access (HTTP 503)"),
        (redirected, "gives no access (HTTP 307)"),
        (lambda _: web.Response(text="<html>"), "gave an answer without an access token"),
        (lambda _: ["token"], "gave an answer without an access token"),
        (lambda _: {"access_token": "a\r\nb"}, "gave an answer without an access token"),
        (lambda _: {"access_token": "x" * 100_000}, "gave an answer of more than 65536 octets"),
    ],
)
async def test_a_provider_in_trouble_is_asked_again(
    answer: Answer, words: str, server_context: ssl.SSLContext, client_tls: ssl.SSLContext
):
    provider = Provider(lambda n: answer(n) if n == 1 else {"access_token": "token"})
    async with running(provider, server_context), ScriptedServer(auth="XOAUTH2") as server:
        ours = account(server, provider, client_tls)
        first, second = await send(ours), await send(ours)

    assert first.outcome is Outcome.CONNECTION
    assert words in first.text
    assert second.outcome is Outcome.ACCEPTED


async def test_a_silent_provider_is_given_up(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
):
    """F50."""
    monkeypatch.setattr(token_endpoint, "FETCH_LIMIT", 0.2)
    async with running(Provider(), server_context) as provider, ScriptedServer(auth="XOAUTH2") as server:
        provider.gate.clear()
        result = await send(account(server, provider, client_tls))
        provider.gate.set()

    assert result.outcome is Outcome.CONNECTION
    assert result.text.endswith("the login provider 127.0.0.1 gave no answer within the limit of 0.2 s")


async def test_a_provider_without_a_good_certificate_is_told_nothing(server_context: ssl.SSLContext):
    """H06."""
    async with running(Provider(), server_context) as provider, ScriptedServer(auth="XOAUTH2") as server:
        result = await send(account(server, provider, None))

    assert result.outcome is Outcome.CONNECTION
    assert "the login provider 127.0.0.1 cannot be reached" in result.text
    assert provider.forms == []


@pytest.mark.parametrize(
    "url", ["http://login.example.com/token", "login.example.com", "ftp://127.0.0.1/", "https:///x"]
)
def test_a_provider_is_asked_over_https_only(url: str):
    with pytest.raises(ConfigurationError, match="must be an https URL"):
        OAuth(url, "client", SecretStr(REFRESH))


def test_a_login_by_tokens_needs_a_name():
    with pytest.raises(ConfigurationError, match="user's name"):
        Account("mail.example.com", oauth=OAuth("https://login.example.com/token", "client", SecretStr(REFRESH)))


async def test_a_token_withdrawn_before_its_end_is_replaced(server_context: ssl.SSLContext, client_tls: ssl.SSLContext):
    def take_all_but_the_first(command: str) -> Action | None:
        if not command:
            return "535 5.7.8 no such token"
        nonlocal withdrawn
        if withdrawn and "token-1\1" in b64decode(command.split()[2]).decode():
            return f"334 {b64encode(json.dumps({'status': '401'}).encode()).decode()}"
        return None

    withdrawn = False
    async with (
        running(Provider(), server_context) as provider,
        ScriptedServer({"AUTH": take_all_but_the_first}, auth="XOAUTH2") as server,
    ):
        ours = account(server, provider, client_tls)
        first = await send(ours)
        withdrawn = True
        second = await send(ours)

    assert [first.outcome, second.outcome] == [Outcome.ACCEPTED] * 2
    assert [shown.split("Bearer ")[1].strip("\1") for shown in tokens_shown(server)] == ["token-1"] * 2 + ["token-2"]
    assert len(provider.forms) == 2


async def test_a_mail_server_that_takes_no_token_is_not_asked_again(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext
):
    """H21."""

    def refuse(command: str) -> Action:
        return f"535 5.7.8 {b64decode(command.split()[2]).decode().split('Bearer ')[1][:7]} is no good"

    async with (
        running(Provider(), server_context) as provider,
        ScriptedServer({"AUTH": refuse}, auth="XOAUTH2") as server,
    ):
        ours = account(server, provider, client_tls)
        results = await send_over_one(ours, 2)

    assert server.connections == 1
    assert len(provider.forms) == 1
    assert [str(result) for result in results] == ["535 5.7.8 *** is no good (answer to AUTH)"] * 2
    assert results[0].outcome is Outcome.AUTHENTICATION


async def test_a_refresh_token_that_the_provider_replaces(server_context: ssl.SSLContext, client_tls: ssl.SSLContext):
    provider = Provider(lambda n: {"access_token": f"token-{n}", "expires_in": 0, "refresh_token": f"refresh-{n}"})
    async with running(provider, server_context), ScriptedServer(auth="XOAUTH2") as server:
        ours = account(server, provider, client_tls)
        assert ours.oauth is not None
        assert rotated_refresh_token(ours.oauth) is None
        await send(ours)
        await send(ours)

    assert [form["refresh_token"] for form in provider.forms] == [REFRESH, "refresh-1"]
    assert rotated_refresh_token(ours.oauth) == (SecretStr(REFRESH), SecretStr("refresh-2"))


class Shelf:
    """A store of one refresh token; it is away when told so."""

    def __init__(self, token: str) -> None:
        self.refresh_token = SecretStr(token)
        self.away = False
        self.on_keep: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["Shelf"]:
        if self.away:
            raise OSError("the database is away")
        yield self

    async def keep(self, former: SecretStr, new: SecretStr) -> bool:
        self.on_keep()
        if former != self.refresh_token:
            return False
        self.refresh_token = new
        return True


def rotating() -> Provider:
    return Provider(lambda n: {"access_token": f"token-{n}", "expires_in": 0, "refresh_token": f"canary-{n}"})


async def test_a_refresh_token_is_stored_before_its_login_goes_on(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
):
    async with running(rotating(), server_context) as provider, ScriptedServer(auth="XOAUTH2") as server:
        ours = account(server, provider, client_tls)
        assert ours.oauth is not None
        shelf, connections = Shelf(REFRESH), list[int]()

        def note() -> None:
            connections.append(server.connections)
            if len(connections) == 2:
                raise OSError("the database is away")

        shelf.on_keep = note
        with keeping(ours.oauth, shelf):
            assert (await send(ours)).outcome is Outcome.ACCEPTED
            assert shelf.refresh_token == SecretStr("canary-1")
            assert (await send(ours)).outcome is Outcome.ACCEPTED, "the mail goes all the same"
            assert shelf.refresh_token == SecretStr("canary-1")
            assert (await send(ours)).outcome is Outcome.ACCEPTED
            assert shelf.refresh_token == SecretStr("canary-3"), "canary-2 first, and then what came for it"

    assert connections == [0, 1, 2, 2]
    assert "could not be stored yet: the database is away" in caplog.text
    assert "canary" not in caplog.text


async def test_a_token_that_could_not_be_stored_is_not_asked_for(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext
):
    async with running(rotating(), server_context) as provider, ScriptedServer(auth="XOAUTH2") as server:
        ours = account(server, provider, client_tls)
        assert ours.oauth is not None
        shelf = Shelf(REFRESH)
        shelf.away = True
        with keeping(ours.oauth, shelf):
            result = await send(ours)

    assert result.outcome is Outcome.CONNECTION
    assert "no access token is fetched, since the account cannot be looked up: the database is away" in result.text
    assert provider.forms == []


async def test_what_stands_in_the_store_goes_before_what_is_known_here(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext
):
    """Another process has had the token replaced, or a person has entered a new one."""
    async with running(Provider(), server_context) as provider, ScriptedServer(auth="XOAUTH2") as server:
        ours = account(server, provider, client_tls)
        assert ours.oauth is not None
        with keeping(ours.oauth, Shelf("another")):
            await send(ours)
    assert [form["refresh_token"] for form in provider.forms] == ["another"]


async def test_who_holds_a_former_token_finds_the_same_grant(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext
):
    provider = Provider(lambda n: {"access_token": f"token-{n}", "expires_in": 3600, "refresh_token": f"canary-{n}"})
    async with running(provider, server_context):
        former = OAuth(provider.url, "client", SecretStr(REFRESH), tls_context=client_tls)
        assert await tokens.access_token(former) == ("token-1", False)
        latest = OAuth(provider.url, "client", SecretStr("canary-1"), tls_context=client_tls)
        assert await tokens.access_token(latest) == ("token-1", True)
        assert set(known_secrets(former)) == {REFRESH, "canary-1", "token-1"}


async def test_grants_that_nobody_uses_are_forgotten(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
):
    """However often tokens are replaced, and however many accounts there were."""
    now = 1e6
    monkeypatch.setattr(grants, "_grants", {})
    monkeypatch.setattr(grants.time, "monotonic", lambda: now)
    async with running(rotating(), server_context) as provider:
        busy = OAuth(provider.url, "client", SecretStr(REFRESH), tls_context=client_tls)
        for _ in range(20):
            await tokens.access_token(busy)
        assert len(grants._grants) == grants.REMEMBERED
        for number in range(100):
            tokens.rotated_refresh_token(OAuth(provider.url, "client", SecretStr(f"{number}")))
            grants.grant_of(OAuth(provider.url, "client", SecretStr(f"{number}")))
            now += 3600.0
        assert len(grants._grants) <= grants.LOOK_AT + grants.REMEMBERED


async def test_a_server_that_says_the_token_again_is_not_repeated(
    server_context: ssl.SSLContext, client_tls: ssl.SSLContext
):
    """H21: long after the login, too."""
    script = {"MAIL": "550 5.7.1 what is token-1, and who is canary-refresh?"}
    async with (
        running(Provider(), server_context) as provider,
        ScriptedServer(script, auth="XOAUTH2") as server,  # type: ignore[arg-type]
    ):
        result = await send(account(server, provider, client_tls, refresh_token=SecretStr("canary-refresh")))
    assert result.text == "5.7.1 what is ***, and who is ***?"


@pytest.mark.parametrize(
    ("options", "offered", "words"),
    [
        ({"mechanism": "cram-md5"}, "PLAIN LOGIN", "offers no login by CRAM-MD5; it offers: LOGIN, PLAIN"),
        ({"mechanism": "plain"}, "XOAUTH2", "offers no login by PLAIN; it offers: XOAUTH2"),
        ({}, "XOAUTH2", "offers no login that we know (PLAIN, LOGIN, CRAM-MD5)"),
    ],
)
async def test_a_mechanism_that_is_not_offered_sends_nothing(options: dict[str, Any], offered: str, words: str):
    async with ScriptedServer(auth=offered) as server:
        ours = Account("127.0.0.1", server.port, "none", "system", SecretStr("canary"), **options)
        result = await send(ours)

    assert result.outcome is Outcome.AUTHENTICATION
    assert words in result.text
    assert not any(command.startswith("AUTH") for command in server.commands)


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram-md5"])
async def test_the_configured_mechanism_is_used(mechanism: Any):
    script = {"AUTH": lambda c: "535 5.7.8 wrong" if not c or c.startswith("AUTH PLAIN") else None}
    async with ScriptedServer(script, auth="PLAIN LOGIN CRAM-MD5") as server:  # type: ignore[arg-type]
        await send(Account("127.0.0.1", server.port, "none", "system", SecretStr("canary"), mechanism=mechanism))

    assert [c.split()[1] for c in server.commands if c.startswith("AUTH")] == [mechanism.upper()]
