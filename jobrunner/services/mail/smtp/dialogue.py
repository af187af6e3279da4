"""What the parts of a dialogue share: where it is, how it ends, and the sentences for what a server did."""

import ssl
from dataclasses import dataclass

from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.outcome import Outcome, Phase, Result, one_line


@dataclass(slots=True)
class Position:
    """Where in the dialogue a session is, or where it was when it was cancelled."""

    phase: Phase = Phase.IDLE


class Ended(Exception):
    """The dialogue about one message is over, with this result."""

    def __init__(self, result: Result) -> None:
        self.result = result


def broken(phase: Phase, text: str, outcome: Outcome = Outcome.CONNECTION) -> Ended:
    """Return how it ends when there is no reply. Where the final dot was sent, nobody knows what became of it."""
    return Ended(Result(Outcome.UNKNOWN if phase is Phase.DOT else outcome, phase, one_line(text)))


def no_answer(account: Account, phase: Phase, limit: float) -> str:
    """Say that a limit ran out."""
    return f"{account.place} gave no answer to {phase.value} within the limit of {limit:g} s"


def no_sense(account: Account, phase: Phase, what: object) -> str:
    """Say that something came which is no reply to what was asked."""
    return f"{account.place} gave an answer to {phase.value} that is none: {what!s:.200}"


def closed(account: Account, phase: Phase, error: object = "") -> str:
    """Say that the line was closed."""
    return f"{account.place} closed the connection at {phase.value}" + (f": {error}" if str(error) else "")


def reason(account: Account, phase: Phase, error: BaseException) -> str:
    """Say what an exception of the network, of TLS or of the library means."""
    place = account.place
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
    return closed(account, phase, text)
