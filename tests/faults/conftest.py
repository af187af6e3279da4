"""Databases in which only the jobs of these tests run: the default scheduled jobs count as seeded and removed."""

import psycopg
import pytest

from jobrunner.definitions import registry

UNSEED = "INSERT INTO jobrunner.seeded_scheduled_job (job) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"


@pytest.fixture(scope="session")
def defaults() -> list[str]:
    """The jobs out of the box."""
    registry.load()
    return [definition.name for definition in registry if definition.module.startswith("jobrunner.")]


@pytest.fixture
def database_url(database_url: str, defaults: list[str]) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(UNSEED, [defaults])
    return database_url
