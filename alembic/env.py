"""Alembic's entry: runs the migrations on one asyncpg connection, under an advisory lock, in one transaction."""

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from jobrunner.db.migrations import LOCK_KEY, connect_for_migration


def configure(**options: Any) -> None:
    context.configure(version_table="schema_version", version_table_schema="jobrunner", **options)


def migrate(connection: Connection) -> None:
    # Under the lock below, alembic looks which are missing: another process may have applied some meanwhile.
    applied = context.config.attributes["applied"]
    configure(connection=connection, on_version_apply=lambda *, step, **_: applied(step.up_revision_id))
    with context.begin_transaction():
        # So that a migration never queues behind a long transaction for ever, and all others behind it.
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS jobrunner"))
        context.run_migrations()


async def run_online() -> None:
    dsn = context.config.attributes["dsn"]
    engine = create_async_engine(
        "postgresql+asyncpg://?prepared_statement_cache_size=0",
        async_creator=lambda: connect_for_migration(dsn),
        poolclass=pool.NullPool,
        isolation_level="READ COMMITTED",  # else what was committed during the wait for the lock would not be seen
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
            await connection.commit()
    finally:
        await engine.dispose()


if context.is_offline_mode():
    configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.execute("CREATE SCHEMA IF NOT EXISTS jobrunner")
        context.run_migrations()
else:
    asyncio.run(run_online())
