"""Where PostgreSQL's time goes in a mailing, by statement: pg_stat_statements of the embedded server."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.mailing.database import Database

SETTINGS: Mapping[str, str] = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "none"}
"""Of the server: it is there, and counts only where it is told to."""
FOLDER = Path(__file__).parents[3] / "jobrunner"
READ = """
SELECT s.query, s.calls, s.total_exec_time + s.total_plan_time AS ms
FROM pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.toplevel
ORDER BY ms DESC
LIMIT $1
"""
UNNAMED = 70
"""Letters of a statement that is in no file of ours."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One kind of statement in a mailing."""

    name: str
    """Of its file, or its beginning."""
    calls: int
    milliseconds: float
    """By the clock, with the wait for the disk at its commit left out."""


async def start_counting(database: Database) -> bool:
    """Count the statements of sessions that begin from now on; return whether this server can."""
    rows = await database.fetch("SELECT FROM pg_settings AS s WHERE s.name = 'pg_stat_statements.track'")
    if not rows:
        return False
    await database.fetch("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    (row,) = await database.fetch("SELECT current_database() AS name")
    await database.fetch(f"ALTER DATABASE \"{row['name']}\" SET pg_stat_statements.track = 'top'")
    return True


async def stop_counting(database: Database) -> None:
    """Count no more, in sessions that begin from now on."""
    (row,) = await database.fetch("SELECT current_database() AS name")
    await database.fetch(f'ALTER DATABASE "{row["name"]}" RESET pg_stat_statements.track')


async def forget(database: Database) -> None:
    """Begin anew."""
    await database.fetch("SELECT pg_stat_statements_reset()")


async def read(database: Database, most: int) -> list[Statement]:
    """Return the statements that took longest."""
    rows = await database.fetch(READ, most)
    return [Statement(_name(row["query"]), row["calls"], row["ms"]) for row in rows]


def _name(query: str) -> str:
    return _files().get(_core(query)) or " ".join(query.split())[:UNNAMED]


@functools.cache
def _files() -> Mapping[str, str]:
    """Return the names of our statements' files by what they begin with."""
    return {_core(file.read_text()): file.name for file in FOLDER.rglob("*.sql")}


def _core(statement: str) -> str:
    """Return the beginning of a statement without comments, blanks and constants, which the server replaces.

    Of a list of constants it keeps one.
    """
    bare = re.sub(r"--[^\n]*|/\*.*?\*/", "", statement, flags=re.DOTALL)
    bare = re.sub(r"\$\d+|'[^']*'|\b(\d+|true|false|NULL)\b|\s+", "", bare)
    return re.sub(r"\(,+\)", "()", bare)[:300]
