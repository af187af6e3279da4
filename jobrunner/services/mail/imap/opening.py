"""Opening a connection: name, TCP, TLS, greeting, STARTTLS. Login comes after it."""

import asyncio
import socket
import ssl
from typing import Any, cast

from jobrunner.services.mail.certificates import machine_certificates
from jobrunner.services.mail.imap.account import Account
from jobrunner.services.mail.imap.capabilities import Capabilities, ask_capabilities
from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import Fault, LineBroken, failure, one_line
from jobrunner.services.mail.imap.protocol import AUTH, NONAUTH, ImapProtocol

CONNECTION = "the connection"
KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 120_000}
"""A half-open line is found two minutes after its last octet, also where nothing is being asked."""


async def open_connection(account: Account) -> tuple[ImapProtocol, Capabilities]:
    """Connect, with TLS as configured, never as offered.

    Raises:
        MailboxError: that was not possible; nothing is left open (nor when it is cancelled).
    """
    protocol = await _connect(account)
    try:
        capabilities = await _read_greeting(account, protocol)
        if account.security == "tls":
            await _start_tls(account, protocol, capabilities)
            capabilities = Capabilities()  # what came in clear anybody may have written
        if not capabilities:
            capabilities = await ask_capabilities(protocol)
    except LineBroken as error:
        protocol.drop()
        raise failure(account, error.fault, CONNECTION, error.words) from None
    except BaseException:
        protocol.drop()
        raise
    return protocol, capabilities


# TCP


async def _connect(account: Account) -> ImapProtocol:
    limit = account.limits.connect
    context: ssl.SSLContext | None = None
    if account.security == "ssl":
        context = await context_of(account)
    try:
        async with asyncio.timeout(limit):
            addresses = await _find_addresses(account)
            return await _connect_one(account, addresses, context)
    except TimeoutError:
        words = f"no connection within the limit of {limit:g} s"
        raise failure(account, Fault.UNREACHABLE, CONNECTION, words) from None


async def context_of(account: Account) -> ssl.SSLContext:
    """Return what TLS trusts."""
    if account.tls_context is not None:
        return account.tls_context
    return await machine_certificates()


async def _find_addresses(account: Account) -> list[str]:
    try:
        found = await look_up(account.host, account.port)
    except (OSError, UnicodeError) as error:
        words = (error.strerror or "") if isinstance(error, OSError) else "it is not a host's name"
        raise failure(account, Fault.DNS, CONNECTION, one_line(words)) from None
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    if account.permits is not None:
        permitted = [address for address in addresses if account.permits(address, account.port)]
        if not permitted:
            raise failure(account, Fault.FORBIDDEN, CONNECTION, ", ".join(addresses))
        addresses = permitted
    return addresses


async def look_up(host: str, port: int) -> list[tuple[Any, ...]]:
    """Return what the machine's resolver knows of a name."""
    return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))


async def _connect_one(account: Account, addresses: list[str], context: ssl.SSLContext | None) -> ImapProtocol:
    """Connect to the first address that is there; each gets an equal share of the time."""
    share = account.limits.connect / len(addresses)
    for address in addresses:
        try:
            async with asyncio.timeout(share):
                return await _connect_to(account, address, context)
        except TimeoutError:
            if address == addresses[-1]:
                raise
        except ssl.SSLError as error:
            raise _tls_failure(account, error) from None
        except (OSError, LineBroken) as error:
            if address == addresses[-1]:
                raise _connection_failure(account, error) from None
    raise AssertionError  # pragma: no cover


async def _connect_to(account: Account, address: str, context: ssl.SSLContext | None) -> ImapProtocol:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(
        lambda: ImapProtocol(account.limits),
        address,
        account.port,
        ssl=context,
        server_hostname=account.host if context is not None else None,
    )
    connection = cast(socket.socket, transport.get_extra_info("socket"))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if option := getattr(socket, name, None):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
    return protocol


def _connection_failure(account: Account, error: OSError | LineBroken) -> Exception:
    if isinstance(error, ConnectionRefusedError):
        return failure(account, Fault.REFUSED, CONNECTION)
    if isinstance(error, ConnectionError):
        return failure(account, Fault.LOST, CONNECTION, one_line(str(error)))
    return failure(account, Fault.UNREACHABLE, CONNECTION, one_line(str(error)))


def _tls_failure(account: Account, error: ssl.SSLError) -> Exception:
    if isinstance(error, ssl.SSLCertVerificationError):
        return failure(account, Fault.CERTIFICATE, CONNECTION, one_line(error.verify_message))
    return failure(account, Fault.TLS, CONNECTION, one_line(error.reason or str(error)))


# Greeting and STARTTLS


async def _read_greeting(account: Account, protocol: ImapProtocol) -> Capabilities:
    greeting = await protocol.greeted()
    word, _, text = greeting.partition(b" ")
    match word.upper():
        case b"OK":
            protocol.state = NONAUTH
        case b"PREAUTH" if account.security != "tls":
            protocol.state = AUTH
        case b"PREAUTH":
            # In this state there is no STARTTLS: who tampers with the line says so to keep it in clear.
            raise LineBroken(Fault.TLS, "it greets as if logged in, where no TLS can begin")
        case b"BYE":
            raise LineBroken(Fault.BYE, one_line(text))
        case _:
            raise LineBroken(Fault.NONSENSE, one_line(greeting))
    return Capabilities.from_code(text)


async def _start_tls(account: Account, protocol: ImapProtocol, capabilities: Capabilities) -> None:
    """STARTTLS, demanded; the library has none."""
    if not capabilities:
        capabilities = await ask_capabilities(protocol)
    if "STARTTLS" not in capabilities:
        raise LineBroken(Fault.TLS, "it offers no STARTTLS")
    answer = await protocol.execute(Exchange("STARTTLS", protocol.new_tag()))
    if answer.result != "OK":
        raise LineBroken(Fault.TLS, one_line(answer.text))
    if protocol.broken is not None:
        raise protocol.broken
    limit = account.limits.connect
    context = await context_of(account)
    assert protocol.transport is not None
    try:
        async with asyncio.timeout(limit):
            upgraded = await asyncio.get_running_loop().start_tls(
                protocol.transport, protocol, context, server_hostname=account.host
            )
    except TimeoutError:
        raise LineBroken(Fault.TLS, f"no TLS within the limit of {limit:g} s") from None
    except ssl.SSLError as error:
        raise _tls_failure(account, error) from None
    except OSError as error:
        raise LineBroken(Fault.TLS, one_line(str(error))) from None
    if upgraded is None:
        raise LineBroken(Fault.TLS, "the connection was lost")
    protocol.transport = upgraded
    protocol.sealed = False
