"""How much each part of the run measures, in the long form and in the quick one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of jobs, and seconds where it says so."""

    rounds: int
    enqueue_rounds: int
    """Of enqueueing: more and shorter ones, since the disk, on which each commit waits, has its moods."""
    one_by_one: int
    """Calls of one job each."""
    calls: int
    """Calls of 1,000 jobs each."""
    in_one_call: int
    drained: int
    """Jobs of a throughput measurement."""
    drained_by_procrastinate: int
    timed: int
    """Jobs whose start is timed."""
    pause: float
    """Seconds between two of them, on average."""
    slices: int
    """Turns that each of two ways of concurrent enqueueing has."""
    slice: float
    """Seconds of one turn."""
    crowd: int
    """Finished or pending jobs beside those that are measured."""
    crowd_rounds: int
    crowd_drained: int
    """Jobs of one turn beside it."""


LONG = Sizes(
    rounds=3,
    enqueue_rounds=9,
    one_by_one=500,
    calls=10,
    in_one_call=50_000,
    drained=50_000,
    drained_by_procrastinate=5_000,
    timed=300,
    pause=0.02,
    slices=5,
    slice=3.0,
    crowd=1_000_000,
    crowd_rounds=5,
    crowd_drained=50_000,
)
QUICK = Sizes(
    rounds=1,
    enqueue_rounds=3,
    one_by_one=100,
    calls=2,
    in_one_call=10_000,
    drained=10_000,
    drained_by_procrastinate=500,
    timed=120,
    pause=0.01,
    slices=2,
    slice=0.7,
    crowd=100_000,
    crowd_rounds=1,
    crowd_drained=10_000,
)
