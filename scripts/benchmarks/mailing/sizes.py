"""How much each part of the run measures, in the long form and in the quick one."""

from dataclasses import dataclass

CONNECTIONS = 16
"""Of every system, all kept open."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of messages in one turn, or of recipients."""

    rounds: int
    recipients: int
    """Of one mailing; as many messages smtp-source sends."""
    by_loop: int
    by_signing_loop: int
    profiled: int
    memory: tuple[int, ...]
    """Recipients of the mailings by which memory is compared; none to leave it out."""

    @property
    def people(self) -> int:
        """Recipients that there are at all."""
        return max(self.recipients, self.profiled, *self.memory)


LONG = Sizes(
    rounds=3,
    recipients=10_000,
    by_loop=10_000,
    by_signing_loop=1_000,
    profiled=10_000,
    memory=(1_000, 10_000, 100_000),
)
QUICK = Sizes(
    rounds=1,
    recipients=2_000,
    by_loop=400,
    by_signing_loop=32,
    profiled=1_000,
    memory=(),
)
