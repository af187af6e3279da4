"""How much each part of the run measures, in the long form and in the quick one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of rounds, events and transactions."""

    rounds: int
    array_rounds: int
    events: int
    """In a round, over all webhooks."""
    steady: int
    """Events that come one by one, of which each is timed."""
    pauses: int
    """Of these after a pause in which the queue has gone to sleep."""
    transactions: int
    """In a round of emits, on all connections together."""
    emit_rounds: int


WEBHOOKS = 50
HANGS = 17
"""The place of the webhook whose endpoint hangs."""
FAILS = 34
"""And of the one whose endpoint answers 500."""

LONG = Sizes(rounds=3, array_rounds=1, events=20_000, steady=600, pauses=20, transactions=800, emit_rounds=5)
QUICK = Sizes(rounds=1, array_rounds=0, events=2_000, steady=60, pauses=3, transactions=500, emit_rounds=1)
