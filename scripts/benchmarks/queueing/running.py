"""Running: how fast a worker drains its queue and what that costs, and how soon a job starts at light load."""

import asyncio
import random
import time

from scripts.benchmarks.queueing.sizes import Sizes
from scripts.benchmarks.queueing.waiting import until_ended
from scripts.benchmarks.queueing.worker import Ear, Worker
from scripts.benchmarks.samples import Samples, percentile
from scripts.benchmarks.server import Server

WORKER_CPU = "CPU a job, worker"
CLUSTER_CPU = "CPU a job, cluster"
START_P50 = "start after commit, p50"
START_P99 = "start after commit, p99"
START_LIMIT = 30.0


def throughput(sizes: Sizes) -> str:
    """Return the name of the figure."""
    return f"run {sizes.drained:,} no-op jobs"


async def measure_draining(worker: Worker, server: Server, sizes: Sizes, samples: Samples, count: int) -> None:
    """Fill the queue while the worker is frozen, then let it go on until the last job is stored as ended."""
    system = worker.system
    worker.freeze()
    await system.enqueue_many(count)
    await system.settle()
    first, last = await system.span()
    worker_before, cluster_before = worker.cpu(), server.cpu()
    began = time.perf_counter()
    worker.go_on()
    await until_ended(system, first, last)
    took = time.perf_counter() - began
    worker_after, cluster_after = worker.cpu(), server.cpu()
    if worker.rests:
        worker.freeze()
    samples.add(throughput(sizes), system.name, count / took)
    samples.add(WORKER_CPU, system.name, (worker_after - worker_before) / count * 1e6)
    if cluster_before is not None and cluster_after is not None:
        samples.add(CLUSTER_CPU, system.name, (cluster_after - cluster_before) / count * 1e6)


async def measure_starts(worker: Worker, ear: Ear, sizes: Sizes, samples: Samples) -> None:
    """Enqueue one job after another with pauses, and time from its commit to the first line of its function."""
    system = worker.system
    delays = []
    for _ in range(sizes.timed):
        await asyncio.sleep(sizes.pause * random.uniform(0.5, 1.5))
        number, started = ear.expect()
        await system.enqueue_timed(number)
        committed = time.time_ns()
        async with asyncio.timeout(START_LIMIT):
            delays.append((await started - committed) / 1e6)
    samples.add(START_P50, system.name, percentile(delays, 0.5))
    samples.add(START_P99, system.name, percentile(delays, 0.99))
