"""One connection to a mail server, opened when first used and again when it was lost."""

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Iterator
from typing import TypeVar, cast

import aiosmtplib

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.smtp.account import Account, machine_certificates
from jobrunner.services.mail.smtp.login import (
    choose_mechanism,
    log_in,
    refused_before,
    remember_refusal,
    without_secrets,
)
from jobrunner.services.mail.smtp.outcome import Outcome, Phase, Result, judge, one_line
from jobrunner.services.mail.smtp.transport import Envelope
from jobrunner.services.mail.smtp.wire import wire_form

T = TypeVar("T")

QUIT_LIMIT = 5.0
"""Seconds that taking leave of the server may take."""


class _Ended(Exception):
    """The dialogue about one message is over, with this result."""

    def __init__(self, result: Result) -> None:
        self.result = result


class Session:
    """A `Transport` of one connection; it is reused from message to message."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.connections = 0
        """How many connections it has opened, ever."""
        self._client: aiosmtplib.SMTP | None = None
        self._phase = Phase.IDLE
        self._fresh = True
        self._needs_reset = False

    @property
    def phase(self) -> Phase:
        """Where it is, or where the last `send` was when it was cancelled."""
        return self._phase

    @property
    def connected(self) -> bool:
        """Whether there is a line, as far as we were told."""
        return self._client is not None and self._client.is_connected

    async def send(self, message: bytes, envelope: Envelope) -> Result:
        """Hand over one message. Where an idle connection turns out to be lost, it is opened anew once."""
        try:
            payload = wire_form(message)
        except InvalidInput as error:
            return Result(Outcome.LOCAL, Phase.IDLE, str(error))
        try:
            try:
                return await self._transaction(payload, envelope)
            except _Ended as ended:
                if self._fresh or self.connected or not _is_loss(ended.result):
                    return ended.result
            try:
                return await self._transaction(payload, envelope)
            except _Ended as ended:
                return ended.result
        except BaseException:  # a cancellation: the reply that may still come must meet nobody
            self.drop()
            raise

    async def close(self) -> None:
        """Say QUIT and close; a server that does not answer is not waited for."""
        client = self._client
        if client is not None and client.is_connected:
            try:
                async with asyncio.timeout(QUIT_LIMIT):
                    await client.quit()
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                pass
        self.drop()

    def drop(self) -> None:
        """Throw the connection away, at once and without a word."""
        client, self._client = self._client, None
        if client is not None:
            # uvloop's transports are of no class of asyncio's.
            transport = cast(asyncio.WriteTransport | None, client.transport)
            client.close()
            if transport is not None:
                transport.abort()  # close() would wait for what was written and is not read

    # One message

    async def _transaction(self, payload: bytes, envelope: Envelope) -> Result:
        self._fresh = not self.connected
        if self._fresh:
            await self._open()
        client = self._require_client()
        if self._needs_reset:
            await self._command(Phase.RESET, b"RSET")
            self._needs_reset = False
        options = list(self._mail_options(client, payload, envelope))
        self._needs_reset = True
        await self._command(Phase.MAIL, f"MAIL FROM:<{envelope.sender}>".encode(), *options)
        self._fresh = True  # from here on the line has shown that it lives: no second try
        await self._command(Phase.RCPT, f"RCPT TO:<{envelope.recipient}>".encode())
        await self._command(Phase.DATA, b"DATA", expected=354)
        reply = await self._step(Phase.DOT, self.account.data_limit, self._write(client, payload))
        self._expect(reply, Phase.DOT)
        self._needs_reset = False
        self._phase = Phase.IDLE
        return Result(Outcome.ACCEPTED, Phase.DOT, one_line(reply.message), reply.code)

    def _mail_options(self, client: aiosmtplib.SMTP, payload: bytes, envelope: Envelope) -> Iterator[bytes]:
        if client.supports_extension("size"):
            most = client.esmtp_extensions["size"].strip()
            if most.isascii() and most.isdigit() and 0 < int(most) < len(payload):
                raise _Ended(
                    Result(
                        Outcome.UNSUPPORTED,
                        Phase.MAIL,
                        f"the message has {len(payload)} octets, and {self.account.place} takes {most} at most",
                    )
                )
            yield f"SIZE={len(payload)}".encode()
        if envelope.sender.needs_smtputf8 or envelope.recipient.needs_smtputf8:
            if not client.supports_extension("smtputf8"):
                who = envelope.recipient if envelope.recipient.needs_smtputf8 else envelope.sender
                raise _Ended(
                    Result(
                        Outcome.UNSUPPORTED,
                        Phase.MAIL,
                        f"{who} is in another alphabet, which {self.account.place} does not take (SMTPUTF8)",
                    )
                )
            if client.supports_extension("8bitmime"):
                yield b"BODY=8BITMIME"
            yield b"SMTPUTF8"

    @staticmethod
    async def _write(client: aiosmtplib.SMTP, payload: bytes) -> aiosmtplib.SMTPResponse:
        protocol = client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        protocol.write(payload)
        return await protocol.read_response()

    # One connection

    async def _open(self) -> None:
        account = self.account
        if (former := refused_before(account)) is not None:
            self._phase = Phase.LOGIN
            raise _Ended(former)
        self.drop()
        self._needs_reset = False
        context = None
        if account.security != "none":
            context = account.tls_context or await asyncio.to_thread(machine_certificates)
        self._client = client = aiosmtplib.SMTP(
            hostname=account.host,
            port=account.port,
            use_tls=account.security == "ssl",
            start_tls=False,
            timeout=None,  # our own limits: those of the library lose cancellations (failures F38)
            local_hostname="localhost",
            tls_context=context,
        )
        self.connections += 1
        await self._step(Phase.CONNECT, account.connect_limit, client.connect())
        await self._hello(client)
        if account.security == "tls":
            assert context is not None
            await self._start_tls(client, context)
            await self._hello(client)
        if account.username is not None:
            await self._log_in(client)

    async def _hello(self, client: aiosmtplib.SMTP) -> None:
        own_address = client.get_transport_info("sockname")[0] if client.is_connected else "127.0.0.1"
        name = self.account.ehlo_name(str(own_address))
        await self._step(Phase.HELLO, self.account.command_limit, client.ehlo(hostname=name))

    async def _start_tls(self, client: aiosmtplib.SMTP, context: ssl.SSLContext) -> None:
        """STARTTLS, demanded. Not the library's: it drops what comes in clear behind the 220, and goes on."""
        if not client.supports_extension("starttls"):
            raise self._broken(
                Phase.TLS,
                f"{self.account.place} offers no STARTTLS, so nothing was sent; if it expects TLS from the first byte, "
                "set JOBRUNNER_SMTP__SECURITY to ssl",
            )
        await self._command(Phase.TLS, b"STARTTLS")
        protocol, transport = client.protocol, cast(asyncio.WriteTransport | None, client.transport)
        if protocol is None or transport is None:
            raise self._broken(Phase.TLS, f"{self.account.place} closed the connection at STARTTLS")
        if protocol._buffer:
            raise self._broken(
                Phase.TLS,
                f"{self.account.place} sent something in clear behind its answer to STARTTLS, as somebody would "
                "who tampers with the line; nothing was sent",
            )
        upgraded = await self._step(
            Phase.TLS,
            self.account.connect_limit,
            asyncio.get_running_loop().start_tls(
                transport,
                protocol,
                context,
                server_hostname=self.account.host,
                ssl_handshake_timeout=self.account.connect_limit,
            ),
        )
        protocol.transport = client.transport = upgraded

    async def _log_in(self, client: aiosmtplib.SMTP) -> None:
        account = self.account
        if client.get_transport_info("ssl_object") is None and not _is_loopback(client.get_transport_info("peername")):
            raise self._broken(
                Phase.LOGIN,
                f"no password is sent in clear to {account.place}: set JOBRUNNER_SMTP__SECURITY to tls or ssl",
                Outcome.AUTHENTICATION,
            )
        mechanism = choose_mechanism(client.server_auth_methods)
        if mechanism is None:
            raise self._broken(
                Phase.LOGIN,
                f"{account.place} offers no login that we know (PLAIN, LOGIN, CRAM-MD5): unset "
                "JOBRUNNER_SMTP__USERNAME if it needs none",
                Outcome.AUTHENTICATION,
            )
        try:
            await self._step(Phase.LOGIN, account.command_limit, log_in(client, account, mechanism))
        except _Ended as ended:
            result = ended.result
            if result.outcome is Outcome.AUTHENTICATION and result.code is not None and result.code >= 500:
                remember_refusal(account, result)
            self.drop()
            raise

    # One step

    async def _command(self, phase: Phase, *words: bytes, expected: int | None = None) -> None:
        client = self._require_client()
        reply = await self._step(phase, self.account.command_limit, client.execute_command(*words))
        self._expect(reply, phase, expected)

    def _expect(self, reply: aiosmtplib.SMTPResponse, phase: Phase, expected: int | None = None) -> None:
        code, text = reply.code, reply.message
        if code == expected or (expected is None and 200 <= code <= 299):
            return
        if not 400 <= code <= 599:
            raise self._broken(phase, f"{self.account.place} gave an answer to {phase.value} that is none: {code}")
        if code == 421 or phase.before_message or phase is Phase.RESET:
            self.drop()
        raise _Ended(judge(phase, code, without_secrets(text, self.account)))

    async def _step(self, phase: Phase, limit: float, call: Awaitable[T]) -> T:
        """Do one thing within its limit; what goes wrong ends the dialogue, and mostly the connection."""
        self._phase = phase
        account = self.account
        try:
            async with asyncio.timeout(limit) as timer:
                return await call
        except TimeoutError as error:
            if timer.expired():
                raise self._broken(
                    phase, f"{account.place} gave no answer to {phase.value} within the limit of {limit:g} s"
                ) from None
            raise self._broken(phase, f"{account.place} cannot be reached: {error}") from None
        except aiosmtplib.SMTPResponseException as error:
            code, text = error.code, without_secrets(error.message, account)
            if phase is not Phase.LOGIN or not 400 <= code <= 599:
                self.drop()
            if not 400 <= code <= 599:
                raise self._broken(
                    phase, f"{account.place} gave an answer to {phase.value} that is none: {text[:200]}"
                ) from None
            raise _Ended(judge(phase, code, text)) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise self._broken(phase, self._reason(phase, error)) from None

    def _broken(self, phase: Phase, text: str, outcome: Outcome = Outcome.CONNECTION) -> _Ended:
        """Throw the connection away. Where the final dot was sent, nobody knows what became of the message."""
        self.drop()
        return _Ended(Result(Outcome.UNKNOWN if phase is Phase.DOT else outcome, phase, one_line(text)))

    def _reason(self, phase: Phase, error: BaseException) -> str:
        place = self.account.place
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return f"the certificate of {place} cannot be trusted, so nothing was sent: {cause.verify_message}"
            if isinstance(cause, ssl.SSLError):
                return f"no TLS could be agreed with {place}, so nothing was sent: {cause.reason or cause}"
            cause = cause.__cause__ or cause.__context__
        text = str(error) or type(error).__name__
        if phase is Phase.CONNECT:
            return f"{place} cannot be reached: {text}"
        return f"{place} closed the connection at {phase.value}: {text}"

    def _require_client(self) -> aiosmtplib.SMTP:
        if self._client is None:
            raise self._broken(self._phase, f"{self.account.place} closed the connection")
        return self._client


def _is_loss(result: Result) -> bool:
    return result.outcome is Outcome.CONNECTION or result.code == 421


def _is_loopback(peer: object) -> bool:
    try:
        return isinstance(peer, tuple) and ipaddress.ip_address(peer[0]).is_loopback
    except ValueError:
        return False
