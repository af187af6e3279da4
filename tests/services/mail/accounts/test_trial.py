"""A test mail by an account: real servers, and each way of failing with what to do about it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dkim
import pytest
import trustme
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import AuthResult
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from jobrunner.services.mail.accounts.loading import DkimKey, SendingAccount
from jobrunner.services.mail.accounts.trial import Trial, try_account
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.smtp import Account, Outcome
from tests.services.mail.accounts.books import PASSWORD
from tests.services.mail.smtp.scripted_server import CLOSE, ScriptedServer
from tests.support.ports import free_port

ServerTls = Callable[..., ssl.SSLContext]
ANN = parse_address("ann@example.org")
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def account(port: int, *, key: str = "12", **smtp: Any) -> SendingAccount:
    values: dict[str, Any] = {"host": "127.0.0.1", "security": "none", "local_hostname": "app.example.com"} | smtp
    return SendingAccount(
        key=key,
        name="news",
        kind="Group",
        smtp=Account(port=port, row=None if key == "system" else "news", **values),
        sender=Mailbox(parse_address("news@example.com"), "The News"),
        reply_to=parse_address("answers@example.com"),
    )


class Kept:
    def __init__(self) -> None:
        self.received: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append(envelope.content)
        return "250 2.0.0 kept"


@asynccontextmanager
async def real_server(tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[tuple[Kept, int]]:
    mailbox, loop = Kept(), asyncio.get_running_loop()
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


async def tried(sending: SendingAccount) -> Trial:
    async with asyncio.timeout(30):
        return await try_account(sending, ANN, at=AT)


async def test_a_real_mail_arrives_as_it_should(parse: Callable[[bytes], Any]) -> None:
    async with real_server() as (mailbox, port):
        trial = await tried(account(port))
    assert trial.taken
    assert trial.advice is None
    (message,) = map(parse, mailbox.received)
    assert message["From"] == "The News <news@example.com>"
    assert message["Reply-To"] == "answers@example.com"
    assert message["To"] == "ann@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    assert 'the account "news"' in message.get_content()


async def test_it_is_signed_as_the_account_s_mails_are() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    async with real_server() as (mailbox, port):
        signing = replace(account(port), dkim_domain="example.com", dkim=(DkimKey("s1", SecretStr(pem)),))
        assert (await tried(signing)).taken
    assert signing.signer is not None
    record = signing.signer.keys[0].dns_record.encode()
    assert dkim.verify(mailbox.received[0], dnsfunc=lambda name, timeout=5: record)


async def test_login_over_tls(server_tls: ServerTls, client_tls: ssl.SSLContext) -> None:
    def log_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = (data.login, data.password) == (b"news", PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    options = {"tls_context": server_tls(), "require_starttls": True, "auth_required": True, "authenticator": log_in}
    async with real_server(**options) as (mailbox, port):
        right = account(port, security="tls", tls_context=client_tls, username="news", password=SecretStr(PASSWORD))
        assert (await tried(right)).taken
        wrong = replace(right, smtp=replace(right.smtp, password=SecretStr("canary-wrong")))
        for _ in range(2):  # whoever tests has put something right: it is really tried
            trial = await tried(wrong)
            assert trial.result.outcome is Outcome.AUTHENTICATION
            assert trial.advice is not None
            assert "refuses the username 'news' with this password" in trial.advice
            assert "canary" not in f"{trial}"
        assert (await tried(right)).taken
        without = replace(right, smtp=replace(right.smtp, username=None, password=None))
        trial = await tried(without)
        assert trial.advice == "The server wants a login first: set --username and the password."
    assert len(mailbox.received) == 2


async def advice(sending: SendingAccount) -> str:
    trial = await tried(sending)
    assert not trial.taken
    assert trial.advice is not None
    assert "\n" not in trial.advice
    return trial.advice


async def test_nobody_listens() -> None:
    text = await advice(account(free_port()))
    assert "(connection refused): check --host and --port" in text
    text = await advice(account(free_port(), key="system"))
    assert "check JOBRUNNER_SMTP__HOST and JOBRUNNER_SMTP__PORT" in text


async def test_a_name_that_is_not_known() -> None:
    assert "is not known (DNS): check --host" in await advice(account(25, host="no-such-host.invalid"))


async def test_something_listens_that_says_nothing() -> None:
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    try:
        text = await advice(account(silent.sockets[0].getsockname()[1], connect_limit=0.3))
    finally:
        silent.close()
        await silent.wait_closed()
    assert "Something answers on port" in text


async def test_no_starttls() -> None:
    async with ScriptedServer() as server:
        text = await advice(account(server.port, security="tls"))
    assert "offers no STARTTLS" in text
    assert "set --security ssl and --port 465" in text


async def test_no_tls_where_it_was_to_begin(client_tls: ssl.SSLContext) -> None:
    async with ScriptedServer() as server:
        text = await advice(account(server.port, security="ssl", tls_context=client_tls))
    assert "does not begin with TLS: set --security tls" in text


async def test_a_certificate_of_nobody_known(server_tls: ServerTls) -> None:
    async with ScriptedServer(starttls=server_tls()) as server:
        text = await advice(account(server.port, security="tls"))
    assert "signed by nobody whom this machine trusts" in text
    assert "SSL_CERT_FILE" in text


async def test_a_certificate_of_another_host(server_tls: ServerTls, client_tls: ssl.SSLContext) -> None:
    async with ScriptedServer(starttls=server_tls("other.example")) as server:
        text = await advice(account(server.port, security="tls", tls_context=client_tls))
    assert "The certificate is for another name: set the host" in text
    assert "--host NAME`" in text


async def test_a_certificate_that_ran_out(authority: trustme.CA, client_tls: ssl.SSLContext) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC)).configure_cert(context)
    async with ScriptedServer(starttls=context) as server:
        text = await advice(account(server.port, security="tls", tls_context=client_tls))
    assert "renew the certificate" in text


async def test_a_way_to_log_in_that_is_not_offered(server_tls: ServerTls, client_tls: ssl.SSLContext) -> None:
    async with ScriptedServer(starttls=server_tls(), auth="GSSAPI") as server:
        text = await advice(
            account(server.port, security="tls", tls_context=client_tls, username="news", password=SecretStr(PASSWORD))
        )
    assert "no way to log in in common: set --login" in text


async def test_of_the_configuration_only_settings_are_named_that_it_has() -> None:
    async with ScriptedServer(auth="GSSAPI") as server:
        text = await advice(account(server.port, key="system", username="news", password=SecretStr(PASSWORD)))
    assert "in common: set JOBRUNNER_SMTP__SECURITY to tls or ssl, or leave" in text
    async with ScriptedServer({"DOT": "421 4.7.0 too many"}) as server:
        text = await advice(account(server.port, key="system"))
    assert "add the account by `jobrunner smtp-account add NAME --kind System` with the --rate-per-hour" in text


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"RCPT": "554 5.7.1 <ann@example.org>: Relay access denied"}, "does not pass mail on for us (relay denied)"),
        ({"RCPT": "550 relaying not permitted"}, "relay denied"),
        ({"MAIL": "553 5.1.8 bad sender"}, "does not let this account send as news@example.com: set --from-address"),
        ({"RCPT": "553 5.7.1 Sender address rejected: not owned by user"}, "does not let this account send as"),
        ({"RCPT": "550 5.1.1 no such user"}, "The account works; the server does not know the recipient's address"),
        ({"RCPT": "550 5.7.1 blocked"}, "The account works; the server refuses this mail or its recipient"),
        ({"RCPT": "450 4.2.0 greylisted"}, "The account works; the server puts this mail off for now"),
        ({"DOT": "550 5.7.26 no DMARC"}, "publish SPF, DKIM and DMARC records"),
        ({"DOT": "421 4.7.0 too many"}, "set --rate-per-hour"),
        ({"DOT": CLOSE}, "may have been taken all the same"),
        ({"DATA": CLOSE}, "The line broke in the middle"),
        ({"GREETING": "554 5.7.1 your address is listed"}, "does not want to talk to this machine now"),
    ],
)
async def test_what_the_server_refuses(script: Any, words: str) -> None:
    async with ScriptedServer(script) as server:
        assert words in await advice(account(server.port))
