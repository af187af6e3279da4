"""Enqueueing: one by one, many in a call, and ten at once beside a daemon that is awake."""

import asyncio
import time
from collections.abc import Sequence

import asyncpg

from scripts.benchmarks.queueing.jobrunner_daemon import Jobrunner
from scripts.benchmarks.queueing.sizes import Sizes
from scripts.benchmarks.queueing.system import System
from scripts.benchmarks.queueing.waiting import until, until_ended
from scripts.benchmarks.queueing.worker import Worker
from scripts.benchmarks.samples import Samples

ONE = "enqueue, one at a time"
THOUSAND = "enqueue, 1,000 a call"
TEN = "enqueue, ten at once, daemon awake"
QUIET = "without wake-up"
CONNECTIONS = 10


def in_one_call(sizes: Sizes) -> str:
    """Return the name of the figure of the largest call."""
    return f"enqueue, {sizes.in_one_call:,} in one call"


async def measure_calls(system: System, sizes: Sizes, samples: Samples) -> None:
    """Enqueue on one connection with no worker beside it; the jobs are removed again."""
    if isinstance(system, Jobrunner):
        await system.pretend_sleeping_daemon()
    await system.enqueue()  # prepares the statement
    await system.enqueue_many(10)
    began = time.perf_counter()
    for _ in range(sizes.one_by_one):
        await system.enqueue()
    samples.add(ONE, system.name, sizes.one_by_one / (time.perf_counter() - began))
    began = time.perf_counter()
    for _ in range(sizes.calls):
        await system.enqueue_many(1000)
    samples.add(THOUSAND, system.name, sizes.calls * 1000 / (time.perf_counter() - began))
    began = time.perf_counter()
    await system.enqueue_many(sizes.in_one_call)
    samples.add(in_one_call(sizes), system.name, sizes.in_one_call / (time.perf_counter() - began))
    await system.settle()  # leaves statistics of a full table behind
    await system.empty()
    if isinstance(system, Jobrunner):
        await system.forget_sleeping_daemon()


async def measure_ten(worker: Worker, sizes: Sizes, samples: Samples) -> int:
    """Let ten connections enqueue beside a daemon that is awake, with our function and with a copy that wakes nobody.

    Returns in how many turns the daemon was found asleep at the end: such a turn is not what was to be measured.
    """
    system = worker.system
    assert isinstance(system, Jobrunner)
    await system.make_quiet_copy()
    connections = [await asyncpg.connect(system.url) for _ in range(CONNECTIONS)]
    asleep = 0
    try:
        for number in range(sizes.slices):
            ways = [(system.name, "SELECT jobrunner.enqueue('Noop')"), (QUIET, "SELECT bench.enqueue_quietly('Noop')")]
            for name, statement in ways if number % 2 == 0 else reversed(ways):
                await _keep_awake(system)
                samples.add(TEN, name, await _rate(connections, statement, sizes.slice))
                asleep += await system.is_asleep()
                await until_ended(system, *await system.span())
    finally:
        for connection in connections:
            await connection.close()
    return asleep


async def _rate(connections: Sequence[asyncpg.Connection], statement: str, seconds: float) -> float:
    deadline = time.perf_counter() + seconds

    async def enqueue(connection: asyncpg.Connection) -> int:
        count = 0
        while time.perf_counter() < deadline:
            await connection.fetchval(statement)
            count += 1
        return count

    began = time.perf_counter()
    counts = await asyncio.gather(*(enqueue(connection) for connection in connections))
    return sum(counts) / (time.perf_counter() - began)


async def _keep_awake(system: Jobrunner) -> None:
    """Give the daemon so much to do that it wakes, and return while it is."""
    await system.enqueue_many(2000)

    async def awake() -> bool:
        return not await system.is_asleep()

    await until(awake, 0.001)
