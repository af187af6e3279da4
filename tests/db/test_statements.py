"""Every SQL statement of the package is one that PostgreSQL understands on the migrated schema, without search_path.

So a name without its schema, a column that a migration renamed, or a parameter without a type fails here and not in
production.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import asyncpg

import jobrunner
from jobrunner.queue import catalogue, fleet, joblog, listing, overview, overview_facts, record

PACKAGE = Path(jobrunner.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.sql") if "migrations" not in path.parts)
MODULES = sorted(PACKAGE.rglob("*.py"))
STATEMENT = re.compile(r"(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|MERGE INTO)\s+\S")
NAME = re.compile(r"[a-z]+(_[a-z]+)*")


def texts_of(module: Path) -> Iterator[tuple[int, str, bool]]:
    """Each text in a module that begins like a statement: its line, itself, and whether it is an f-string."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]) if STATEMENT.match(text):
                yield node.lineno, text, True
            case ast.Constant(value=str() as text) if STATEMENT.match(text) and id(node) not in parts:
                yield node.lineno, text, False


TABLES_BY_CODE = {"queue/cleanup_target.py", "queue/finished.py"}
"""Where a table is put into a statement: the one that code declares for the clean-up, as the catalogue quotes it."""

FOUND = [
    (f"{module.relative_to(PACKAGE)}:{line}", text, built)
    for module in MODULES
    for line, text, built in texts_of(module)
]


async def refused(connection: "asyncpg.Connection[Any]", statements: dict[str, str]) -> dict[str, str]:
    """Return what PostgreSQL has against each statement; one database is enough for all of them."""
    errors: dict[str, str] = {}
    for place, text in statements.items():
        try:
            await connection.prepare(text)
        except asyncpg.PostgresError as error:
            errors[place] = str(error)
    return errors


async def test_every_file_can_be_prepared(connection: "asyncpg.Connection[Any]"):
    statements = {str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8") for path in FILES}
    assert len(statements) > 50
    assert await refused(connection, statements) == {}


async def test_every_statement_in_the_code_can_be_prepared(connection: "asyncpg.Connection[Any]"):
    statements = {place: text for place, text, built in FOUND if not built}
    assert len(statements) > 3
    assert await refused(connection, statements) == {}


async def test_a_statement_that_is_wrong_is_found(connection: "asyncpg.Connection[Any]"):
    wrong = {"name": "SELECT id FROM job", "column": "SELECT j.nothing FROM jobrunner.job AS j"}
    assert set(await refused(connection, wrong)) == {"name", "column"}


def test_no_statement_is_built_from_text():
    """H03: nothing is put into a statement but by parameters."""
    built = [(place, text) for place, text, is_built in FOUND if is_built]
    assert [f"{place}: {text[:60]}" for place, text in built if place.partition(":")[0] not in TABLES_BY_CODE] == []


def test_every_file_holds_one_statement():
    bare = {path: re.sub(r"--[^\n]*|'[^']*'", "", path.read_text(encoding="utf-8")) for path in FILES}
    assert [path for path, text in bare.items() if ";" in text.rstrip().removesuffix(";")] == []
    assert [path for path in FILES if not NAME.fullmatch(path.stem)] == []


def test_every_file_is_used():
    code = {module: module.read_text(encoding="utf-8") for module in MODULES}
    unused = []
    for path in FILES:
        beside = "\n".join(text for module, text in code.items() if module.parent == path.parent)
        words = path.stem.split("_")
        verbs = ["_".join(words[:length]) for length in range(1, len(words))]
        # `f"{verb}_{noun}"` loads some: then the verb stands in the code beside the file.
        loaded = any(f'"{path.stem}"' in text for text in code.values())
        if not loaded and not any(f'"{verb}"' in beside or f'f"{verb}_{{' in beside for verb in verbs):
            unused.append(path)
    assert unused == []


COLUMNS: dict[str, tuple[type, set[str]]] = {
    # statement: what its rows become, and which columns are for the function that reads them
    listing.LIST_JOBS: (listing.JobSummary, {"matches", "place"}),
    listing.LIST_RUNNING: (listing.JobSummary, set()),
    record.FIND_JOB: (record.JobRecord, set()),
    record.FIND_STATUS: (record.JobState, set()),
    record.LIST_ATTEMPTS: (record.AttemptRecord, set()),
    joblog.READ_LOG: (joblog.LoggedLine, set()),
    overview.COUNT_SCHEDULES: (overview_facts.ScheduleCounts, set()),
    overview.LIST_FAILURES: (overview.Failure, set()),
    overview.FIND_OLDEST_DUE: (overview_facts.OldestDue, set()),
    overview.FIND_OLDEST_TRANSACTION: (overview_facts.OldTransaction, set()),
    catalogue.LIST_SCHEDULES_OF_JOBS: (catalogue.ScheduleOfJob, {"job"}),
    fleet.LIST_DAEMONS: (fleet.DaemonRow, set()),
}


async def test_each_statement_returns_what_its_class_holds(connection: "asyncpg.Connection[Any]"):
    for statement, (kind, more) in COLUMNS.items():
        prepared = await connection.prepare(statement)
        columns = {attribute.name for attribute in prepared.get_attributes()}
        assert (kind, columns - more) == (kind, {field.name for field in fields(kind)})
