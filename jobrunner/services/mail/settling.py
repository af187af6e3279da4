"""What a mail server's answer means for one mail to one person, whose row is there until it is settled."""

from dataclasses import dataclass, replace
from datetime import timedelta

from jobrunner.services.mail.accounts import SentCopy
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.smtp import Outcome, Phase, Result, Transport

DELAYS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60))
"""Before the attempts after the first, second …; the last for all that follow."""
SETTLE_LIMIT = 60.0
"""Seconds for which the result of an accepted mail is offered to a database that is away."""
SETTLE_LIMIT_CANCELLED = 1.5
"""The same for a run that was cancelled."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of a mail that was tried."""

    state: str
    """A final state, or Waiting."""
    reason: str | None = None
    delay: timedelta | None = None
    """For Waiting: how long; None for due as before."""
    counts: bool = False
    """Whether the attempt counts."""
    in_doubt: bool = False
    message: Message | None = None
    """As it was written; None where it never was."""
    copy: SentCopy | None = None
    """Of a mail that was taken, for the Sent folder of its account, where that has one."""

    @property
    def message_id(self) -> str | None:
        """That of the message."""
        return None if self.message is None else self.message.message_id


def settlement_of(result: Result, *, attempt_count: int, doubt_count: int, message: Message | None) -> Settlement:
    """Return what a result means for its mail; a doubtful one goes once more, with the same Message-ID."""
    told = Settlement("Waiting", str(result), message=message)
    match result.outcome:
        case Outcome.ACCEPTED:
            return replace(told, state="Sent")
        case Outcome.UNKNOWN if doubt_count:
            return replace(told, state="Uncertain", in_doubt=True)
        case Outcome.UNKNOWN:
            return replace(told, delay=DELAYS[0], in_doubt=True)
        case Outcome.RATE if not _concerns_recipient(result):
            return told
    if result.concerns_all:
        return told
    if result.final:
        return replace(told, state="Failed", counts=True)
    return replace(told, delay=delay_after(attempt_count), counts=True)


def ends_run(result: Result) -> bool:
    """Whether the next mail would fare the same. A rate is none of it: the account waits (`Outgoing`)."""
    match result.outcome:
        case Outcome.ACCEPTED | Outcome.UNKNOWN | Outcome.RATE:
            return False
    return result.concerns_all


def delay_after(attempt_count: int) -> timedelta:
    """Return how long a mail waits after so many attempts that counted, and one more."""
    return DELAYS[min(attempt_count, len(DELAYS) - 1)]


def broken_off(transport: Transport) -> Result:
    """Return the result of a mail during whose sending the run was cancelled."""
    in_doubt = transport.phase is Phase.DOT
    return Result(Outcome.UNKNOWN if in_doubt else Outcome.CONNECTION, Phase.IDLE, "the run was stopped")


def _concerns_recipient(result: Result) -> bool:
    """Whether a rate reply is about this recipient, as greylisting is."""
    return result.phase is Phase.RCPT and result.code != 421
