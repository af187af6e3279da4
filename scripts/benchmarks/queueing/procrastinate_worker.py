"""procrastinate, set as its documentation advises.

`howto/concurrency.md`: an asynchronous worker with `--concurrency=30`; `discussions.md`: a pool of as many connections
plus one where jobs are short. It logs two lines a job at its default level; here only warnings, which is faster.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from procrastinate import App, PsycopgConnector

from scripts.benchmarks.queueing.names import PROCRASTINATE
from scripts.benchmarks.queueing.system import URL, System, python
from scripts.benchmarks.queueing.timed import started

APP = "scripts.benchmarks.queueing.procrastinate_app.app"
CONCURRENCY = "BENCH_PROCRASTINATE_CONCURRENCY"
ADVISED = 30


def define(app: App) -> tuple[Any, Any]:
    """Add the two tasks to an application."""

    @app.task(name="noop")
    async def noop() -> None:
        pass

    @app.task(name="timed")
    async def timed(number: int) -> None:
        started(number)

    return noop, timed


class Procrastinate(System):
    """One `procrastinate worker`."""

    name = PROCRASTINATE
    database = "procrastinate"

    def __init__(self, concurrency: int = ADVISED) -> None:
        super().__init__()
        self._concurrency = concurrency
        self._app: Any = None
        self._noop: Any = None
        self._timed: Any = None

    @property
    def environment(self) -> Mapping[str, str]:
        return {URL: self.url, CONCURRENCY: str(self._concurrency)}

    @property
    def command(self) -> Sequence[str]:
        options = f"--concurrency={self._concurrency}"
        return python("-m", "procrastinate", "--log-level=warning", f"--app={APP}", "worker", options)

    async def _prepare(self) -> None:
        async with App(connector=PsycopgConnector(conninfo=self.url)).open_async() as app:
            await app.schema_manager.apply_schema_async()

    async def _connect(self) -> None:
        self._app = App(connector=PsycopgConnector(conninfo=self.url, min_size=1, max_size=1))
        self._noop, self._timed = define(self._app)
        await self._app.open_async()

    async def _disconnect(self) -> None:
        await self._app.close_async()

    async def enqueue(self) -> None:
        await self._noop.defer_async()

    async def enqueue_many(self, count: int) -> None:
        await self._noop.batch_defer_async(*({} for _ in range(count)))

    async def enqueue_timed(self, number: int) -> None:
        await self._timed.defer_async(number=number)

    async def span(self) -> tuple[int, int]:
        row = await self.admin.fetchrow("SELECT min(id), max(id) FROM procrastinate_jobs WHERE status = 'todo'")
        return row[0], row[1]

    async def has_ended(self, job_id: int) -> bool:
        status: str = await self.admin.fetchval("SELECT status::text FROM procrastinate_jobs WHERE id = $1", job_id)
        return status == "succeeded"

    async def unfinished(self, first: int, last: int) -> int:
        count: int = await self.admin.fetchval(
            "SELECT count(*) FROM procrastinate_jobs WHERE id BETWEEN $1 AND $2 AND status <> 'succeeded'", first, last
        )
        return count

    async def settle(self) -> None:
        await self.admin.execute("VACUUM ANALYZE procrastinate_jobs")
        await self.admin.execute("VACUUM ANALYZE procrastinate_events")

    async def empty(self) -> None:
        await self.admin.execute("TRUNCATE procrastinate_jobs CASCADE")
