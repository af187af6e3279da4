"""What an emit costs the application: transactions that insert a row and emit, beside ones that only insert."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from scripts.benchmarks.delivering.events import account
from scripts.benchmarks.delivering.names import INSERT
from scripts.benchmarks.samples import Samples, turns

RATE = "transactions"
CONNECTIONS = (1, 16)
NOTHING = "insert and SELECT 1"
QUIET, HEARD, WAKING = "insert and emit, nobody listens", "insert and emit", "insert and emit, which wakes the queue"
EVERYBODY = (INSERT, NOTHING, QUIET, HEARD, WAKING)
TABLE = """
CREATE TABLE IF NOT EXISTS public.account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""
ADD = "INSERT INTO public.account (name, data) VALUES ($1, $2::jsonb) RETURNING id"
EMIT = "SELECT jobrunner.emit($1, $2::jsonb, 'Account', $3)"
EVENT, UNHEARD = "Account.create", "Account.update"
AWAKE = """
INSERT INTO jobrunner.webhook_run AS r (token, awake_until) VALUES (1, now() + interval '1 hour')
ON CONFLICT (token) DO UPDATE SET awake_until = EXCLUDED.awake_until
"""
ASLEEP = "DELETE FROM jobrunner.webhook_run"
CLEAR = "TRUNCATE public.account, jobrunner.webhook_event; DELETE FROM jobrunner.job WHERE name = 'ProcessWebhookQueue'"


def key(connections: int) -> str:
    """Return how the figure is called."""
    return f"{RATE}, {connections} connection{'s' if connections > 1 else ''}"


async def measure(connection: Any, url: str, count: int, rounds: int, samples: Samples) -> None:
    """Measure all kinds, in turns, on a database where no daemon runs: what is told is not sent meanwhile.

    A run is on record as awake, as it is while events come in; and for the last kind as asleep.
    """
    await connection.execute(TABLE)
    # Somebody listens to one of the events; nobody sends it there.
    await connection.execute("INSERT INTO jobrunner.webhook_subscription (pattern) VALUES ($1)", EVENT)
    pool: list[Any] = [await asyncpg.connect(url) for _ in range(max(CONNECTIONS))]
    data = json.dumps(account(1))
    try:
        for connections in CONNECTIONS:
            for number in range(rounds):
                for kind in turns(EVERYBODY, number):
                    await connection.execute(CLEAR)
                    await connection.execute(ASLEEP if kind == WAKING else AWAKE)
                    rate = await rate_of(pool[:connections], kind, count, data)
                    samples.add(key(connections), kind, rate)
    finally:
        for one in pool:
            await one.close()


async def rate_of(pool: Sequence[Any], kind: str, count: int, data: str) -> float:
    """Return transactions a second."""
    event = UNHEARD if kind == QUIET else EVENT

    async def work(connection: Any, share: int) -> None:
        add, emit, nothing = [await connection.prepare(statement) for statement in (ADD, EMIT, "SELECT 1")]
        for _ in range(share):
            async with connection.transaction():
                id = await add.fetchval("Acme", data)
                if kind == NOTHING:
                    await nothing.fetchval()
                elif kind != INSERT:
                    await emit.fetchval(event, data, str(id))

    began = time.perf_counter()
    await asyncio.gather(*(work(connection, count // len(pool)) for connection in pool))
    return count // len(pool) * len(pool) / (time.perf_counter() - began)
