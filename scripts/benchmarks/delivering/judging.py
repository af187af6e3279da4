"""From samples to rows: which goal each figure has."""

from collections.abc import Sequence

from scripts.benchmarks.delivering import deliveries, emitting
from scripts.benchmarks.delivering.names import INSERT, LOOP, OURS
from scripts.benchmarks.report import Report, at_least, at_most
from scripts.benchmarks.samples import Samples, percentile


def add_deliveries(rows: Report, samples: Samples) -> None:
    """Add deliveries a second, what they are to be, and CPU a delivery."""
    for form in ("standard", "array"):
        figure = f"{deliveries.RATE}, {form}"
        if not samples.has(figure, OURS):
            continue
        for name in (OURS, LOOP):
            rows.add(figure, name, samples.median(figure, name), "deliveries/s")
        goal = at_least(0.5) if form == "standard" else None
        rows.add(f"{figure}: ratio", f"{OURS} / {LOOP}", samples.ratio(figure, OURS, LOOP), "times", goal)
        for figure in (f"{deliveries.CPU}, {form}", f"{deliveries.CLUSTER_CPU}, {form}"):
            for name in (OURS, LOOP):
                if samples.has(figure, name):
                    rows.add(figure, name, samples.median(figure, name), "us")


def add_latency(rows: Report, steady: Sequence[float], after_a_pause: Sequence[float]) -> None:
    """Add how long an event takes from its commit to its endpoint."""
    for words, took in (("100 events/s", steady), ("after a pause", after_a_pause)):
        rows.add(f"commit to delivery, {words}, p50", OURS, percentile(list(took), 0.5), "ms", at_most(20))
        rows.add(f"commit to delivery, {words}, p99", OURS, percentile(list(took), 0.99), "ms")


def add_emitting(rows: Report, samples: Samples) -> None:
    """Add what an emit costs."""
    for connections in emitting.CONNECTIONS:
        figure = emitting.key(connections)
        for kind in emitting.EVERYBODY:
            rows.add(figure, kind, samples.median(figure, kind), "transactions/s")
        for kind in emitting.EVERYBODY[1:]:
            rows.add(f"{figure}: ratio", f"{kind} / {INSERT}", samples.ratio(figure, kind, INSERT), "times")
