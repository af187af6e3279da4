"""Brings a database to this version's schema. The SQL is written by hand, one file a migration.

In a checkout the files stand in `alembic/`, in an installed wheel in `jobrunner/migrations`. All pending migrations
run in one transaction under an advisory lock, so that several daemons may start at once and a failure changes nothing.
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg

from jobrunner.db.connection import LOST, connect, unavailable
from jobrunner.errors import DatabaseUnavailable
from jobrunner.imports import alone, imported

LOCK_KEY = 5717442301841
"""The advisory lock under which a database is migrated."""
CONNECT_LIMIT = 30.0
"""Seconds that connecting for a migration may take."""

_one_at_a_time = threading.Lock()
"""Alembic keeps what it is at in a module of its own."""


def scripts_folder() -> Path:
    """Return the folder of the migrations: in the wheel, else in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "alembic"


def revisions() -> list[str]:
    """Return the names of all migrations this version knows, oldest first."""
    return sorted(path.stem for path in (scripts_folder() / "versions").glob("[0-9]*.sql"))


async def current(dsn: str) -> str | None:
    """Return the newest migration applied to the database, or None where there is no schema of ours."""
    connection = await connect_for_migration(dsn)
    try:
        if await connection.fetchval("SELECT to_regclass('jobrunner.schema_version')") is None:
            return None
        version: str | None = await connection.fetchval("SELECT version_num FROM jobrunner.schema_version")
        return version
    finally:
        await connection.close()


async def upgrade(dsn: str) -> list[str]:
    """Apply what is missing; return the names that this call applied, oldest first.

    None where the schema was current, or where another process was at it: then this one waits until that is done.

    Raises:
        DatabaseUnavailable: the database has a schema that this version does not know (it is older than the daemon
            that migrated it), or cannot be reached.
    """
    known = revisions()
    found = await current(dsn)
    if found == known[-1]:
        return []
    if found is not None and found not in known:
        raise _unknown(found)
    await imported("alembic.util", "sqlalchemy.exc")
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError

    try:
        return await asyncio.to_thread(_run_alembic, dsn)
    except DBAPIError as error:
        raise unavailable(dsn, error.orig.__cause__ or error.orig if error.orig else error) from None
    except CommandError:
        if (found := await current(dsn)) in known:
            raise
        raise _unknown(found) from None  # a newer release was faster


def _unknown(found: str | None) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"the database has schema {found}, which this jobrunner does not know (it knows up to {revisions()[-1]}): "
        "install the newer jobrunner",
        may_pass=False,
    )


def _run_alembic(dsn: str) -> list[str]:
    with alone("alembic.command", "alembic.config"):
        from alembic import command  # slow to import, and needed only where something is to migrate
        from alembic.config import Config

    applied: list[str] = []
    config = Config()
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    config.attributes["dsn"] = dsn
    config.attributes["applied"] = applied.append
    with _one_at_a_time:
        command.upgrade(config, "head")
    return applied


async def connect_for_migration(dsn: str) -> Any:
    """Connect without anything that a pooler refuses: no session settings, no statements that stay prepared."""
    try:
        return await connect(dsn, name="", pooled=True, limit=CONNECT_LIMIT)
    except (*LOST, asyncpg.PostgresError) as error:
        raise unavailable(dsn, error) from None


def run_sql_file(migration: str) -> None:
    """Run the .sql file that stands beside a migration's .py file (called by that file with its `__file__`)."""
    from alembic import op
    from sqlalchemy import text

    for statement in statements(Path(migration).with_suffix(".sql").read_text(encoding="utf-8")):
        op.execute(text(re.sub(r":", r"\:", statement)))


def statements(script: str) -> Iterator[str]:
    """Split a script into statements at each `;` that ends a line outside of a dollar-quoted body."""
    lines: list[str] = []
    quoted = False
    for line in script.splitlines():
        lines.append(line)
        if line.count("$$") % 2:
            quoted = not quoted
        if not quoted and line.rstrip().endswith(";"):
            yield "\n".join(lines).strip()
            lines.clear()
    if any(line.strip() and not line.startswith("--") for line in lines):
        raise ValueError(f"the last statement of a migration lacks its semicolon: {lines[-1]!r}")
