"""Logging in: every mechanism by a scripted server, and what is refused."""

import hmac
import logging
from base64 import b64decode, b64encode
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from jobrunner.services.mail.imap import Fault, MailboxError, connect
from jobrunner.services.mail.imap import connecting as connecting_module
from jobrunner.services.mail.imap.login import _is_private, without_secrets
from jobrunner.services.mail.oauth import OAuth, TokenNotFetched
from tests.services.mail.imap.conftest import make_account
from tests.services.mail.imap.scripted_server import Script, ScriptedServer
from tests.support.dovecot import PASSWORD

TOKEN = "canary-t0ken"


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


async def log_in(script: Script, capabilities: str, **options: Any) -> list[str]:
    """What was sent to log in."""
    async with ScriptedServer(script, capabilities=f"IMAP4rev1 {capabilities}") as server:
        mailbox = await connect(make_account(server.port, **options))
        await mailbox.logout()
        return [command for command in server.commands if command not in ("CAPABILITY", "LOGOUT")]


async def refused(script: Script, capabilities: str, **options: Any) -> tuple[MailboxError, list[str]]:
    async with ScriptedServer(script, capabilities=f"IMAP4rev1 {capabilities}") as server:
        with pytest.raises(MailboxError) as caught:
            await connect(make_account(server.port, **options))
        await server.until("CLOSED")
        error = caught.value
        for secret in (PASSWORD, TOKEN, b64(f"\0ann\0{PASSWORD}")):
            assert secret not in f"{error} {error.words}"
        return error, server.commands


PLAIN = b64(f"\0ann\0{PASSWORD}")


async def test_plain_with_its_response_at_once_or_when_asked():
    assert await log_in({}, "AUTH=PLAIN SASL-IR") == [f"AUTHENTICATE PLAIN {PLAIN}"]
    assert await log_in({"AUTHENTICATE": ["+ "]}, "AUTH=PLAIN") == ["AUTHENTICATE PLAIN", PLAIN]


async def test_a_name_and_a_password_beyond_ascii():
    """By LOGIN the library sends them as they are, the name without quotes."""
    (command,) = await log_in({}, "AUTH=PLAIN SASL-IR", username="jürgen müller", password=SecretStr("pä ß"))
    assert b64decode(command.split()[-1]).decode() == "\0jürgen müller\0pä ß"


async def test_login_as_a_mechanism_and_as_a_command():
    challenges = {"AUTHENTICATE": [f"+ {b64('Username:')}", f"+ {b64('Password:')}"]}
    assert await log_in(challenges, "AUTH=LOGIN") == ["AUTHENTICATE LOGIN", b64("ann"), b64(PASSWORD)]
    quoted = await log_in({}, "", username='an "n', password=SecretStr('a\\b"c'))
    assert quoted == ['LOGIN "an \\"n" "a\\\\b\\"c"']


async def test_cram_md5():
    digest = hmac.new(PASSWORD.encode(), b"<1@test>", "md5").hexdigest()
    sent = await log_in({"AUTHENTICATE": [f"+ {b64('<1@test>')}"]}, "AUTH=CRAM-MD5 LOGINDISABLED")
    assert sent == ["AUTHENTICATE CRAM-MD5", b64(f"ann {digest}")]


async def test_the_configured_mechanism_or_none():
    assert (await log_in({}, "AUTH=CRAM-MD5 AUTH=PLAIN SASL-IR"))[0].startswith("AUTHENTICATE PLAIN")
    error, commands = await refused({}, "AUTH=PLAIN", mechanism="cram-md5")
    assert error.fault is Fault.NO_LOGIN
    assert "none by CRAM-MD5, but PLAIN" in str(error)
    assert commands == ["CAPABILITY"]


async def test_login_that_is_disabled():
    error, commands = await refused({}, "LOGINDISABLED")
    assert error.fault is Fault.NO_LOGIN
    assert commands == ["CAPABILITY"]


async def test_an_account_without_a_password():
    assert (await refused({}, "AUTH=PLAIN", password=None))[0].fault is Fault.NO_LOGIN


async def test_what_is_offered_after_the_login_counts():
    async with ScriptedServer({"AUTHENTICATE": "TAG OK [CAPABILITY IMAP4rev1 IDLE X-NEW] in"}) as server:
        mailbox = await connect(make_account(server.port))
        assert mailbox.capabilities == {"IMAP4REV1", "IDLE", "X-NEW"}
        assert server.commands.count("CAPABILITY") == 1
        await mailbox.logout()


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("TAG NO [AUTHENTICATIONFAILED] wrong", Fault.LOGIN),
        ("TAG NO no", Fault.LOGIN),
        ("TAG NO [UNAVAILABLE] later", Fault.BUSY),
        ("TAG BAD syntax", Fault.DENIED),
        ("* BYE too many failures", Fault.BYE),
    ],
)
async def test_refusals(answer: str, fault: Fault):
    """Once only: servers lock accounts."""
    error, commands = await refused({"AUTHENTICATE": answer}, "AUTH=PLAIN SASL-IR")
    assert error.fault is fault
    assert sum(command.startswith("AUTHENTICATE") for command in commands) == 1


async def test_a_server_that_sends_the_password_back():
    """H21."""
    for echo in (PASSWORD, PLAIN, f"AUTHENTICATE PLAIN {PLAIN}", f'"{PASSWORD}"'):
        error, _ = await refused({"AUTHENTICATE": f"TAG NO {echo} is wrong"}, "AUTH=PLAIN SASL-IR")
        assert "***" in error.words
        error, _ = await refused({"AUTHENTICATE": f"* BYE {echo}"}, "AUTH=PLAIN SASL-IR")
        assert "***" in error.words


async def test_no_secret_in_any_log(caplog: pytest.LogCaptureFixture):
    """H21: the library writes each line that it sends to its log, by AUTHENTICATE with the password in base64."""
    with caplog.at_level(logging.DEBUG):
        await log_in({}, "AUTH=PLAIN SASL-IR")
        await log_in({}, "")
    assert PASSWORD not in caplog.text
    assert PLAIN not in caplog.text


@pytest.mark.parametrize(
    ("peer", "tls", "private"),
    [
        (("127.0.0.1", 1), None, True),
        (("::1", 1, 0, 0), None, True),
        (("192.0.2.1", 1), None, False),
        (("192.0.2.1", 1), object(), True),
        (None, None, False),
        (("host", 1), None, False),
    ],
)
def test_a_password_goes_over_tls_or_to_this_machine_only(peer: Any, tls: Any, private: bool):
    transport = SimpleNamespace(get_extra_info={"peername": peer, "ssl_object": tls}.get)
    assert _is_private(SimpleNamespace(transport=transport)) is private  # type: ignore[arg-type]


async def test_nothing_is_sent_in_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jobrunner.services.mail.imap.login._is_private", lambda _: False)
    error, commands = await refused({}, "AUTH=PLAIN SASL-IR")
    assert error.fault is Fault.NO_LOGIN
    assert "set the account's security to tls or ssl" in str(error)
    assert commands == ["CAPABILITY"]


# Access tokens


@pytest.fixture
def oauth(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A provider whose tokens are those of `given`, the first of them kept from before."""
    given: list[Any] = [(TOKEN, True), (f"{TOKEN}-2", False)]
    forgotten: list[OAuth] = []

    async def access_token(_: OAuth) -> tuple[str, bool]:
        if isinstance(given[0], Exception):
            raise given[0]
        return given.pop(0)

    monkeypatch.setattr(connecting_module, "access_token", access_token)
    monkeypatch.setattr(connecting_module, "forget_token", forgotten.append)
    options = OAuth("https://login.example/token", "client", SecretStr("refresh"))
    return SimpleNamespace(given=given, forgotten=forgotten, options={"oauth": options, "password": None})


async def test_xoauth2(oauth: Any):
    sent = await log_in({}, "AUTH=PLAIN AUTH=XOAUTH2 SASL-IR", **oauth.options)
    assert sent == [f"AUTHENTICATE XOAUTH2 {b64(f'user=ann{chr(1)}auth=Bearer {TOKEN}{chr(1)}{chr(1)}')}"]


async def test_oauthbearer(oauth: Any):
    (command,) = await log_in({}, "AUTH=OAUTHBEARER SASL-IR", username="a=n,n", **oauth.options)
    assert b64decode(command.split()[-1]).decode() == f"n,a=a=3Dn=2Cn,\1auth=Bearer {TOKEN}\1\1"


async def test_a_token_is_refused_with_a_challenge_and_a_new_one_is_tried_once(oauth: Any):
    """The server says why in a challenge and waits for an empty answer: the library gives none, and hangs."""
    why = b64('{"status":"401"}')
    script = {"AUTHENTICATE": [f"+ {why}", "TAG NO [AUTHENTICATIONFAILED] expired", None]}
    sent = await log_in(script, "AUTH=XOAUTH2 SASL-IR", **oauth.options)
    assert [line.split()[0] if line else "" for line in sent] == ["AUTHENTICATE", "", "AUTHENTICATE"]
    assert len(oauth.forgotten) == 1
    assert b64decode(sent[2].split()[-1]).decode().split("Bearer ")[1].strip("\1") == f"{TOKEN}-2"


@pytest.mark.parametrize(("mechanism", "farewell"), [("XOAUTH2", ""), ("OAUTHBEARER", "AQ==")])
async def test_new_tokens_are_refused_too(mechanism: str, farewell: str, oauth: Any):
    script: Script = {"AUTHENTICATE": ["+ e30=", "TAG NO no", "+ e30=", "TAG NO no"]}
    error, commands = await refused(script, f"AUTH={mechanism} SASL-IR", **oauth.options)
    assert error.fault is Fault.LOGIN
    assert "consent given at the login provider" in str(error)
    assert commands.count(farewell) == 2  # one for each token
    assert len(oauth.forgotten) == 2


@pytest.mark.parametrize(("provider_refuses", "fault"), [(True, Fault.LOGIN), (False, Fault.TOKEN)])
async def test_the_provider_gives_no_token(provider_refuses: bool, fault: Fault, oauth: Any):
    oauth.given.insert(0, TokenNotFetched("the login provider login.example says no", refused=provider_refuses))
    async with ScriptedServer() as server:
        with pytest.raises(MailboxError, match=r"login\.example says no") as caught:
            await connect(make_account(server.port, **oauth.options))
        assert server.connections == 0
    assert caught.value.fault is fault


def test_tokens_in_what_a_server_says():
    account = make_account(993)
    for said in (TOKEN, b64(f"user=ann\1auth=Bearer {TOKEN}\1\1"), b64(f"n,a=ann,\1auth=Bearer {TOKEN}\1\1")):
        assert without_secrets(f"no {said} here", account, TOKEN) == "no *** here"
