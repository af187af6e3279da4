"""What can go wrong with a mailbox: one kind each, and a sentence that says what to do."""

import re
from enum import Enum

from jobrunner.errors import JobrunnerError
from jobrunner.services.mail.imap.account import Account

WORDS_LIMIT = 500
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Fault(Enum):
    """The kinds of faults; the value is how one says it in two words."""

    DNS = "name not found"
    FORBIDDEN = "address not permitted"
    REFUSED = "connection refused"
    UNREACHABLE = "not reachable"
    TLS = "no TLS"
    CERTIFICATE = "certificate not trusted"
    NO_LOGIN = "no way to log in"
    """The server offers none that we know, or none that may be used on this line."""
    LOGIN = "login refused"
    TOKEN = "no access token"  # noqa: S105
    """The login provider cannot be reached; where it refuses, that is LOGIN."""
    BUSY = "server busy"
    """It says so itself: unavailable, in use, over a limit or quota."""
    FOLDER = "folder missing"
    VANISHED = "message gone"
    DENIED = "command refused"
    UNSUPPORTED = "not supported"
    BYE = "server said goodbye"
    LOST = "connection lost"
    TIMEOUT = "no answer"
    NONSENSE = "not IMAP"
    FLOOD = "too much sent"

    @property
    def keeps_line(self) -> bool:
        """Whether the connection can still be used: the server answered, and said no."""
        return self in (Fault.FOLDER, Fault.VANISHED, Fault.DENIED, Fault.UNSUPPORTED, Fault.BUSY)

    @property
    def concerns_login(self) -> bool:
        """Whether trying again soon may have the account locked: it waits for a person."""
        return self in (Fault.LOGIN, Fault.NO_LOGIN)

    @property
    def may_pass(self) -> bool:
        """Whether it may pass by itself, as what the network or a busy server causes does."""
        return self in (
            Fault.DNS,
            Fault.REFUSED,
            Fault.UNREACHABLE,
            Fault.TOKEN,
            Fault.BUSY,
            Fault.BYE,
            Fault.LOST,
            Fault.TIMEOUT,
        )


class MailboxError(JobrunnerError):
    """A mailbox could not be used; `str()` is one sentence with the server's words and what to do."""

    def __init__(self, fault: Fault, message: str, *, step: str = "", words: str = "") -> None:
        super().__init__(message)
        self.fault = fault
        self.step = step
        """What was being done: `LOGIN`, `SELECT`, …"""
        self.words = words
        """What the server said, one line of at most 500 characters, without secrets; or empty."""


class LineBroken(Exception):
    """A connection is over, for this reason. Inside this package only: outside it is a `MailboxError`."""

    def __init__(self, fault: Fault, words: str = "") -> None:
        super().__init__(fault, words)
        self.fault = fault
        self.words = words


def one_line(text: str | bytes) -> str:
    """Return a server's words as they are kept: one line without controls, of at most 500 characters."""
    if isinstance(text, bytes):
        text = text[: 4 * WORDS_LIMIT].decode("utf-8", "replace")
    return " ".join(UNSEEN.sub(" ", text).split())[:WORDS_LIMIT]


def failure(account: Account, fault: Fault, step: str, words: str = "") -> MailboxError:
    """Return the error whose sentence says what happened at that step, and what to do."""
    place, said = account.place, f": {words.rstrip('.')}" if words else ""
    return MailboxError(fault, _sentence(account, place, fault, step, said), step=step, words=words)


def _sentence(account: Account, place: str, fault: Fault, step: str, said: str) -> str:
    match fault:
        case Fault.DNS:
            return f"the name {account.host} of the IMAP server was not found{said}; check the account's host"
        case Fault.FORBIDDEN:
            return (
                f"{place} is at an internal address that may not be connected to{said}; "
                "an administrator can allow it, or check the account's host"
            )
        case Fault.REFUSED:
            return f"{place} refuses the connection{said}; check host and port, and whether the server runs"
        case Fault.UNREACHABLE:
            return f"{place} cannot be reached{said}; check host and port, and the network between"
        case Fault.CERTIFICATE:
            return (
                f"the certificate of {place} cannot be trusted, so nothing was sent{said}; check that the host is the "
                "name in the certificate, or have the server's certificate put right"
            )
        case Fault.TLS:
            return f"no TLS could be agreed with {place}, so nothing was sent{said}; {_other_security(account)}"
        case Fault.NO_LOGIN:
            return f"no login to {place} is possible{said}"
        case Fault.LOGIN:
            return f"{place} refuses the login of {account.username}{said}; check user name and " + (
                "the consent given at the login provider" if account.oauth else "password"
            )
        case Fault.TOKEN:
            return f"no login to {place}{said}; it is tried again"
        case Fault.BUSY:
            return f"{place} does not do {step} now{said}; it is tried again later"
        case Fault.FOLDER:
            return f"{place} has no such folder{said}; choose one that it lists"
        case Fault.VANISHED:
            return f"the message is no longer at {place}{said}; it was deleted or moved meanwhile"
        case Fault.DENIED:
            return f"{place} refuses {step}{said}; ask whoever runs it why"
        case Fault.UNSUPPORTED:
            return f"{place} cannot do {step}{said}"
        case Fault.BYE:
            return f"{place} ended the connection at {step}{said}; it is tried again"
        case Fault.LOST:
            return f"the connection to {place} was lost at {step}{said}; it is tried again"
        case Fault.TIMEOUT:
            return f"{place} gave no answer to {step}{said}; {_when_silent(account, step)}"
        case Fault.NONSENSE:
            return f"{place} gave an answer to {step} that is no IMAP{said}; check host and port"
        case Fault.FLOOD:
            return f"{place} sent more in answer to {step} than is accepted{said}; ask whoever runs it why"


def _other_security(account: Account) -> str:
    if account.security == "ssl":
        return "if the port is 143, set the account's security to tls"
    return "if the port is 993, set the account's security to ssl"


def _when_silent(account: Account, step: str) -> str:
    if step == "the connection" and account.security != "ssl":
        return "if it expects TLS from the first octet, as on port 993, set the account's security to ssl"
    return "it is tried again"
