"""In words what to do where a mail by an account was not taken."""

import asyncio
import errno
import re
import socket

from jobrunner.services.mail.accounts.loading import SendingAccount
from jobrunner.services.mail.certificate_advice import advise_on_certificate
from jobrunner.services.mail.smtp import Outcome, Phase, Result
from jobrunner.services.mail.smtp.opening import INTERNAL

PROBE_LIMIT = 10.0
"""Seconds for finding out why a server cannot be reached."""
SENDER = re.compile(r"\bsender\b|\bfrom address\b|not owned|send as|sendas", re.IGNORECASE)
RELAY = re.compile(r"\brelay", re.IGNORECASE)


async def explain(account: SendingAccount, result: Result) -> str:
    """Return what to do about a mail that was not taken."""
    match result.phase:
        case Phase.CONNECT | Phase.TLS | Phase.HELLO:
            return await _about_connecting(account, result)
        case Phase.LOGIN:
            return _about_login(account, result)
    match result.outcome:
        case Outcome.AUTHENTICATION:
            return f"The server wants a login first: set {account.smtp.setting('username')} and the password."
        case Outcome.CONNECTION:
            return (
                "The line broke in the middle of the dialogue: try again; if it stays so, the server's log may say why."
            )
        case Outcome.UNKNOWN:
            return "The mail may have been taken all the same: look into the mailbox before you try again."
        case Outcome.RATE:
            return f"The server takes no more for now. Wait a while, and {_rate(account)} what your provider allows."
        case Outcome.POLICY:
            return (
                f"The receiver demands more of the sender's domain {account.sender.address.domain}: publish SPF, DKIM "
                "and DMARC records for it, and a PTR record for the server that delivers."
            )
        case Outcome.UNSUPPORTED:
            return "The server cannot take such an address or message: try another --to."
    return _about_transaction(account, result)


def _rate(account: SendingAccount) -> str:
    if account.smtp.row is not None:
        return "set --rate-per-hour to"
    return "add the account by `jobrunner smtp-account add NAME --kind System` with the --rate-per-hour that is"


def _about_transaction(account: SendingAccount, result: Result) -> str:
    if RELAY.search(result.text):
        login = (
            f"it does so only after a login: set {account.smtp.setting('username')} and the password"
            if account.smtp.username is None
            else "use the server at which this account is at home, or have its operator allow it"
        )
        return f"The server does not pass mail on for us (relay denied); {login}."
    if result.outcome is Outcome.SENDER_REFUSED or SENDER.search(result.text):
        return (
            f"The server does not let this account send as {account.sender.address}: set "
            f"{account.smtp.setting('from-address')} to an address that belongs to it, or allow this one at the "
            "provider."
        )
    if result.outcome is Outcome.BAD_ADDRESS:
        return "The account works; the server does not know the recipient's address. Try another --to."
    if result.final:
        return "The account works; the server refuses this mail or its recipient, for the reason that it gives."
    return "The account works; the server puts this mail off for now. Try again later."


async def _about_connecting(account: SendingAccount, result: Result) -> str:
    smtp, text = account.smtp, result.text
    if text.startswith("the certificate of"):
        return advise_on_certificate(text, account.smtp.remedy("host", "NAME"))
    if INTERNAL in text:
        return (
            "It was entered as an account of a user, who may not reach into this network: an administrator lets the "
            f"server through by `jobrunner settings set email_server_allowed_address_list {smtp.host}:{smtp.port}`."
        )
    if text.startswith("no TLS could be agreed"):
        if smtp.security == "ssl":
            return (
                f"The port {smtp.port} does not begin with TLS: set {smtp.setting('security')} tls (STARTTLS, port "
                f"587), or {smtp.setting('port')} 465."
            )
        return "The server's TLS is too old or broken: have its operator bring it up to date (TLS 1.2 at least)."
    if result.phase is Phase.TLS:
        return (
            f"The server offers no STARTTLS on port {smtp.port}: set {account.smtp.setting('security')} ssl and "
            f"{account.smtp.setting('port')} 465, or use the port 587. Without TLS no password is sent, and mail only "
            f"where {account.smtp.setting('security')} is none."
        )
    if result.code is not None:
        return "The server is there and does not want to talk to this machine now: its words say why."
    if result.phase is Phase.HELLO:
        return f"What answers on port {smtp.port} is no mail server, or one that broke off: check host and port."
    return await _probe(account)


def _about_login(account: SendingAccount, result: Result) -> str:
    smtp = account.smtp
    if result.outcome is Outcome.CONNECTION or (result.code is not None and result.code < 500):
        return "The login failed for the moment, it was not refused: try again later."
    if result.code is None:
        if smtp.oauth is not None:
            return (
                "The provider gives no access token: have the access of the account granted anew, and enter its "
                "refresh token."
            )
        way = "set --login to one that it offers, " if smtp.row is not None else "set "
        return (
            f"The server and the account have no way to log in in common: {way}{smtp.setting('security')} to tls or "
            "ssl, or leave the username out if it needs no login."
        )
    if smtp.oauth is not None:
        return (
            "The server does not take the token: the scope must be one for SMTP, and the username the mailbox whose "
            "access was granted."
        )
    ask = (
        "enter it again by `--ask-password`"
        if smtp.row is not None
        else "set JOBRUNNER_SMTP__USERNAME and JOBRUNNER_SMTP__PASSWORD"
    )
    return (
        f"The server refuses the username {smtp.username!r} with this password: {ask}. Providers with two-step login "
        "want a password made for applications, and some must first be told to allow SMTP."
    )


async def _probe(account: SendingAccount) -> str:
    """Find out why nothing could be connected to; by the system's own errors, whose texts depend on the language."""
    host, port = account.smtp.host, account.smtp.port
    try:
        async with asyncio.timeout(PROBE_LIMIT):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return (
            f"The name {host} is not known (DNS): check {account.smtp.setting('host')} for a typing error, and whether "
            "this machine can look up names."
        )
    except TimeoutError:
        return "The DNS does not answer: check the network of this machine."
    permits = account.smtp.permits or (lambda *_: True)
    failures = [await _connect(address[4][0], port) for address in found if permits(str(address[4][0]), port)]
    if None in failures:
        return (
            f"Something answers on port {port}, but not as a mail server does in time: check "
            f"{account.smtp.setting('port')}, and {account.smtp.setting('security')} (port 465 is ssl, 587 and 25 "
            "are tls)."
        )
    if errno.ECONNREFUSED in failures:
        return (
            f"Nobody listens on port {port} of {host} (connection refused): check {account.smtp.setting('host')} and "
            f"{account.smtp.setting('port')}, and whether the mail server runs."
        )
    return (
        f"{host} does not answer on port {port}: a firewall may be in between (many providers close port 25; 587 or "
        "465 are for submission), or the network is down."
    )


async def _connect(address: str | int, port: int) -> int | None:
    """Return the number of the system's error, or None where a connection came about."""
    try:
        async with asyncio.timeout(PROBE_LIMIT / 2):
            _, writer = await asyncio.open_connection(str(address), port)
    except TimeoutError:
        return errno.ETIMEDOUT
    except OSError as error:
        return error.errno or errno.EHOSTUNREACH
    writer.transport.abort()
    return None
