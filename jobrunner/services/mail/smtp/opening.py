"""Opening a connection with aiosmtplib: TCP, greeting, EHLO, TLS, login. What comes after is a `Line` of our own."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable
from typing import TypeVar, cast

import aiosmtplib

from jobrunner.services.mail.certificates import machine_certificates
from jobrunner.services.mail.oauth import forget_token
from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.dialogue import Ended, Position, broken, no_answer, no_sense, reason
from jobrunner.services.mail.smtp.extensions import Extensions
from jobrunner.services.mail.smtp.line import Line
from jobrunner.services.mail.smtp.login import choose_mechanism, fetch_token, log_in, without_secrets
from jobrunner.services.mail.smtp.outcome import Outcome, Phase, judge

T = TypeVar("T")

INTERNAL = "is at an internal address that may not be connected to"
"""What a guarded account's server is (`permits`)."""


async def open_line(account: Account, position: Position) -> tuple[Line, Extensions]:
    """Connect and log in.

    Raises:
        Ended: that was not possible; nothing is left open (nor when it is cancelled).
    """
    token = kept = None
    if account.oauth is not None:
        position.phase = Phase.LOGIN
        token, kept = await fetch_token(account)
    try:
        return await _Opening(account, position, token).run()
    except _TokenRefused:
        assert account.oauth is not None
        forget_token(account.oauth)
        if not kept:
            raise
    # A kept token may have been withdrawn meanwhile: a new one is tried, once.
    token, _ = await fetch_token(account)
    try:
        return await _Opening(account, position, token).run()
    except _TokenRefused:
        forget_token(account.oauth)
        raise


class _TokenRefused(Ended):
    """The server refuses an access token."""


class _Opening:
    """One attempt."""

    def __init__(self, account: Account, position: Position, token: str | None) -> None:
        self._account = account
        self._position = position
        self._token = token
        self._context: ssl.SSLContext | None = None
        self._client = aiosmtplib.SMTP()

    async def run(self) -> tuple[Line, Extensions]:
        account = self._account
        if account.security != "none":
            self._context = account.tls_context or await machine_certificates()
        connection = await self._permitted_connection() if account.permits is not None else None
        self._client = client = aiosmtplib.SMTP(
            hostname=account.host,
            port=account.port if connection is None else None,
            sock=connection,
            use_tls=account.security == "ssl",
            start_tls=False,
            timeout=None,  # our own limits: those of the library lose cancellations (failures F38)
            local_hostname="localhost",
            tls_context=self._context,
        )
        try:
            await self._step(Phase.CONNECT, account.connect_limit, client.connect())
            await self._hello()
            if account.security == "tls":
                await self._start_tls()
                await self._hello()
            if account.username is not None:
                await self._log_in()
            return self._take_over(), Extensions.from_hello(client.esmtp_extensions)
        except BaseException:
            self._drop()
            raise

    async def _permitted_connection(self) -> socket.socket:
        """Return a connection to the first address that is permitted and there, checked right before it is made."""
        account = self._account
        loop = asyncio.get_running_loop()
        permits = account.permits
        assert permits is not None
        phase = Phase.CONNECT
        found = await self._step(
            phase, account.connect_limit, loop.getaddrinfo(account.host, account.port, type=socket.SOCK_STREAM)
        )
        permitted = [one for one in found if permits(str(one[4][0]), account.port)]
        if not permitted:
            addresses = ", ".join(dict.fromkeys(str(one[4][0]) for one in found))
            raise broken(phase, f"{account.place} {INTERNAL}: {addresses}")
        limit = account.connect_limit / len(permitted)
        for family, kind, protocol, _, address in permitted:
            connection = socket.socket(family, kind, protocol)
            connection.setblocking(False)
            try:
                await self._step(phase, limit, loop.sock_connect(connection, address))
            except BaseException as error:
                connection.close()
                if not isinstance(error, Ended) or address == permitted[-1][4]:
                    raise
            else:
                return connection
        raise AssertionError  # pragma: no cover

    async def _hello(self) -> None:
        client = self._client
        own_address = client.get_transport_info("sockname")[0] if client.is_connected else "127.0.0.1"
        name = self._account.ehlo_name(str(own_address))
        await self._step(Phase.HELLO, self._account.command_limit, client.ehlo(hostname=name))

    async def _start_tls(self) -> None:
        """STARTTLS, demanded. Not the library's: it drops what comes in clear behind the 220, and goes on."""
        account, client, context = self._account, self._client, self._context
        assert context is not None
        if not client.supports_extension("starttls"):
            raise broken(
                Phase.TLS,
                f"{account.place} offers no STARTTLS, so nothing was sent; if it expects TLS from the first byte, "
                f"{account.remedy('security', 'ssl')}",
            )
        reply = await self._step(Phase.TLS, account.command_limit, client.execute_command(b"STARTTLS"))
        if 400 <= reply.code <= 599:
            raise Ended(judge(Phase.TLS, reply.code, reply.message))
        if not 200 <= reply.code <= 299:
            raise broken(Phase.TLS, no_sense(account, Phase.TLS, reply.code))
        protocol, transport = client.protocol, cast(asyncio.WriteTransport | None, client.transport)
        if protocol is None or transport is None:
            raise broken(Phase.TLS, f"{account.place} closed the connection at STARTTLS")
        if protocol._buffer:
            raise broken(
                Phase.TLS,
                f"{account.place} sent something in clear behind its answer to STARTTLS, as somebody would "
                "who tampers with the line; nothing was sent",
            )
        upgraded = await self._step(
            Phase.TLS,
            account.connect_limit,
            asyncio.get_running_loop().start_tls(
                transport,
                protocol,
                context,
                server_hostname=account.host,
                ssl_handshake_timeout=account.connect_limit,
            ),
        )
        protocol.transport = client.transport = upgraded

    async def _log_in(self) -> None:
        account, client = self._account, self._client
        if client.get_transport_info("ssl_object") is None and not _is_loopback(client.get_transport_info("peername")):
            raise broken(
                Phase.LOGIN,
                f"no password is sent in clear to {account.place}: {account.remedy('security', 'tls')}",
                Outcome.AUTHENTICATION,
            )
        mechanism = choose_mechanism(account, client.server_auth_methods)
        try:
            await self._step(Phase.LOGIN, account.command_limit, log_in(client, account, mechanism, self._token))
        except Ended as ended:
            if self._token is not None and ended.result.refuses_login:
                raise _TokenRefused(ended.result) from None
            raise

    def _take_over(self) -> Line:
        """Give the connection a protocol of ours, with what came behind the last reply."""
        protocol, transport = self._client.protocol, self._client.transport
        if protocol is None or transport is None:
            phase = self._position.phase
            raise broken(phase, f"{self._account.place} closed the connection after {phase.value}")
        # uvloop's transports are of no class of asyncio's.
        return Line(cast(asyncio.Transport, transport), bytes(protocol._buffer))

    # One step

    async def _step(self, phase: Phase, limit: float, call: Awaitable[T]) -> T:
        """Do one thing within its limit."""
        self._position.phase = phase
        account = self._account
        try:
            async with asyncio.timeout(limit) as timer:
                return await call
        except TimeoutError as error:
            if timer.expired():
                raise broken(phase, no_answer(account, phase, limit)) from None
            raise broken(phase, f"{account.place} cannot be reached: {error}") from None
        except aiosmtplib.SMTPResponseException as error:
            code, text = error.code, without_secrets(error.message, account, self._token)
            if not 400 <= code <= 599:
                raise broken(phase, no_sense(account, phase, text)) from None
            raise Ended(judge(phase, code, text)) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise broken(phase, reason(account, phase, error)) from None

    def _drop(self) -> None:
        # uvloop's transports are of no class of asyncio's.
        transport = cast(asyncio.WriteTransport | None, self._client.transport)
        self._client.close()
        if transport is not None:
            transport.abort()  # close() would wait for what was written and is not read


def _is_loopback(peer: object) -> bool:
    try:
        return isinstance(peer, tuple) and ipaddress.ip_address(peer[0]).is_loopback
    except ValueError:
        return False
