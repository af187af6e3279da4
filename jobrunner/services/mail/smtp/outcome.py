"""What became of one attempt to hand over a message, and what that means."""

import re
from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """Where in the dialogue something happened; the value is how one says it."""

    IDLE = "between two messages"
    CONNECT = "connecting"
    HELLO = "EHLO"
    TLS = "STARTTLS"
    LOGIN = "AUTH"
    RESET = "RSET"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "the end of the message"

    @property
    def before_message(self) -> bool:
        """Whether it has nothing to do with any one message: what fails here fails for all."""
        return self in (Phase.CONNECT, Phase.HELLO, Phase.TLS, Phase.LOGIN)


class Outcome(Enum):
    """The classes of outcomes; each is judged alike by all who send."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    """The final dot was sent and no answer came: the server may have the message."""
    CONNECTION = "connection"
    """The server was not there, broke off, or made no sense, before the final dot."""
    AUTHENTICATION = "authentication"
    POLICY = "policy"
    """The receiver's demands on SPF, DKIM, DMARC, PTR or TLS are not met: a matter of the sender's set-up."""
    RATE = "rate"
    SENDER_REFUSED = "sender refused"
    BAD_ADDRESS = "bad address"
    ADDRESS_DEFERRED = "address deferred"
    REFUSED = "refused"
    DEFERRED = "deferred"
    UNSUPPORTED = "unsupported"
    """The message is larger than the server takes, or its address needs SMTPUTF8."""
    LOCAL = "local"
    """Our own fault: the message could not be composed or may not be sent."""


@dataclass(frozen=True, slots=True)
class Result:
    """One outcome, with what the server said, for a log and for a row."""

    outcome: Outcome
    phase: Phase
    text: str
    """The server's words, or ours; one line of at most 1,000 characters."""
    code: int | None = None
    enhanced: str | None = None

    def __str__(self) -> str:
        if self.code is None:
            return self.text
        return f"{self.code} {self.text} (answer to {self.phase.value})"

    @property
    def final(self) -> bool:
        """Whether it makes no sense to try this message again."""
        match self.outcome:
            case Outcome.BAD_ADDRESS | Outcome.REFUSED | Outcome.UNSUPPORTED | Outcome.LOCAL:
                return True
            case Outcome.POLICY:
                return self.code is not None and self.code >= 500
        return False

    @property
    def charged(self) -> bool:
        """Whether the attempt counts: it was about this message or its recipient. A broken line counts later."""
        match self.outcome:
            case Outcome.POLICY | Outcome.ADDRESS_DEFERRED | Outcome.DEFERRED:
                return True
        return self.final

    @property
    def refuses_login(self) -> bool:
        """Whether the login is refused for good (not: for the moment, by 4yz): to try it again would do harm."""
        return self.outcome is Outcome.AUTHENTICATION and (self.code is None or self.code >= 500)

    @property
    def concerns_all(self) -> bool:
        """Whether the next message would fare the same: the server, the login or the sender is refused."""
        return self.phase.before_message or self.outcome in (Outcome.AUTHENTICATION, Outcome.SENDER_REFUSED)


ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
TEXT_LIMIT = 1000

AUTHENTICATION_CODES = (530, 534, 535, 538)
AUTHENTICATION_DETAILS = ("7.8", "7.9")
SENDER_DETAILS = ("1.7", "1.8")
BAD_ADDRESS_DETAILS = ("1.1", "1.2", "1.3", "1.6", "1.10", "2.1")
RATE_DETAILS = ("4.5", "5.3")
RATE_WORDS = re.compile(r"\brate\b|\btoo many\b", re.IGNORECASE)
GREYLISTED = re.compile(r"\bgr[ea]y-?list", re.IGNORECASE)
FULL_MAILBOX_DETAIL = "2.2"
TOO_LARGE_DETAIL = "3.4"
ALPHABET_DETAIL = "6.7"


def judge(phase: Phase, code: int, text: str) -> Result:
    """Return the result that a reply means which is not the hoped-for one."""
    line = one_line(text)
    found = ENHANCED.match(line)
    enhanced = found[1] if found else None
    return Result(classify(phase, code, enhanced, line), phase, line, code, enhanced)


def one_line(text: str) -> str:
    """Return a server's words as they are kept: one line without controls, of at most 1,000 characters."""
    return " ".join(UNSEEN.sub(" ", text).split())[:TEXT_LIMIT]


def classify(phase: Phase, code: int, enhanced: str | None, text: str) -> Outcome:
    """Return the class of a negative reply: the first that fits."""
    detail = enhanced.partition(".")[2] if enhanced else ""
    if _is_authentication(phase, code, enhanced, detail):
        return Outcome.AUTHENTICATION
    if _is_policy(code, detail):
        return Outcome.POLICY
    if _is_rate(phase, code, enhanced, detail, text):
        return Outcome.RATE
    if phase.before_message or phase is Phase.RESET:
        return Outcome.CONNECTION  # no message is at fault
    if code >= 500:
        return _classify_refusal(phase, code, detail)
    if (phase is Phase.RCPT and (code in (450, 451, 452) or GREYLISTED.search(text))) or detail.startswith("2."):
        return Outcome.ADDRESS_DEFERRED
    return Outcome.DEFERRED


def _is_authentication(phase: Phase, code: int, enhanced: str | None, detail: str) -> bool:
    if code >= 500:
        return phase is Phase.LOGIN or code in AUTHENTICATION_CODES or detail in AUTHENTICATION_DETAILS
    return code == 454 and (phase is Phase.LOGIN or enhanced == "4.7.0")


def _is_policy(code: int, detail: str) -> bool:
    subject, _, number = detail.partition(".")
    if subject != "7" or not number:
        return False
    if code >= 500:
        return 23 <= int(number) <= 32 or number == "515"
    return 23 <= int(number) <= 27 or 29 <= int(number) <= 32


def _is_rate(phase: Phase, code: int, enhanced: str | None, detail: str, text: str) -> bool:
    if code == 421:
        return True
    if code < 500:
        if phase is Phase.RCPT and GREYLISTED.search(text):
            return False  # some say it with 4.7.1; it is about this recipient, and the account need not slow down
        return detail.startswith("7.") or detail in RATE_DETAILS or RATE_WORDS.search(text) is not None
    return code == 550 and enhanced == "5.4.5"


def _classify_refusal(phase: Phase, code: int, detail: str) -> Outcome:
    if detail == ALPHABET_DETAIL or (phase is Phase.MAIL and detail == TOO_LARGE_DETAIL):
        return Outcome.UNSUPPORTED  # the answer to SMTPUTF8 and to SIZE= is about the message, not the sender
    if phase is Phase.MAIL or detail in SENDER_DETAILS:
        return Outcome.SENDER_REFUSED
    # With one recipient in a transaction these two are about it also where they come after the message.
    if detail in BAD_ADDRESS_DETAILS or (phase is Phase.RCPT and not detail and code in (550, 551, 553)):
        return Outcome.BAD_ADDRESS
    if detail == FULL_MAILBOX_DETAIL or (phase is Phase.RCPT and code == 552 and not detail):
        return Outcome.ADDRESS_DEFERRED
    return Outcome.REFUSED
