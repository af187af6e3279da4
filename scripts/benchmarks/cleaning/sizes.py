"""How much each part of the run measures, in the long form and in the quick one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of rows and rounds; seconds where it says so."""

    rounds: int
    days: int
    """Tables of days that are over, for jobs that succeeded; as many for those that failed."""
    jobs: int
    """Old finished jobs, a tenth of which failed."""
    removed: int
    """Soft-deleted records that go, in four tables; beside them stand twice as many that stay."""
    waiting: int
    """No-op jobs that wait when a round begins."""
    window: float
    """Seconds that are measured without a clean-up, before it and after it."""


LONG = Sizes(rounds=3, days=30, jobs=1_000_000, removed=100_000, waiting=400_000, window=3.0)
QUICK = Sizes(rounds=1, days=10, jobs=100_000, removed=20_000, waiting=120_000, window=1.0)
