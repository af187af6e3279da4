"""One connection to a mail server: real servers of aiosmtpd, and a scripted one for what goes wrong."""

import asyncio
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import AuthResult, LoginPassword
from pydantic import SecretStr

from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.smtp import Account, Envelope, Outcome, Phase, Session
from tests.services.mail.smtp.scripted_server import CLOSE, SILENT, Action, Late, ScriptedServer

pytestmark = pytest.mark.filterwarnings('ignore:Overriding the "event_loop_policy" fixture')

MESSAGE = b"Subject: hello\r\n\r\nHello\r\n.leading dot\r\n"
PASSWORD = "canary-5ecret"
AS_SYSTEM = {"username": "system", "password": SecretStr(PASSWORD)}
SHORT = 0.3
"""Seconds of a limit that is meant to run out."""

ServerTls = Callable[..., ssl.SSLContext]


def envelope(recipient: str = "ann@example.org") -> Envelope:
    return Envelope(parse_address("system@example.com"), parse_address(recipient))


def account(port: int, **options: Any) -> Account:
    values: dict[str, Any] = {"host": "127.0.0.1", "security": "none", "local_hostname": "app.example.com"} | options
    return Account(port=port, **values)


@asynccontextmanager
async def session(port: int, **options: Any) -> AsyncIterator[Session]:
    opened = Session(account(port, **options))
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def pair(server: ScriptedServer | None = None, **options: Any) -> AsyncIterator[tuple[ScriptedServer, Session]]:
    """A scripted server and a session with it."""
    async with server or ScriptedServer() as server, session(server.port, **options) as client:
        yield server, client


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Both event loops: asyncio's, and uvloop as the daemon uses it, whose transports differ."""
    return uvloop.EventLoopPolicy() if request.param == "uvloop" else asyncio.DefaultEventLoopPolicy()


# Real servers


class Mailbox:
    """Keeps what aiosmtpd receives."""

    def __init__(self) -> None:
        self.received: list[tuple[str, list[str], bytes]] = []
        self.logins: list[tuple[str, str, str]] = []
        self.helo: str | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.helo = session.host_name
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 kept"

    def log_in(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((mechanism, data.login.decode(), data.password.decode()))
        good = (data.login, data.password) == (b"system", PASSWORD.encode())
        return AuthResult(success=good, handled=False)


@asynccontextmanager
async def real_server(tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SmtpServer(mailbox, loop=loop, hostname="test.example", ident="test", **options),
        "127.0.0.1",
        0,
        ssl=tls,
    )
    try:
        yield mailbox, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def test_a_message_arrives_in_clear():
    async with real_server() as (mailbox, port), session(port) as client:
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.ACCEPTED
    assert str(result) == "250 2.0.0 kept (answer to the end of the message)"
    assert mailbox.received == [("system@example.com", ["ann@example.org"], MESSAGE)]
    assert mailbox.helo == "app.example.com"


async def test_starttls_and_login(server_tls: ServerTls, client_tls: ssl.SSLContext):
    mailbox_options = {"tls_context": server_tls(), "require_starttls": True, "auth_required": True}
    mailbox_holder: list[Mailbox] = []

    def authenticator(*arguments: Any) -> AuthResult:
        return mailbox_holder[0].log_in(*arguments)

    async with real_server(authenticator=authenticator, **mailbox_options) as (mailbox, port):
        mailbox_holder.append(mailbox)
        async with session(port, security="tls", tls_context=client_tls, **AS_SYSTEM) as client:
            first = await client.send(MESSAGE, envelope())
            second = await client.send(MESSAGE, envelope("bob@example.org"))

    assert [first.outcome, second.outcome] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert client.connections == 1
    assert mailbox.logins == [("PLAIN", "system", PASSWORD)]
    assert len(mailbox.received) == 2


async def test_tls_from_the_first_byte(server_tls: ServerTls, client_tls: ssl.SSLContext):
    async with (
        real_server(server_tls()) as (mailbox, port),
        session(port, security="ssl", tls_context=client_tls) as client,
    ):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.ACCEPTED
    assert len(mailbox.received) == 1


async def test_a_hundred_messages_go_over_one_connection():
    async with pair() as (server, client):
        for number in range(100):
            assert (await client.send(MESSAGE, envelope(f"u{number}@example.org"))).outcome is Outcome.ACCEPTED

    assert server.connections == 1
    assert [message.recipients for message in server.messages] == [[f"<u{n}@example.org>"] for n in range(100)]
    assert "RSET" not in server.commands
    assert server.commands[-1] == "QUIT"


async def test_an_address_in_another_alphabet_needs_a_server_that_takes_it():
    async with pair() as (server, client):
        result = await client.send(MESSAGE, envelope("用户@bücher.example"))
    assert result.outcome is Outcome.ACCEPTED
    assert server.messages[0].recipients == ["<用户@xn--bcher-kva.example>"]
    assert any(c.startswith("MAIL FROM") and c.endswith(" BODY=8BITMIME SMTPUTF8") for c in server.commands)

    async with pair(ScriptedServer(offers=["8BITMIME"])) as (server, client):
        result = await client.send(MESSAGE, envelope("用户@example.com"))
        second = await client.send(MESSAGE, envelope())
    assert result.outcome is Outcome.UNSUPPORTED
    assert result.final
    assert second.outcome is Outcome.ACCEPTED
    assert len(server.messages) == 1


async def test_a_message_over_the_servers_size_is_not_sent():
    async with pair(ScriptedServer(offers=["SIZE 60"])) as (server, client):
        result = await client.send(MESSAGE + b"x" * 100, envelope())
        second = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.UNSUPPORTED
    assert "takes 60 at most" in result.text
    assert second.outcome is Outcome.ACCEPTED
    assert [c for c in server.commands if c.startswith("MAIL")] == ["MAIL FROM:<system@example.com> SIZE=43"]


async def test_what_may_not_be_sent_meets_no_server():
    """H04, H05."""
    async with pair() as (server, client):
        result = await client.send(b"Subject: \0\r\n\r\n", envelope())

    assert result.outcome is Outcome.LOCAL
    assert server.connections == 0


@pytest.mark.parametrize("hostile", [b"a\n.\nMAIL FROM:<x@y>\n", b"a\r.\r\nMAIL FROM:<x@y>\r\n", b"a\r\n.\rb\r\n"])
async def test_smuggling_yields_exactly_one_message(hostile: bytes):
    """H05: at receivers of both kinds."""
    body = b"Subject: x\r\n\r\n" + hostile
    async with pair() as (server, client):
        assert (await client.send(body, envelope())).outcome is Outcome.ACCEPTED
    async with real_server() as (mailbox, port), session(port) as client:
        assert (await client.send(body, envelope())).outcome is Outcome.ACCEPTED

    assert len(server.messages) == len(mailbox.received) == 1
    assert [c.split(":")[0] for c in server.commands] == [
        "EHLO app.example.com",
        "MAIL FROM",
        "RCPT TO",
        "DATA",
        "QUIT",
    ]


# Every step, every fault

STEPS = {
    "GREETING": Phase.CONNECT,
    "EHLO": Phase.HELLO,
    "MAIL": Phase.MAIL,
    "RCPT": Phase.RCPT,
    "DATA": Phase.DATA,
    "DOT": Phase.DOT,
}


@pytest.mark.parametrize("step", STEPS)
async def test_a_silent_server_is_given_up_and_its_line_thrown_away(step: str):
    """F50."""
    limits = {"connect_limit": SHORT, "command_limit": SHORT, "data_limit": SHORT}
    async with pair(ScriptedServer({step: [SILENT]}), **limits) as (server, client):
        result = await client.send(MESSAGE, envelope())
        assert not client.connected
        second = await client.send(MESSAGE, envelope("bob@example.org"))

    assert result.outcome is (Outcome.UNKNOWN if step == "DOT" else Outcome.CONNECTION)
    assert result.phase is STEPS[step]
    assert result.text == (
        f"the mail server 127.0.0.1:{server.port} gave no answer to {STEPS[step].value} within the limit of 0.3 s"
    )
    assert second.outcome is Outcome.ACCEPTED
    assert server.connections == 2
    assert server.messages[-1].recipients == ["<bob@example.org>"]


@pytest.mark.parametrize("step", STEPS)
async def test_a_closed_line_is_noticed_at_once(step: str):
    """F49, F50."""
    async with pair(ScriptedServer({step: [CLOSE]})) as (server, client):
        result = await client.send(MESSAGE, envelope())
        second = await client.send(MESSAGE, envelope("bob@example.org"))

    assert result.outcome is (Outcome.UNKNOWN if step == "DOT" else Outcome.CONNECTION)
    assert second.outcome is Outcome.ACCEPTED
    assert server.connections == 2


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\x00garbage\r\n", b"250", b"999 what\r\n", b"100 wait\r\n", b"x" * 100_000 + b"\r\n"]
)
async def test_nonsense_ends_the_line(step: str, garbage: bytes):
    """F50."""
    limits = {"connect_limit": SHORT, "command_limit": SHORT, "data_limit": SHORT}
    async with pair(ScriptedServer({step: [garbage]}), **limits) as (server, client):
        result = await client.send(MESSAGE, envelope())
        second = await client.send(MESSAGE, envelope("bob@example.org"))

    assert result.outcome is (Outcome.UNKNOWN if step == "DOT" else Outcome.CONNECTION)
    assert result.text.isprintable()
    assert second.outcome is Outcome.ACCEPTED
    assert server.connections == 2


@pytest.mark.parametrize("step", STEPS)
async def test_421_closes_the_line_and_is_a_rate_matter(step: str):
    """F50."""
    async with pair(ScriptedServer({step: ["421 4.3.2 going down"]})) as (_, client):
        result = await client.send(MESSAGE, envelope())
        assert not client.connected
        second = await client.send(MESSAGE, envelope("bob@example.org"))

    assert result.outcome is Outcome.RATE
    assert result.code == 421
    assert second.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "DOT"])
async def test_a_refusal_keeps_the_line_for_the_next(step: str):
    async with pair(ScriptedServer({step: ["554 5.7.1 no"]})) as (server, client):
        result = await client.send(MESSAGE, envelope())
        second = await client.send(MESSAGE, envelope("bob@example.org"))

    assert result.outcome is (Outcome.SENDER_REFUSED if step == "MAIL" else Outcome.REFUSED)
    assert str(result) == f"554 5.7.1 no (answer to {STEPS[step].value})"
    assert second.outcome is Outcome.ACCEPTED
    assert server.connections == 1
    assert server.commands.count("RSET") == 1


async def test_a_refused_recipient_is_a_bad_address():
    async with pair(ScriptedServer({"RCPT": ["550 5.1.1 no such user"]})) as (server, client):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.BAD_ADDRESS
    assert server.messages == []


async def test_a_late_answer_meets_nobody():
    """F50: the answer that comes after a limit ran out is not taken for that of the next command."""
    limits = {"command_limit": SHORT}
    async with pair(ScriptedServer({"RCPT": [Late("250 ok", 2), "550 5.1.1 no such user"]}), **limits) as (
        server,
        client,
    ):
        first = await client.send(MESSAGE, envelope())
        second = await client.send(MESSAGE, envelope("bob@example.org"))
        third = await client.send(MESSAGE, envelope("cyd@example.org"))

    assert [first.outcome, second.outcome, third.outcome] == [
        Outcome.CONNECTION,
        Outcome.BAD_ADDRESS,
        Outcome.ACCEPTED,
    ]
    assert [message.recipients for message in server.messages] == [["<cyd@example.org>"]]


async def test_stored_and_then_closed_is_an_unknown_outcome():
    """F49."""
    async with pair(ScriptedServer({"DOT": [CLOSE]})) as (server, client):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.UNKNOWN
    assert not result.final
    assert len(server.messages) == 1


@pytest.mark.parametrize("step", ["GREETING", "MAIL", "RCPT", "DATA", "DOT"])
async def test_a_cancelled_send_leaves_no_line_and_tells_where_it_was(step: str):
    """F49, F50."""
    async with pair(ScriptedServer({step: [SILENT]})) as (server, client):
        task = asyncio.create_task(client.send(MESSAGE, envelope()))
        await server.until(step)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.phase is STEPS[step]
        assert not client.connected
        second = await client.send(MESSAGE, envelope("bob@example.org"))

    assert second.outcome is Outcome.ACCEPTED
    assert server.messages[-1].recipients == ["<bob@example.org>"]


@pytest.mark.parametrize("farewell", ["421 4.4.2 idle too long", CLOSE])
async def test_an_idle_line_that_was_lost_is_opened_anew_without_a_word(farewell: Action):
    script = {"MAIL": [None, farewell]}
    async with pair(ScriptedServer(script)) as (server, client):
        first = await client.send(MESSAGE, envelope())
        second = await client.send(MESSAGE, envelope("bob@example.org"))

    assert [first.outcome, second.outcome] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert server.connections == 2
    assert len(server.messages) == 2


async def test_it_is_opened_anew_once_only():
    script = {"MAIL": [None, CLOSE, CLOSE]}
    async with pair(ScriptedServer(script)) as (server, client):
        await client.send(MESSAGE, envelope())
        second = await client.send(MESSAGE, envelope("bob@example.org"))

    assert second.outcome is Outcome.CONNECTION
    assert server.connections == 2


async def test_nobody_listens():
    async with ScriptedServer() as server:
        port = server.port
    async with session(port) as client:
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.CONNECTION
    assert result.concerns_all
    assert str(result).startswith(f"the mail server 127.0.0.1:{port} cannot be reached: ")


async def test_a_name_that_does_not_exist():
    async with session(25, host="mail.invalid", connect_limit=20) as client:
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.CONNECTION
    assert "mail.invalid:25 cannot be reached" in result.text or "gave no answer" in result.text


# Security


async def test_stripped_starttls_sends_nothing(client_tls: ssl.SSLContext):
    """H06."""
    async with pair(ScriptedServer(auth="PLAIN LOGIN"), security="tls", tls_context=client_tls, **AS_SYSTEM) as (
        server,
        client,
    ):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.CONNECTION
    assert result.concerns_all
    assert "offers no STARTTLS, so nothing was sent" in result.text
    assert server.commands == ["EHLO app.example.com"]


async def test_text_injected_behind_the_220_ends_the_line(server_tls: ServerTls, client_tls: ssl.SSLContext):
    """H06."""
    injected = b"220 go ahead\r\n250-evil.example\r\n250 AUTH PLAIN\r\n"
    async with pair(
        ScriptedServer({"STARTTLS": [injected]}, starttls=server_tls(), auth="PLAIN"),
        security="tls",
        tls_context=client_tls,
        **AS_SYSTEM,
    ) as (server, client):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.CONNECTION
    assert "somebody would who tampers with the line; nothing was sent" in result.text
    assert server.messages == []
    assert PASSWORD.encode() not in server.clear
    assert b"AUTH" not in server.clear


async def test_text_injected_later_breaks_the_handshake(server_tls: ServerTls, client_tls: ssl.SSLContext):
    """H06."""
    script = {"STARTTLS": [b"220 go ahead\r\n"], "EHLO": [None, b"250 evil\r\n"]}

    class Injecting(ScriptedServer):
        async def _answer(self, writer: asyncio.StreamWriter, action: Action) -> bool:
            going_on = await super()._answer(writer, action)
            if action == b"220 go ahead\r\n":
                await asyncio.sleep(0.05)  # so that it comes in a packet of its own
                writer.write(b"250 injected\r\n")
                await writer.drain()
            return going_on

    async with pair(Injecting(script, starttls=server_tls()), security="tls", tls_context=client_tls) as (
        server,
        client,
    ):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.CONNECTION
    assert result.phase is Phase.TLS
    assert server.messages == []


@pytest.mark.parametrize("security", ["tls", "ssl"])
@pytest.mark.parametrize("fault", ["host", "authority"])
async def test_a_wrong_certificate_sends_nothing(
    security: str, fault: str, server_tls: ServerTls, client_tls: ssl.SSLContext
):
    """H06."""
    context = server_tls("other.example" if fault == "host" else "127.0.0.1")
    trusted = client_tls if fault == "host" else None
    tls = {"tls": context} if security == "ssl" else {"starttls": context}
    options = {"security": security, "tls_context": trusted} | AS_SYSTEM
    async with pair(ScriptedServer(auth="PLAIN", **tls), **options) as (server, client):  # type: ignore[arg-type]
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.CONNECTION
    assert result.concerns_all
    assert f"the certificate of the mail server 127.0.0.1:{server.port} cannot be trusted, so nothing" in result.text
    assert server.messages == []
    assert not any("AUTH" in command or "MAIL" in command for command in server.commands)


async def test_a_server_without_tls_where_tls_is_expected(client_tls: ssl.SSLContext):
    async with pair(ScriptedServer(), security="ssl", tls_context=client_tls) as (_, client):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.CONNECTION
    assert "no TLS could be agreed" in result.text


@pytest.mark.parametrize("step", ["STARTTLS", "AUTH"])
@pytest.mark.parametrize("fault", [SILENT, CLOSE, b"\x00\xff\r\n"])
async def test_faults_before_the_first_message(
    step: str, fault: Action, server_tls: ServerTls, client_tls: ssl.SSLContext
):
    """F50."""
    async with pair(
        ScriptedServer({step: [fault]}, starttls=server_tls(), auth="LOGIN"),
        security="tls",
        tls_context=client_tls,
        username="system",
        password=SecretStr(PASSWORD),
        command_limit=SHORT,
    ) as (_, client):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.CONNECTION
    assert result.concerns_all
    assert result.phase.value == step
    assert PASSWORD not in result.text


@pytest.mark.parametrize(
    ("offered", "expected"), [("CRAM-MD5 LOGIN PLAIN", "PLAIN"), ("XOAUTH2 LOGIN", "LOGIN"), ("CRAM-MD5", "CRAM-MD5")]
)
async def test_one_mechanism_is_tried_once(offered: str, expected: str):
    script = {"AUTH": ["535 5.7.8 wrong"]}
    async with pair(ScriptedServer(script, auth=offered), **AS_SYSTEM) as (server, client):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.AUTHENTICATION
    assert [c.split()[1] for c in server.commands if c.startswith("AUTH")] == [expected]
    assert server.messages == []


async def test_a_login_in_two_steps():
    script = {"AUTH": [f"334 {b64encode(b'Password:').decode()}"]}
    async with pair(ScriptedServer(script, auth="LOGIN"), **AS_SYSTEM) as (server, client):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.ACCEPTED
    assert b64decode(server.commands[2]) == PASSWORD.encode()


async def test_a_refused_password_is_not_tried_again():
    async with pair(ScriptedServer({"AUTH": "535 5.7.8 wrong"}, auth="PLAIN"), **AS_SYSTEM) as (server, client):
        results = [await client.send(MESSAGE, envelope()) for _ in range(3)]

    assert {result.outcome for result in results} == {Outcome.AUTHENTICATION}
    assert {str(result) for result in results} == {"535 5.7.8 wrong (answer to AUTH)"}
    assert client.phase is Phase.LOGIN
    assert server.connections == 1


async def test_a_login_refused_for_the_moment_is_tried_again():
    async with pair(ScriptedServer({"AUTH": ["454 4.7.0 try later"]}, auth="PLAIN"), **AS_SYSTEM) as (_, client):
        first = await client.send(MESSAGE, envelope())
        second = await client.send(MESSAGE, envelope())

    assert first.outcome is Outcome.AUTHENTICATION
    assert second.outcome is Outcome.ACCEPTED


async def test_no_login_is_offered():
    async with pair(ScriptedServer(), **AS_SYSTEM) as (_, client):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.AUTHENTICATION
    assert "offers no login that we know" in result.text


async def test_no_password_goes_in_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch):
    """H06."""
    monkeypatch.setattr("jobrunner.services.mail.smtp.opening._is_loopback", lambda peer: False)
    async with pair(ScriptedServer(auth="PLAIN"), **AS_SYSTEM) as (server, client):
        result = await client.send(MESSAGE, envelope())

    assert result.outcome is Outcome.AUTHENTICATION
    assert "no password is sent in clear" in result.text
    assert server.commands == ["EHLO app.example.com"]


async def test_a_server_that_sends_the_password_back_does_not_get_it_into_a_log():
    """H21."""
    plain = b64encode(f"\0system\0{PASSWORD}".encode()).decode()
    reply = f"535 5.7.8 no such login: {plain} {PASSWORD} {b64encode(PASSWORD.encode()).decode()}"
    async with pair(ScriptedServer({"AUTH": [reply]}, auth="PLAIN"), **AS_SYSTEM) as (_, client):
        result = await client.send(MESSAGE, envelope())

    assert result.text == "5.7.8 no such login: *** *** ***"
