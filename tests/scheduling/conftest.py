from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from jobrunner.db.connection import Connection
from jobrunner.queue.settings import Settings
from jobrunner.scheduling import Scheduler
from tests.scheduling.bench import Bench


@pytest.fixture
async def own(database_url: str) -> AsyncIterator[Connection]:
    """A connection as the engine's parts have them."""
    connection = Connection(database_url, "test")
    yield connection
    await connection.close()


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    """What the test does by hand to schedules and jobs."""
    connection = Connection(database_url, "bench")
    yield Bench(connection)
    await connection.close()


@pytest.fixture
async def start_scheduler(database_url: str) -> AsyncIterator[Callable[..., Awaitable[Scheduler]]]:
    """Starts schedulers with connections of their own; all are stopped in the end."""
    started: list[tuple[Scheduler, Connection]] = []

    async def start(settings: Callable[[], Any] = Settings, **options: Any) -> Scheduler:
        connection = Connection(database_url, f"scheduler {len(started)}")
        scheduler = Scheduler(connection, settings, **options)
        started.append((scheduler, connection))
        await scheduler.start()
        return scheduler

    yield start
    for scheduler, connection in started:
        await scheduler.stop()
        await connection.close()
