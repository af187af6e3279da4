"""What a mail server's answer means for the item, by the classes of outcomes."""

import random
from collections.abc import Callable
from datetime import timedelta

from jobrunner.services.mail.accounts.loading import UncertainPolicy
from jobrunner.services.mail.smtp import Outcome, Result
from jobrunner.services.massmail.sending.items import Bounce, Item, Settlement

DELAYS = tuple(timedelta(minutes=m) for m in (5, 30, 120))
"""Before the attempts after the first, second, and all that follow."""
JITTER = 0.2
BREAK_DELAY = timedelta(minutes=1)
"""After a line that broke off."""
AWAY_DELAY = timedelta(seconds=5)
"""After a server that was not there: it is the account that waits, longer each time."""
BREAKS = 2
"""Lines that broke off in a row and count nothing; from the next one on it may be the mail that breaks them."""
TEXT_LIMIT = 1000


def judge(
    item: Item,
    result: Result,
    *,
    policy: UncertainPolicy,
    most_attempts: int,
    chance: Callable[[], float] = random.random,
) -> Settlement:
    """Return what becomes of an item by one result."""
    if result.outcome is Outcome.ACCEPTED:
        return Settlement(
            item.id,
            "Sent",
            is_charged=True,
            code=result.code,
            enhanced_code=result.enhanced,
            reply=result.text[:TEXT_LIMIT],
        )
    answered = Settlement(
        item.id,
        "Pending",
        code=result.code,
        enhanced_code=result.enhanced,
        reply=None if result.code is None else result.text[:TEXT_LIMIT],
        reason=str(result)[:TEXT_LIMIT],
    )
    match result.outcome:
        case Outcome.UNKNOWN:
            return _doubt(item, answered, policy, chance)._replace(is_in_doubt=True)
        case Outcome.AUTHENTICATION | Outcome.SENDER_REFUSED:
            return answered
        case Outcome.RATE:
            return answered._replace(delay=_spread(DELAYS[0], chance))
        case Outcome.CONNECTION if result.phase.before_message:  # the server is away: no mail's doing
            return answered._replace(delay=_spread(AWAY_DELAY, chance))
    broke_off = result.outcome is Outcome.CONNECTION
    is_charged = result.charged or item.break_count >= BREAKS
    answered = answered._replace(is_charged=is_charged, broke_off=broke_off)
    if result.final or (is_charged and item.attempt_count + 1 >= most_attempts):
        return answered._replace(status="Failed", bounce=_bounce(result.outcome))
    delay = BREAK_DELAY if broke_off else DELAYS[min(item.attempt_count, len(DELAYS) - 1)]
    return answered._replace(delay=_spread(delay, chance))


def _doubt(item: Item, answered: Settlement, policy: UncertainPolicy, chance: Callable[[], float]) -> Settlement:
    if policy == "assume_sent":
        return answered._replace(status="Sent", reason=f"{answered.reason}; it counts as sent"[:TEXT_LIMIT])
    if policy == "retry" and item.doubt_count == 0:
        return answered._replace(delay=_spread(DELAYS[0], chance))
    return answered._replace(status="Uncertain")


def _bounce(outcome: Outcome) -> Bounce | None:
    match outcome:
        case Outcome.BAD_ADDRESS:
            return "Hard"
        case Outcome.ADDRESS_DEFERRED:
            return "Soft"
    return None


def _spread(delay: timedelta, chance: Callable[[], float]) -> timedelta:
    return delay * (1 + JITTER * (2 * chance() - 1))
