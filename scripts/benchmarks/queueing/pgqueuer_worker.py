"""pgqueuer: by its defaults, and tuned as its documentation advises for throughput.

Defaults: `pgqueuer.run`, which does what `pgq run` does (whose command line fails beside newer versions of typer), on
uvloop as there; it takes 10 jobs at a time. Tuned, by
`guides/performance-tuning.md` and `comparisons/benchmarks.md`: `pgq autovac`, a larger batch, several queue managers,
each with a connection of its own, in one process. Batch and number of managers are those that were fastest in a scan.
Its durability stays `durable`, its default: all tables written to the log, as everybody else's.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, Job, PgQueuer, Queries, run

from scripts.benchmarks.queueing.system import URL, System, python, worker_url
from scripts.benchmarks.queueing.timed import started

BATCH = 200
MANAGERS = 2
MODULE = "scripts.benchmarks.queueing.pgqueuer_worker"


async def manager(connection: Any) -> PgQueuer:
    """Return a queue manager with the two entry points."""
    queuer = PgQueuer(AsyncpgDriver(connection))

    @queuer.entrypoint("noop")
    async def noop(job: Job) -> None:
        pass

    @queuer.entrypoint("timed")
    async def timed(job: Job) -> None:
        assert job.payload is not None
        started(int(job.payload))

    return queuer


@asynccontextmanager
async def create() -> AsyncIterator[PgQueuer]:
    """Give the manager that `pgqueuer.run` runs."""
    connection = await asyncpg.connect(worker_url())
    try:
        yield await manager(connection)
    finally:
        await connection.close()


async def run_managers() -> None:
    """Run the tuned worker."""
    queuers = [await manager(await asyncpg.connect(worker_url())) for _ in range(MANAGERS)]
    await asyncio.gather(*(queuer.run(batch_size=BATCH) for queuer in queuers))


class Pgqueuer(System):
    """One worker process."""

    def __init__(self, name: str, database: str, *, tuned: bool) -> None:
        super().__init__()
        self.name = name
        self.database = database
        self._tuned = tuned
        self._pool: Any = None
        self._queries: Any = None

    @property
    def environment(self) -> Mapping[str, str]:
        return {URL: self.url}

    @property
    def command(self) -> Sequence[str]:
        return python("-m", MODULE, "tuned" if self._tuned else "defaults")

    async def _prepare(self) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            queries = Queries(AsyncpgDriver(connection))
            await queries.install()
            if self._tuned:
                await queries.optimize_autovacuum()
        finally:
            await connection.close()

    async def _connect(self) -> None:
        self._pool = await asyncpg.create_pool(self.url, min_size=1, max_size=1)
        self._queries = Queries(AsyncpgPoolDriver(self._pool))

    async def _disconnect(self) -> None:
        await self._pool.close()

    async def enqueue(self) -> None:
        await self._queries.enqueue("noop", None)

    async def enqueue_many(self, count: int) -> None:
        await self._queries.enqueue(["noop"] * count, [None] * count, [0] * count)

    async def enqueue_timed(self, number: int) -> None:
        await self._queries.enqueue("timed", str(number).encode())

    async def span(self) -> tuple[int, int]:
        row = await self.admin.fetchrow("SELECT min(id), max(id) FROM pgqueuer")
        return row[0], row[1]

    async def has_ended(self, job_id: int) -> bool:
        return not await self.admin.fetchval("SELECT EXISTS (SELECT FROM pgqueuer WHERE id = $1)", job_id)

    async def unfinished(self, first: int, last: int) -> int:
        count: int = await self.admin.fetchval("SELECT count(*) FROM pgqueuer WHERE id BETWEEN $1 AND $2", first, last)
        return count

    async def settle(self) -> None:
        await self.admin.execute("VACUUM ANALYZE pgqueuer")

    async def empty(self) -> None:
        await self.admin.execute("TRUNCATE pgqueuer, pgqueuer_log, pgqueuer_statistics")


if __name__ == "__main__":
    import uvloop

    uvloop.run(run_managers() if sys.argv[1] == "tuned" else run(create))
