"""A whole run, in its order."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from jobrunner.db import migrations
from scripts.benchmarks.queueing import crowd, enqueueing, judging, running
from scripts.benchmarks.queueing.jobrunner_daemon import LARGE, Jobrunner
from scripts.benchmarks.queueing.names import LARGE_PORTION, OURS, PGQUEUER, TUNED
from scripts.benchmarks.queueing.pgqueuer_worker import Pgqueuer
from scripts.benchmarks.queueing.procrastinate_worker import Procrastinate
from scripts.benchmarks.queueing.raw_loop import RawLoop
from scripts.benchmarks.queueing.sizes import LONG, QUICK, Sizes
from scripts.benchmarks.queueing.system import System
from scripts.benchmarks.queueing.worker import Ear, Worker
from scripts.benchmarks.report import say
from scripts.benchmarks.samples import Samples, turns
from scripts.benchmarks.server import Server, machine, server

TEMPLATE = "jobrunner_template"
PACKAGES = ("jobrunner", "asyncpg", "uvloop", "procrastinate", "psycopg", "pgqueuer")


class Run:
    """One run on one server: everybody enqueues, everybody drains and starts, then ours amid a crowd."""

    def __init__(self, given: Server, sizes: Sizes) -> None:
        self.server = given
        self.sizes = sizes
        self.samples = Samples()
        self.began = time.perf_counter()
        self.ours = Jobrunner(OURS, "jobrunner")
        self.large = Jobrunner(LARGE_PORTION, "jobrunner_large", LARGE)
        self.crowds = {
            kind: (
                Jobrunner(kind, f"jobrunner_{kind}"),
                Jobrunner(kind, f"jobrunner_{kind}_large", LARGE),
            )
            for kind in crowd.KINDS
        }
        self.procrastinate = Procrastinate()
        self.pgqueuer = Pgqueuer(PGQUEUER, "pgqueuer", tuned=False)
        self.tuned = Pgqueuer(TUNED, "pgqueuer_tuned", tuned=True)
        self.raw = RawLoop()
        self.peers: list[System] = [self.procrastinate, self.pgqueuer]
        self.beside: list[System] = [self.ours, self.large, *self.peers, self.tuned, self.raw]

    def tell(self, what: str) -> None:
        """Say what comes now, and how long it took to come here."""
        say(f"{time.perf_counter() - self.began:6.1f} s  {what}")

    async def whole(self) -> Samples:
        """Measure everything."""
        await migrations.upgrade(await self.server.create_database(TEMPLATE))
        await self.compare()
        await self.crowd(judging.CROWD_CPU, 0)
        if self.sizes.crowd_rounds > 1:
            await self.crowd(judging.CROWD_CPU_LARGE, 1)
        self.tell("done")
        return self.samples

    async def compare(self) -> None:
        """Measure all systems, in turns."""
        with Ear() as ear:
            async with self.prepared(self.beside):
                for number in range(self.sizes.enqueue_rounds):
                    for system in turns([self.ours, *self.peers], number):
                        self.tell(f"{system.name}: enqueueing")
                        await enqueueing.measure_calls(system, self.sizes, self.samples)
                async with self.working(self.beside, ear) as workers:
                    for number in range(self.sizes.rounds):
                        for worker in turns(workers, number):
                            self.tell(f"{worker.system.name}: draining")
                            slow = worker.system is self.procrastinate
                            count = self.sizes.drained_by_procrastinate if slow else self.sizes.drained
                            await running.measure_draining(worker, self.server, self.sizes, self.samples, count)
                        for worker in turns([worker for worker in workers if not worker.rests], number):
                            self.tell(f"{worker.system.name}: starting")
                            await running.measure_starts(worker, ear, self.sizes, self.samples)
                    self.tell(f"{OURS}: ten enqueue at once")
                    asleep = await enqueueing.measure_ten(workers[0], self.sizes, self.samples)
                    if asleep:
                        say(f"of {2 * self.sizes.slices} turns the daemon fell asleep in {asleep}")

    async def crowd(self, figures: tuple[str, str], place: int) -> None:
        """Measure ours with very many jobs beside those that run."""
        systems = [self.crowds[kind][place] for kind in crowd.KINDS]
        with Ear() as ear:
            async with self.prepared(systems), self.working(systems, ear) as workers:
                self.tell(f"{self.sizes.crowd:,} finished, {self.sizes.crowd:,} pending jobs")
                for system in systems:
                    await crowd.seed(system, system.name, self.sizes.crowd)
                for number in range(self.sizes.crowd_rounds):
                    self.tell(f"round {number + 1} of {self.sizes.crowd_rounds}")
                    await crowd.measure_round(turns(workers, number), self.server, self.sizes, self.samples, figures)

    @asynccontextmanager
    async def prepared(self, systems: Sequence[System]) -> AsyncIterator[None]:
        """Give each system its database."""
        self.tell("databases of " + ", ".join(system.name for system in systems))
        try:
            for system in systems:
                like = TEMPLATE if isinstance(system, Jobrunner) else None
                await system.prepare(await self.server.create_database(system.database, like=like))
            yield
        finally:
            for system in systems:
                await system.close()

    @asynccontextmanager
    async def working(self, systems: Sequence[System], ear: Ear) -> AsyncIterator[list[Worker]]:
        """Run the systems' workers."""
        self.tell("workers of " + ", ".join(system.name for system in systems))
        workers: list[Worker] = []
        try:
            workers += [Worker(system, ear, rests=system is self.raw) for system in systems]
            for worker in workers:
                await worker.ready()
            yield workers
        finally:
            await asyncio.gather(*(worker.stop() for worker in workers))


async def main(*, quick: bool, as_json: bool, database_url: str | None) -> None:
    """Run and print."""
    sizes = QUICK if quick else LONG
    async with server(database_url) as given:
        say(machine(given, PACKAGES))
        samples = await Run(given, sizes).whole()
    judging.report(samples, sizes).print(as_json=as_json)
