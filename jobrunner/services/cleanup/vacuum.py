"""After much has gone from a table, its space is made free and its statistics are taken anew; never VACUUM FULL."""

import logging
from collections.abc import Iterable
from typing import Any

import asyncpg

from jobrunner.queue.cleanup_target import CleanupTarget, OldRows, table_name
from jobrunner.services.cleanup.report import TargetReport

SHARE = 0.2
"""Of a table's rows: if more went, it is vacuumed at once rather than when autovacuum comes to it."""
LEAST = 10_000
"""Rows below which that is not worth it."""
ESTIMATE = (
    "SELECT greatest(c.reltuples, 0)::bigint FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass($1)"
)


async def vacuum_thinned(
    connection: Any, reports: Iterable[tuple[CleanupTarget, TargetReport]], log: logging.Logger
) -> list[str]:
    """Vacuum the tables from which much went, and return their names. `connection` is in no transaction."""
    gone: dict[str, int] = {}
    for target, report in reports:
        if isinstance(target.cleaner, OldRows):
            gone[target.cleaner.table] = gone.get(target.cleaner.table, 0) + report.rows
    vacuumed: list[str] = []
    for table, rows in gone.items():
        if rows < LEAST:
            continue
        # The estimate may be from before or after: the stricter reading is the right one often enough.
        if rows > SHARE * (await connection.fetchval(ESTIMATE, table) or 0):
            try:
                await connection.execute(f"VACUUM (ANALYZE, SKIP_LOCKED) {await table_name(connection, table)}")
            except asyncpg.PostgresError as error:  # not its owner, say: autovacuum does it later
                log.info("%s was not vacuumed: %s", table, error)
            else:
                vacuumed.append(table)
    return vacuumed
