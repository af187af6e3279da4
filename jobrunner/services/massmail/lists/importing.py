"""Makes persons and members of the records of a CSV file, in portions, each in a transaction of its own.

Idempotent by address: who has the address already is taken as they are (a member, if one of them is), and whoever is a
member stays one, opted out or not. So a file may be imported again, or after a crash, or in a longer version.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import asyncpg

from jobrunner.db.sql import load
from jobrunner.services.massmail.lists.lines import BadLine
from jobrunner.services.massmail.lists.members import TargetType
from jobrunner.services.massmail.lists.reading import Record

T = TypeVar("T")

PORTION = 1000
"""Records of one transaction."""
MOST_BAD_LINES = 1000
"""Bad lines that a report names; more are only counted."""

TABLES: dict[TargetType, tuple[str, str]] = {
    "Account": ("account", "add_imported_accounts"),
    "Contact": ("contact", "add_imported_contacts"),
    "Lead": ("lead", "add_imported_leads"),
}
"""Where persons of a type are added, and the statement that does so. Users are never added by an import."""


class Transact(Protocol):
    """Runs work in a transaction and gives it an asyncpg connection (`Connection.transaction`)."""

    def __call__(self, work: Callable[[Any], Awaitable[T]], /) -> Awaitable[T]:
        """Return what the work returns."""
        ...


@dataclass(slots=True)
class Report:
    """What an import did, or would do."""

    persons: int = 0
    """Lines that are persons."""
    persons_added: int = 0
    members_added: int = 0
    bad: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    """The first of them."""

    @property
    def read(self) -> int:
        """All lines that hold something: persons and bad ones."""
        return self.persons + self.bad

    @property
    def members_before(self) -> int:
        """Lines of whoever was a member already, or stood in the file before."""
        return self.persons - self.members_added

    def refuse(self, line: BadLine) -> None:
        """Count a bad line."""
        self.bad += 1
        if len(self.bad_lines) < MOST_BAD_LINES:
            self.bad_lines.append(line)


async def import_members(
    transact: Transact,
    list_id: int,
    kind: TargetType,
    records: Iterable[Record | BadLine],
    *,
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Add the persons of a file to a list, and return what came of it.

    Args:
        transact: runs a portion in a transaction.
        list_id: the list.
        kind: what the persons are.
        records: as `read_records` yields them.
        progress: called after each portion.

    Raises:
        InvalidInput: the file as a whole is none of ours; nothing was written.
    """
    report = Report()
    adds = await transact(lambda connection: _adds_persons(connection, kind))
    portion: list[Record] = []
    for record in records:
        if isinstance(record, BadLine):
            report.refuse(record)
            continue
        portion.append(record)
        if len(portion) == PORTION:
            await _store(transact, list_id, kind, portion, adds, report)
            portion.clear()
            if progress is not None:
                progress(report)
    if portion:
        await _store(transact, list_id, kind, portion, adds, report)
    report.bad_lines.sort(key=lambda bad: bad.line)
    return report


async def _adds_persons(connection: Any, kind: TargetType) -> bool:
    if kind not in TABLES:
        return False
    rows = await connection.fetch(load(__package__, "is_table"), TABLES[kind][0])
    return bool(rows and rows[0]["is_table"])


async def _store(
    transact: Transact, list_id: int, kind: TargetType, portion: list[Record], adds: bool, report: Report
) -> None:
    """Store a portion; of one that the database refuses, halves, down to the line that is at fault."""
    try:
        stored = await transact(lambda connection: _write(connection, list_id, kind, portion, adds))
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.RaiseError) as error:
        if len(portion) == 1:
            report.refuse(BadLine(portion[0].line, f"the database refuses it: {error}"))
            return
        middle = len(portion) // 2
        await _store(transact, list_id, kind, portion[:middle], adds, report)
        await _store(transact, list_id, kind, portion[middle:], adds, report)
        return
    report.persons += len(portion) - len(stored.unknown)
    report.persons_added += stored.persons_added
    report.members_added += stored.members_added
    for record in stored.unknown:
        report.refuse(BadLine(record.line, f"no {kind.lower()} has this address"))


@dataclass(frozen=True, slots=True)
class _Stored:
    persons_added: int
    members_added: int
    unknown: list[Record]
    """Those whom nobody is, and who are not added."""


async def _write(connection: Any, list_id: int, kind: TargetType, portion: list[Record], adds: bool) -> _Stored:
    await connection.execute(load(__package__, "lock_imports"), kind)
    emails = [record.email for record in portion]
    rows = await connection.fetch(load(__package__, "find_unknown_addresses"), emails, kind)
    unknown = [portion[row["place"] - 1] for row in rows]
    added = 0
    if adds:
        first = {row["key"]: record for row, record in reversed(list(zip(rows, unknown, strict=True)))}
        added, unknown = await _add(connection, kind, sorted(first.values(), key=lambda record: record.line)), []
    joined = await connection.fetch(load(__package__, "join_by_address"), list_id, emails, kind)
    for record in portion:
        if record.opted_out:
            await connection.fetchrow(load(__package__, "opt_out_of_list"), list_id, record.email)
    return _Stored(added, len(joined), unknown)


async def _add(connection: Any, kind: TargetType, records: list[Record]) -> int:
    """Add persons and return how many."""
    if not records:
        return 0
    _, statement = TABLES[kind]
    names = [_names(record) for record in records]
    rows = await connection.fetch(
        load(__package__, statement),
        [record.email for record in records],
        [name for name, _, _ in names],
        [first for _, first, _ in names],
        [last for _, _, last in names],
        [record.company for record in records],
        [record.language for record in records],
        [json.dumps(record.fields) for record in records],
    )
    return len(rows)


def _names(record: Record) -> tuple[str | None, str | None, str | None]:
    """Return the whole name, the first and the last one, each made from the others where it is missing."""
    first, last = record.first_name, record.last_name
    if first is None and last is None and record.name is not None:
        before, _, after = record.name.rpartition(" ")
        return record.name, before or None, after
    return record.name or " ".join(filter(None, (first, last))) or None, first, last
