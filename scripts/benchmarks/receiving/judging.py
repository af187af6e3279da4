"""From samples to rows: which goal each figure has."""

from collections.abc import Sequence

from scripts.benchmarks.receiving.memory import Peaks
from scripts.benchmarks.receiving.names import DOWNLOAD, OURS, PARSE
from scripts.benchmarks.receiving.watching import Cost
from scripts.benchmarks.report import Report, at_least, less_than
from scripts.benchmarks.samples import Samples, percentile

EVERYBODY = (OURS, DOWNLOAD, PARSE)
RATE = "messages"
FETCHER_CPU = "CPU a message, fetcher"
SERVER_CPU = "CPU a message, Dovecot"
CLUSTER_CPU = "CPU a message, PostgreSQL"


def add_comparison(rows: Report, samples: Samples) -> None:
    """Add messages a second, what they are to be, and CPU a message."""
    for name in EVERYBODY:
        rows.add(RATE, name, samples.median(RATE, name), "messages/s")
    rows.add(f"{RATE}: ratio", f"{OURS} / {PARSE}", samples.ratio(RATE, OURS, PARSE), "times", at_least(1))
    rows.add(f"{RATE}: ratio", f"{OURS} / {DOWNLOAD}", samples.ratio(RATE, OURS, DOWNLOAD), "times")
    for figure in (FETCHER_CPU, CLUSTER_CPU, SERVER_CPU):
        for name in EVERYBODY:
            if samples.has(figure, name):
                rows.add(figure, name, samples.median(figure, name), "us")


def add_memory(rows: Report, peaks: Sequence[Peaks]) -> None:
    """Add the peaks of memory, of all turns."""
    rows.add("memory, peak", f"{OURS}, daemon", max(one.own for one in peaks), "MB", less_than(200))
    below = max(one.largest_below for one in peaks)
    rows.add("memory, peak", f"{OURS}, largest process that reads", below, "MB", less_than(300))


def add_pushes(rows: Report, took: Sequence[float]) -> None:
    """Add how long a mail takes under IDLE."""
    ordered = list(took)
    rows.add("push to commit, p50", OURS, percentile(ordered, 0.5), "ms", less_than(100))
    rows.add("push to commit, p99", OURS, percentile(ordered, 0.99), "ms", less_than(100))


def add_firings(rows: Report, took: Sequence[float]) -> None:
    """Add how long a mail takes from the firing of the schedule, without IDLE."""
    if took:
        rows.add("full minute to commit, without IDLE", OURS, max(took), "s", less_than(5))


def add_watching(rows: Report, count: int, one: Cost, all: Cost) -> None:
    """Add what watched accounts cost."""
    for name, cost in (("1 watched account", one), (f"{count} watched accounts", all)):
        rows.add("idle daemon, memory", name, cost.memory, "MB")
        rows.add("idle daemon, CPU", name, cost.cpu, "s/min")
    rows.add("a watched account, memory", OURS, (all.memory - one.memory) * 1024 / (count - 1), "KB")
