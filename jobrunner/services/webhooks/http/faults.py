"""What went wrong with a request, as a kind for programs and a sentence for people."""

import errno
import socket
import ssl

import aiohttp

from jobrunner.services.address_guard import AddressRefused
from jobrunner.services.webhooks.http.connecting import HEAD_LIMIT, Attempt, HeadTooLong
from jobrunner.services.webhooks.http.reply import ErrorKind
from jobrunner.services.webhooks.http.resolving import NameNotFound

LONGEST_WORDS = 200
EXPECTED = (aiohttp.ClientError, OSError, RuntimeError)
"""What aiohttp raises for what a peer or the network does; uvloop has RuntimeErrors for some sockets."""

NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL, errno.EPERM}


def fault_of(error: BaseException, attempt: Attempt, connect_limit: float) -> tuple[ErrorKind, str]:
    """Return kind and sentence (without its end) of one of `EXPECTED`."""
    if attempt.refused is not None and not attempt.fresh:
        return "guard", str(attempt.refused)
    match error:
        case HeadTooLong():
            return "protocol", f"the head of its answer is over the limit of {HEAD_LIMIT} octets"
        case aiohttp.ServerTimeoutError() | TimeoutError():
            return "timeout", f"no connection within the limit of {connect_limit:g} s"
        case aiohttp.ClientConnectorCertificateError():
            return "tls", _certificate_words(error.certificate_error)
        case aiohttp.ClientConnectorError():
            return _connection_fault(error.os_error)
        case aiohttp.ServerDisconnectedError():
            return "reset", "it closed the connection without an answer"
        case aiohttp.ClientOSError() | aiohttp.ClientConnectionError():
            return "reset", _with_details("the connection broke before an answer came", error)
        case aiohttp.ClientResponseError():
            return "protocol", _words(f"its answer is not HTTP: {_without_marks(error.message)}")
        case aiohttp.ClientError():
            return "protocol", _with_details("the request was not possible", error)
    return "reset", _with_details("the connection broke before an answer came", error)


def _without_marks(message: str) -> str:
    """What aiohttp's parser says, without the lines below it that point at the place."""
    return message.partition("\n")[0].rstrip(": ")


def _connection_fault(error: OSError) -> tuple[ErrorKind, str]:
    match error:
        case AddressRefused():
            return "guard", str(error)
        case NameNotFound():
            return "dns", str(error)
        case socket.gaierror():
            return "dns", _with_details("its name was not found", error)
        case ssl.SSLCertVerificationError():
            return "tls", _certificate_words(error)
        case ssl.SSLError():
            return "tls", _words(f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}")
        case ConnectionRefusedError():
            return "refused", "the connection was refused"
        case ConnectionError():
            return "reset", _with_details("the connection broke while it was made", error)
    if error.errno in NO_WAY:
        return "unreachable", _with_details("there is no way to it", error)
    if error.errno == errno.ETIMEDOUT:
        return "timeout", "no connection within the limit of this machine"
    return "unreachable", _with_details("no connection", error)


def _certificate_words(error: BaseException) -> str:
    words = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return _words(f"its certificate is not trusted: {words}")


def _with_details(words: str, error: BaseException) -> str:
    details = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return _words(f"{words}: {details}" if details else words)


def _words(text: str) -> str:
    """Keep what a peer may have written to one line."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(line.split())[:LONGEST_WORDS].rstrip(".")
