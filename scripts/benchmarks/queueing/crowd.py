"""What a million finished or pending jobs beside those that run cost: CPU a job, daemon and cluster.

Three databases take turns: an empty one, one with that many finished jobs, one with that many pending ones. Each
has a daemon of its own; while it is paused the queue is filled.
"""

from scripts.benchmarks.queueing.jobrunner_daemon import Jobrunner
from scripts.benchmarks.queueing.samples import Samples
from scripts.benchmarks.queueing.sizes import Sizes
from scripts.benchmarks.queueing.waiting import until_ended
from scripts.benchmarks.queueing.worker import Worker
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


async def measure(worker: Worker, server: Server, sizes: Sizes, samples: Samples, figures: tuple[str, str]) -> None:
    """Run jobs beside the crowd; `figures` name the daemon's and the cluster's CPU."""
    system = worker.system
    assert isinstance(system, Jobrunner)
    count = sizes.crowd_drained
    await system.enqueue_many(count)
    await system.settle()
    first, last = await system.span()
    worker_before, cluster_before = worker.cpu(), server.cpu()
    await system.set("paused", False)
    await until_ended(system, first, last)
    worker_after, cluster_after = worker.cpu(), server.cpu()
    await system.set("paused", True)
    samples.add(figures[0], system.name, (worker_after - worker_before) / count * 1e6)
    if cluster_before is not None and cluster_after is not None:
        samples.add(figures[1], system.name, (cluster_after - cluster_before) / count * 1e6)
    await system.idle()
