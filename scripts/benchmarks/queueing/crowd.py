"""What a million finished or pending jobs beside those that run cost: CPU a job, daemon and cluster.

Three databases take turns: an empty one, one with that many finished jobs, one with that many pending ones. Each
has a daemon of its own; while it is paused the queue is filled.
"""

from collections import Counter
from collections.abc import Sequence

from scripts.benchmarks.queueing.jobrunner_daemon import Jobrunner
from scripts.benchmarks.queueing.sizes import Sizes
from scripts.benchmarks.queueing.waiting import until_ended
from scripts.benchmarks.queueing.worker import Worker
from scripts.benchmarks.samples import Samples
from scripts.benchmarks.server import Server

PLAIN, FINISHED, PENDING = "plain", "finished", "pending"
KINDS = (PLAIN, FINISHED, PENDING)
BEHIND = 10
"""Priority of the pending jobs: the measured ones, of priority 0, go first."""

SEEDS = {
    FINISHED: """
        INSERT INTO jobrunner.job_history (
            id, execute_at, created_at, started_at, finished_at, claim_id, priority, attempt, max_attempts, status,
            blocking, preparing, name, queue, daemon, data
        )
        SELECT n - $1, now(), now(), now(), now(), n, 0, 1, 3, 'Success', false, false, 'Noop', 'main', 'before', '{}'
        FROM generate_series(1, $1::bigint) AS n
    """,
    # Half of them ready, behind the measured ones in the same queue; half of them an hour and more ahead.
    PENDING: """
        INSERT INTO jobrunner.job (name, priority, execute_at, hold)
        SELECT 'Noop', 10, now() + s.ahead, CASE WHEN s.ahead > interval '0' THEN 'Time'::jobrunner.job_hold END
        FROM (
            SELECT CASE WHEN n % 2 = 0 THEN make_interval(hours => 1, secs => n / 100) ELSE interval '0' END AS ahead
            FROM generate_series(1, $1::bigint) AS n
        ) AS s
    """,
}


async def seed(system: Jobrunner, kind: str, count: int) -> None:
    """Pause the daemon, and put the crowd into its database."""
    await system.set("paused", True)
    if kind in SEEDS:
        await system.admin.execute(SEEDS[kind], count)
    await system.admin.execute("VACUUM ANALYZE jobrunner.job")
    await system.admin.execute("VACUUM ANALYZE jobrunner.job_history")


async def measure_round(
    workers: Sequence[Worker], server: Server, sizes: Sizes, samples: Samples, figures: tuple[str, str]
) -> None:
    """Let each database have a turn, and then each once more in the opposite order: what the machine did meanwhile
    weighs the same on all. `figures` name the daemon's and the cluster's CPU.
    """
    daemon: Counter[str] = Counter()
    cluster: Counter[str] = Counter()
    jobs: Counter[str] = Counter()
    for worker in [*workers, *reversed(workers)]:
        name = worker.system.name
        of_daemon, of_cluster = await _turn(worker, server, sizes.crowd_drained)
        jobs[name] += sizes.crowd_drained
        daemon[name] += of_daemon
        cluster[name] += of_cluster
    for name, count in jobs.items():
        samples.add(figures[0], name, daemon[name] / count)
        if server.postmaster is not None:
            samples.add(figures[1], name, cluster[name] / count)


async def _turn(worker: Worker, server: Server, count: int) -> tuple[int, int]:
    """Run so many jobs beside the crowd; return the microseconds of CPU of the daemon and of the cluster."""
    system = worker.system
    assert isinstance(system, Jobrunner)
    await system.enqueue_many(count)
    await system.settle()
    first, last = await system.span()
    daemon, cluster = worker.cpu(), server.cpu() or 0.0
    await system.set("paused", False)
    await until_ended(system, first, last)
    daemon, cluster = worker.cpu() - daemon, (server.cpu() or 0.0) - cluster
    await system.set("paused", True)
    await system.idle()
    return round(daemon * 1e6), round(cluster * 1e6)
