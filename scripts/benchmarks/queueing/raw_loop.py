"""The raw batched loop: what asyncpg and PostgreSQL leave a job queue at best, without anything that makes it one.

Claim 500, run each as a task that reads its arguments from JSON, finish all of them, again, on uvloop. Storage as
ours: a claim is a HOT update, a finish moves the row to a history that is partitioned by day. It has no retries,
leases, fencing, deadlines, logging, sleep or stop.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

from scripts.benchmarks.queueing.names import RAW
from scripts.benchmarks.queueing.system import System, python, worker_url
from scripts.benchmarks.queueing.timed import started

BATCH = 500
MODULE = "scripts.benchmarks.queueing.raw_loop"

SCHEMA = """
CREATE TABLE job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    execute_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    claim_id bigint,
    priority integer NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 0,
    running boolean NOT NULL DEFAULT false,
    parked boolean NOT NULL DEFAULT false,
    name text NOT NULL,
    queue text NOT NULL DEFAULT 'main',
    data jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
CREATE INDEX job_ready ON job (queue, priority, execute_at, id) WHERE NOT parked;
CREATE TABLE job_history (
    id bigint NOT NULL,
    execute_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz NOT NULL,
    claim_id bigint,
    priority integer NOT NULL,
    attempt integer NOT NULL,
    name text NOT NULL,
    queue text NOT NULL,
    data jsonb NOT NULL
) PARTITION BY RANGE (finished_at);
CREATE INDEX job_history_id ON job_history (id);
CREATE INDEX job_history_finished ON job_history (finished_at);
CREATE TABLE job_history_default PARTITION OF job_history DEFAULT;
"""
DAY = """
DO $$ BEGIN
    EXECUTE format(
        'CREATE TABLE job_history_today PARTITION OF job_history FOR VALUES FROM (%L) TO (%L)',
        date_trunc('day', now()), date_trunc('day', now()) + interval '2 days'
    );
END $$
"""
CLAIM = """
WITH ready AS (
    SELECT j.id FROM job AS j
    WHERE j.queue = 'main' AND NOT j.parked AND NOT j.running
    ORDER BY j.priority, j.execute_at, j.id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE job AS j SET running = true, claim_id = $1, attempt = j.attempt + 1, started_at = clock_timestamp()
FROM ready
WHERE j.id = ready.id
RETURNING j.id, j.name, j.data
"""
FINISH = """
WITH finished AS (
    DELETE FROM job AS j WHERE j.id = ANY($1) AND j.claim_id = $2 RETURNING j.*
)
INSERT INTO job_history (id, execute_at, started_at, finished_at, claim_id, priority, attempt, name, queue, data)
SELECT f.id, f.execute_at, f.started_at, clock_timestamp(), f.claim_id, f.priority, f.attempt, f.name, f.queue, f.data
FROM finished AS f
"""


async def noop() -> None:
    """Does nothing."""


async def timed(number: int) -> None:
    """Tells when it started."""
    started(number)


FUNCTIONS: dict[str, Callable[..., Awaitable[None]]] = {"noop": noop, "timed": timed}


async def run(row: Any) -> None:
    """Run one job."""
    await FUNCTIONS[row["name"]](**json.loads(row["data"]))


async def loop() -> None:
    """Run until killed. With nothing to do it looks a thousand times a second: its latency is no figure."""
    connection = await asyncpg.connect(worker_url())
    while True:
        token = random.getrandbits(62)
        rows = await connection.fetch(CLAIM, token, BATCH)
        if not rows:
            await asyncio.sleep(0.001)
            continue
        await asyncio.gather(*(asyncio.create_task(run(row)) for row in rows))
        await connection.execute(FINISH, [row["id"] for row in rows], token)


class RawLoop(System):
    """The loop as a process."""

    name = RAW
    database = "raw"

    def __init__(self) -> None:
        super().__init__()
        self._producer: Any = None

    @property
    def command(self) -> Sequence[str]:
        return python("-m", MODULE)

    async def _prepare(self) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(SCHEMA)
            await connection.execute(DAY)
        finally:
            await connection.close()

    async def _connect(self) -> None:
        self._producer = await asyncpg.connect(self.url)

    async def _disconnect(self) -> None:
        await self._producer.close()

    async def enqueue(self) -> None:
        await self._producer.execute("INSERT INTO job (name) VALUES ('noop')")

    async def enqueue_many(self, count: int) -> None:
        await self._producer.execute(
            "INSERT INTO job (name, data) SELECT n.name, n.data FROM unnest($1::text[], $2::jsonb[]) AS n (name, data)",
            ["noop"] * count,
            ["{}"] * count,
        )

    async def enqueue_timed(self, number: int) -> None:
        await self._producer.execute(
            "INSERT INTO job (name, data) VALUES ('timed', $1::text::jsonb)", f'{{"number": {number}}}'
        )

    async def span(self) -> tuple[int, int]:
        row = await self.admin.fetchrow("SELECT min(id), max(id) FROM job")
        return row[0], row[1]

    async def has_ended(self, job_id: int) -> bool:
        return not await self.admin.fetchval("SELECT EXISTS (SELECT FROM job WHERE id = $1)", job_id)

    async def unfinished(self, first: int, last: int) -> int:
        count: int = await self.admin.fetchval("SELECT count(*) FROM job WHERE id BETWEEN $1 AND $2", first, last)
        return count

    async def settle(self) -> None:
        await self.admin.execute("VACUUM ANALYZE job")

    async def empty(self) -> None:
        await self.admin.execute("TRUNCATE job, job_history")


if __name__ == "__main__":
    import uvloop

    uvloop.run(loop())
