"""How much each part of the run measures, in the long form and in the quick one."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of messages, of accounts, and seconds."""

    rounds: int
    messages: int
    """In the mailbox, beside the large one."""
    large: int
    """Octets of the large one."""
    pushes: int
    """Messages that come in under IDLE, one after another."""
    firings: int
    """Messages that come in without IDLE: a minute each."""
    watched: int
    """Accounts of which the cost is measured."""
    quiet: float
    """Seconds over which that is measured."""


LONG = Sizes(rounds=3, messages=10_000, large=50 * MIB, pushes=200, firings=2, watched=100, quiet=60.0)
QUICK = Sizes(rounds=1, messages=1_500, large=5 * MIB, pushes=5, firings=0, watched=10, quiet=2.0)
