"""Logging in: one mechanism, once. The library knows LOGIN, with a name it does not quote, and XOAUTH2."""

import hmac
import ipaddress
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Callable

from jobrunner.services.mail.imap.account import Account
from jobrunner.services.mail.imap.capabilities import Capabilities, ask_capabilities
from jobrunner.services.mail.imap.codes import fault_of
from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import Fault, LineBroken, failure, one_line
from jobrunner.services.mail.imap.folders import quote
from jobrunner.services.mail.imap.protocol import AUTH, ImapProtocol
from jobrunner.services.mail.oauth import known_secrets

STEP = "the login"
WITH_PASSWORD = ("PLAIN", "LOGIN", "CRAM-MD5")
"""The first of these that a server offers is taken where none is configured."""
WITH_TOKEN = ("XOAUTH2", "OAUTHBEARER")

Answer = Callable[[bytes], bytes]
"""What to say to a challenge."""


async def log_in(
    account: Account, protocol: ImapProtocol, capabilities: Capabilities, token: str | None
) -> Capabilities:
    """Log in, and return what the server offers then.

    Raises:
        MailboxError: the server refuses, or offers no way.
        LineBroken: the connection broke.
    """
    if account.password is None and token is None:
        raise failure(account, Fault.NO_LOGIN, STEP, "the account has no password")
    if not _is_private(protocol):
        words = "no password is sent in clear; set the account's security to tls or ssl"
        raise failure(account, Fault.NO_LOGIN, STEP, words)
    mechanism = _choose(account, capabilities)
    if mechanism is None:
        arguments = (quote(account.username), quote(_password(account)))
        exchange = await protocol.execute(Exchange("LOGIN", protocol.new_tag(), *arguments))
    else:
        exchange = await _authenticate(account, protocol, capabilities, mechanism, token)
    if exchange.result != "OK":
        words = without_secrets(one_line(exchange.text), account, token)
        raise failure(account, fault_of("LOGIN", exchange.result, exchange.text), STEP, words)
    protocol.state = AUTH
    return Capabilities.from_code(exchange.text) or await ask_capabilities(protocol)


def _is_private(protocol: ImapProtocol) -> bool:
    """Whether nobody on the way can read the line: TLS, or this machine itself."""
    transport = protocol.transport
    assert transport is not None
    if transport.get_extra_info("ssl_object") is not None:
        return True
    peer = transport.get_extra_info("peername")
    try:
        return isinstance(peer, tuple) and ipaddress.ip_address(peer[0]).is_loopback
    except ValueError:
        return False


def _choose(account: Account, capabilities: Capabilities) -> str | None:
    """Return the mechanism, or None for the command LOGIN."""
    offered = capabilities.mechanisms
    if account.oauth is not None:
        wanted: tuple[str, ...] = WITH_TOKEN
    else:
        wanted = (account.mechanism.upper(),) if account.mechanism else WITH_PASSWORD
    for mechanism in wanted:
        if mechanism in offered:
            return mechanism
    if "LOGIN" in wanted and "LOGINDISABLED" not in capabilities:
        return None
    others = ", ".join(offered) or "no other way"
    raise failure(account, Fault.NO_LOGIN, STEP, f"it offers none by {', '.join(wanted)}, but {others}")


async def _authenticate(
    account: Account, protocol: ImapProtocol, capabilities: Capabilities, mechanism: str, token: str | None
) -> Exchange:
    """AUTHENTICATE (RFC 3501, 6.2.2; the first response with the command where RFC 4959 is offered)."""
    first, later = _responses(account, mechanism, token)
    arguments = [mechanism]
    if first is not None and "SASL-IR" in capabilities:
        arguments.append(_encode(first) or "=")
        first = None
    unsent = first

    def answer(challenge: bytes) -> None:
        nonlocal unsent
        if unsent is not None:
            protocol.write(_encode(unsent).encode() + b"\r\n")
            unsent = None
            return
        protocol.write(_encode(later(_decode(challenge))).encode() + b"\r\n")

    return await protocol.execute(Exchange("AUTHENTICATE", protocol.new_tag(), *arguments, on_continuation=answer))


def _responses(account: Account, mechanism: str, token: str | None) -> tuple[bytes | None, Answer]:
    """Return what is said first, without being asked, and how challenges are answered."""
    user, password = account.username.encode(), _password(account).encode()
    match mechanism:
        case "PLAIN":
            return b"\0" + user + b"\0" + password, _nothing
        case "XOAUTH2":
            # Refused, the server explains itself in a challenge, and waits for an empty answer before it says NO.
            return b"user=%s\1auth=Bearer %s\1\1" % (user, (token or "").encode()), _nothing
        case "OAUTHBEARER":
            name = user.replace(b"=", b"=3D").replace(b",", b"=2C")
            return b"n,a=%s,\1auth=Bearer %s\1\1" % (name, (token or "").encode()), lambda _: b"\1"
        case "CRAM-MD5":
            return None, lambda challenge: user + b" " + hmac.new(password, challenge, "md5").hexdigest().encode()
        case _:  # LOGIN: the name, then the password, whatever the challenges say
            due = [user, password]
            return None, lambda _: due.pop(0) if due else b""


def _nothing(challenge: bytes) -> bytes:
    return b""


def _encode(response: bytes) -> str:
    return b64encode(response).decode("ascii")


def _decode(challenge: bytes) -> bytes:
    try:
        return b64decode(challenge)
    except BadBase64:
        raise LineBroken(Fault.NONSENSE, "a challenge that is no base64") from None


def without_secrets(text: str, account: Account, token: str | None = None) -> str:
    """Return a server's words without password or token, should it have sent them back (failures H21)."""
    user, password = account.username, _password(account)
    secrets = []
    if password:
        secrets += [f"\0{user}\0{password}", quote(password)[1:-1], password]
    known = [] if account.oauth is None else known_secrets(account.oauth)
    for shown in dict.fromkeys(([token] if token else []) + known):
        secrets += [
            f"user={user}\1auth=Bearer {shown}\1\1",
            _responses(account, "OAUTHBEARER", shown)[0].decode(),  # type: ignore[union-attr]
            shown,
        ]
    for secret in secrets:
        text = text.replace(_encode(secret.encode()), "***").replace(secret, "***")
    return text


def _password(account: Account) -> str:
    return account.password.get_secret_value() if account.password is not None else ""
