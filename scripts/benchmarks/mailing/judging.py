"""From samples to rows: which goal each figure has."""

from collections.abc import Mapping, Sequence

from scripts.benchmarks.mailing import turn
from scripts.benchmarks.mailing.names import LOOP, LOOP_SIGNED, OURS, SIGNED, SOURCE
from scripts.benchmarks.mailing.profiling import OTHER, STEPS, Profile
from scripts.benchmarks.mailing.statements import Statement
from scripts.benchmarks.report import Goal, Report, at_least, at_most
from scripts.benchmarks.samples import Samples

EVERYBODY = (OURS, SIGNED, LOOP, LOOP_SIGNED, SOURCE)
RATIOS: Sequence[tuple[str, str, Goal | None]] = (
    (OURS, LOOP, at_least(5)),
    (SIGNED, LOOP, at_least(3)),
    (SIGNED, LOOP_SIGNED, None),
    (OURS, SOURCE, at_least(1 / 6, "a quarter is the aim")),
    (SIGNED, SOURCE, None),
)
GROWTH = 1.2
"""Times the memory of the smallest mailing that the largest may take."""


def add_comparison(rows: Report, samples: Samples) -> None:
    """Add messages a second, what they are to be, and CPU a message."""
    for name in EVERYBODY:
        rows.add(turn.RATE, name, samples.median(turn.RATE, name), "messages/s")
    for one, other, goal in RATIOS:
        rows.add(f"{turn.RATE}: ratio", f"{one} / {other}", samples.ratio(turn.RATE, one, other), "times", goal)
    for figure in (turn.SENDER_CPU, turn.CLUSTER_CPU, turn.SINK_CPU):
        for name in EVERYBODY:
            if samples.has(figure, name):
                rows.add(figure, name, samples.median(figure, name), "us")


def add_sizes(rows: Report, sizes: Mapping[str, float]) -> None:
    """Add how large the messages are, by which the systems are seen to send the same."""
    for name in EVERYBODY:
        if name in sizes:
            rows.add("size of a message", name, sizes[name], "octets")


def add_steps(rows: Report, name: str, profile: Profile, cpu: float) -> None:
    """Add the daemon's CPU by step; `cpu`: microseconds a message in the turn that was looked at."""
    for step in (*(step for step, _ in STEPS), OTHER):
        rows.add(f"CPU a message, daemon: {step}", name, profile.share(step) * cpu, "us")


def add_statements(rows: Report, name: str, statements: Sequence[Statement], count: int) -> None:
    """Add PostgreSQL's time by statement; `count`: messages of the turn that was looked at."""
    for statement in statements:
        rows.add(f"time a message, {statement.name}", name, statement.milliseconds / count * 1e3, "us")


def add_memory(rows: Report, peaks: Mapping[int, float]) -> None:
    """Add the peaks of memory by number of recipients, and how they grow."""
    for count, peak in peaks.items():
        rows.add("memory of the daemon, peak", f"{OURS}, {count:,} recipients", peak, "MB")
    if len(peaks) > 1:
        least, most = min(peaks), max(peaks)
        goal = at_most(GROWTH)
        rows.add("memory: ratio", f"{most:,} / {least:,} recipients", peaks[most] / peaks[least], "times", goal)
