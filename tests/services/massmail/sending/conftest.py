"""A database with a mass e-mail in it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.services.massmail.sending.stage import Stage


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with asyncpg.create_pool(database_url, min_size=0, max_size=10) as pool:
        yield Stage(pool, database_url)
