"""Every statement of the services is one that PostgreSQL understands."""

from pathlib import Path

import asyncpg
import pytest

import jobrunner.services

FOLDER = Path(jobrunner.services.__file__).parent
FILES = sorted(FOLDER.rglob("*.sql"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
async def test_it_can_be_prepared_without_a_search_path(connection: "asyncpg.Connection[None]", path: Path):
    await connection.prepare(path.read_text())
