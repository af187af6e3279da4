"""From samples to rows: which goal each figure has."""

from scripts.benchmarks.queueing import crowd, enqueueing, running
from scripts.benchmarks.queueing.names import LARGE_PORTION, OURS, PGQUEUER, PROCRASTINATE, RAW, TUNED
from scripts.benchmarks.queueing.sizes import Sizes
from scripts.benchmarks.report import Goal, Report, at_least, both, less_than, more_than
from scripts.benchmarks.samples import Samples

CROWD_CPU = ("CPU a job amid a crowd, daemon", "CPU a job amid a crowd, cluster")
CROWD_CPU_LARGE = ("CPU a job amid a crowd, daemon, portion 500", "CPU a job amid a crowd, cluster, portion 500")
PEERS = (PROCRASTINATE, PGQUEUER)
EVERYBODY = (OURS, LARGE_PORTION, PROCRASTINATE, PGQUEUER, TUNED, RAW)


def report(samples: Samples, sizes: Sizes) -> Report:
    """Return all rows of a run."""
    rows = Report()
    _add_enqueueing(rows, samples, sizes)
    _add_throughput(rows, samples, sizes)
    _add_starts(rows, samples)
    _add_ten(rows, samples)
    _add_crowd(rows, samples, sizes, CROWD_CPU)
    if sizes.crowd_rounds > 1:
        _add_crowd(rows, samples, sizes, CROWD_CPU_LARGE)
    return rows


def _add_enqueueing(rows: Report, samples: Samples, sizes: Sizes) -> None:
    for figure, times in ((enqueueing.ONE, 1), (enqueueing.THOUSAND, 3), (enqueueing.in_one_call(sizes), 3)):
        best = max(PEERS, key=lambda peer: samples.median(figure, peer))
        rows.add(figure, "jobrunner", samples.median(figure, OURS), "jobs/s")
        for peer in PEERS:
            rows.add(figure, peer, samples.median(figure, peer), "jobs/s")
        goal = at_least(times) if times > 1 else more_than(1)
        rows.add(f"{figure}: ratio", f"jobrunner / {best}", samples.ratio(figure, OURS, best), "times", goal)


def _add_throughput(rows: Report, samples: Samples, sizes: Sizes) -> None:
    figure = running.throughput(sizes)
    for name in EVERYBODY:
        rows.add(figure, name, samples.median(figure, name), "jobs/s")
    for other in PEERS:
        rows.add(f"{figure}: ratio", f"{OURS} / {other}", samples.ratio(figure, OURS, other), "times", more_than(1))
    for other, goal in (
        (PGQUEUER, at_least(3)),
        (TUNED, at_least(3)),
        (PROCRASTINATE, at_least(40)),
        (RAW, at_least(0.5)),
    ):
        ratio = samples.ratio(figure, LARGE_PORTION, other)
        rows.add(f"{figure}: ratio", f"{LARGE_PORTION} / {other}", ratio, "times", goal)
    for figure in (running.WORKER_CPU, running.CLUSTER_CPU):
        for name in EVERYBODY:
            if samples.has(figure, name):
                rows.add(figure, name, samples.median(figure, name), "us")


def _add_starts(rows: Report, samples: Samples) -> None:
    for figure, limit in ((running.START_P50, 1.5), (running.START_P99, 5.0)):
        best = min(samples.median(figure, peer) for peer in PEERS)
        goal: Goal = both(less_than(limit), less_than(best, "the better peer"))
        rows.add(figure, OURS, samples.median(figure, OURS), "ms", goal)
        for name in EVERYBODY[1:]:
            if samples.has(figure, name):
                rows.add(figure, name, samples.median(figure, name), "ms")


def _add_ten(rows: Report, samples: Samples) -> None:
    figure = enqueueing.TEN
    for name in (OURS, enqueueing.QUIET):
        rows.add(figure, name, samples.median(figure, name), "jobs/s")
    ratio = samples.ratio(figure, OURS, enqueueing.QUIET)
    rows.add(f"{figure}: ratio", f"{OURS} / {enqueueing.QUIET}", ratio, "times", at_least(0.8))


def _add_crowd(rows: Report, samples: Samples, sizes: Sizes, figures: tuple[str, str]) -> None:
    for figure in figures:
        if not samples.has(figure, crowd.PLAIN):
            continue
        rows.add(figure, "no crowd", samples.median(figure, crowd.PLAIN), "us")
        for kind in (crowd.FINISHED, crowd.PENDING):
            rows.add(figure, f"{sizes.crowd:,} {kind}", samples.median(figure, kind), "us")
            more = (samples.ratio(figure, kind, crowd.PLAIN) - 1) * 100
            rows.add(f"{figure}: more", f"{sizes.crowd:,} {kind}", more, "%", less_than(10))
