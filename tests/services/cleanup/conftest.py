"""A database with old rows in it, and the clean-up that takes them away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.config import Configuration
from jobrunner.db.connection import Connection
from jobrunner.queue.cleanup_target import CleanupTarget
from jobrunner.queue.cleanup_targets import choose_targets
from jobrunner.services.cleanup.preview import preview
from jobrunner.services.cleanup.report import Report
from jobrunner.services.cleanup.run import Run
from tests.scheduling.bench import Bench


class House:
    """What the tests of the clean-up work with."""

    def __init__(self, pool: Any, folder: Path) -> None:
        self.pool = pool
        self.configuration = Configuration(data_dir=folder)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection:
            yield connection

    async def run(self, statement: str, *arguments: Any) -> Any:
        return await self.pool.fetchval(statement, *arguments)

    async def ids(self, table: str, column: str = "id") -> list[Any]:
        return [row[0] for row in await self.pool.fetch(f"SELECT {column} FROM jobrunner.{table} ORDER BY {column}")]

    async def set(self, name: str, value: str) -> None:
        await self.run(
            "INSERT INTO jobrunner.setting (name, value) VALUES ($1, to_jsonb($2::text))"
            " ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
            name,
            value,
        )

    def cleaner(self, *given: str | CleanupTarget, **options: Any) -> Run:
        return Run(self.connect, self.configuration, self.targets(*given), **options)

    async def clean(self, *given: str | CleanupTarget, **options: Any) -> Report:
        """Clean the targets given, by name or as they are; all if none are."""
        return await self.cleaner(*given, **options).clean()

    async def preview(self, *given: str | CleanupTarget) -> dict[str, int]:
        """Return how much would go of each target of which something would."""
        async with self.connect() as connection, connection.transaction():
            report = await preview(connection, self.configuration, self.targets(*given))
        assert not report.failed
        return {one.target: one.rows for one in report.targets if one.rows}

    @staticmethod
    def targets(*given: str | CleanupTarget) -> list[CleanupTarget]:
        if not given:
            return list(choose_targets(None))
        return [one for name in given for one in (choose_targets([name]) if isinstance(name, str) else (name,))]


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with asyncpg.create_pool(database_url, min_size=0, max_size=6) as pool:
        yield House(pool, tmp_path)


@pytest.fixture
async def own(database_url: str) -> AsyncIterator[Connection]:
    """A connection as the engine's parts have them."""
    connection = Connection(database_url, "test")
    yield connection
    await connection.close()


@pytest.fixture
async def bench(own: Connection) -> Bench:
    """What a test does by hand to schedules and jobs."""
    return Bench(own)
