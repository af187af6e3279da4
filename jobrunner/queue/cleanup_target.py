"""What the job Cleanup removes: each kind of old rows is one `CleanupTarget`, declared by whoever keeps them.

The engine declares its own (`jobrunner.queue.finished`), each service those beside its code, and an installed package
its tables by the entry point `jobrunner.cleanup` (docs/cleanup.md). The walk over them is `jobrunner.services.cleanup`.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg

from jobrunner.config import Configuration
from jobrunner.errors import ConfigurationError
from jobrunner.queue.period import ALLOWED, NEVER, check_period
from jobrunner.queue.setting import Setting, Value

AT_ONCE = "at once"
"""The period of what nobody needs any more."""

FIND_TABLE = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.relkind::text AS kind
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass($1)
"""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a target works with."""

    connection: Any
    """Of asyncpg, in a transaction of the caller's with short limits (not for `Ahead`)."""
    configuration: Configuration
    period: str
    """How long its rows are kept, as PostgreSQL reads an interval (`2 months`): age is by the database's clock."""
    passed: int = 0
    """Rows, the oldest, that were found to be referred to still: they are passed over."""


@dataclass(slots=True)
class Amount:
    """How much goes, or went."""

    rows: int = 0
    octets: int | None = None
    """Of files; None where rows are all there is."""
    referred: Counter[str] = field(default_factory=Counter)
    """Rows that stay since a table still refers to them, by that table."""
    is_last: bool = False
    """Nothing more is to be found."""


class Cleaner(Protocol):
    """Finds and removes old rows."""

    async def count(self, given: Occasion) -> Amount:
        """Return how much would go now. Writes nothing."""
        ...

    async def remove(self, given: Occasion, most: int) -> Amount:
        """Remove `most` rows at most, those that are over for longest.

        What is done counts when the caller commits. It must take no row that somebody has locked.
        """
        ...


class Ahead(Protocol):
    """Removes what goes whole: a table of a day, say. That goes before the rows that `Cleaner` picks one by one."""

    async def step(self, given: Occasion) -> Amount:
        """Remove the next one; `is_last` where none is left.

        `given.connection` is in no transaction, so that each statement commits by itself: whoever dies or freezes
        after it holds no lock that others wait for.

        Raises:
            asyncpg.LockNotAvailableError: somebody uses it. It is tried again a few times, then left to the next run.
        """
        ...


class NotATable(Exception):
    """It is a view, or is not there: the application keeps these records in its own way."""


@dataclass(frozen=True, slots=True)
class Child:
    """Rows of another table that go with a row, in the same transaction, where no foreign key takes them along."""

    table: str
    column: str
    parent: str = "id"
    """The column of the parent that `column` names."""


@dataclass(frozen=True, slots=True)
class OldRows:
    """Rows of one table that a statement finds.

    Where a foreign key without cascade refers to a row, that row stays and the others go.
    """

    table: str
    """With its schema, quoted where it needs to be."""
    statement: str
    """Selects `t.ctid` of the table `AS t`, those over for longest first, with an ORDER BY at its end; $1 is the
    period: `t.finished_at < now() - $1::text::interval`."""
    children: tuple[Child, ...] = ()
    instead: str = ""
    """Where rows stay and only lose something: what an UPDATE sets (`user_agent = NULL`)."""

    async def count(self, given: Occasion) -> Amount:
        """Return how many the statement finds."""
        await self._require_table(given.connection)
        rows = await given.connection.fetchval(f"SELECT count(*) FROM ({self.statement}) AS old", given.period)  # noqa: S608
        return Amount(rows)

    async def remove(self, given: Occasion, most: int) -> Amount:
        """Remove what the statement finds, if it still finds it when the row is locked."""
        name = await self._require_table(given.connection)
        found = await given.connection.fetch(
            f"{self.statement} LIMIT $2::integer OFFSET $3::integer FOR UPDATE OF t SKIP LOCKED",
            given.period,
            most,
            given.passed,
        )
        amount = Amount(is_last=len(found) < most)
        await self._delete(given.connection, name, [row[0] for row in found], amount)
        return amount

    async def _require_table(self, connection: Any) -> str:
        return await table_name(connection, self.table)

    async def _delete(self, connection: Any, name: str, rows: list[Any], amount: Amount) -> None:
        """Delete rows, halving where one is referred to, until it stands alone."""
        if not rows:
            return
        try:
            async with connection.transaction():
                for child in self.children:
                    table = await table_name(connection, child.table)
                    await connection.execute(
                        f"DELETE FROM {table} AS c USING {name} AS t"  # noqa: S608
                        f" WHERE t.ctid = ANY($1::tid[]) AND c.{_quoted(child.column)} = t.{_quoted(child.parent)}",
                        rows,
                    )
                act = f"UPDATE {name} AS t SET {self.instead}" if self.instead else f"DELETE FROM {name} AS t"  # noqa: S608
                done = await connection.execute(f"{act} WHERE t.ctid = ANY($1::tid[])", rows)
        except asyncpg.IntegrityConstraintViolationError as fault:
            if not isinstance(fault, asyncpg.ForeignKeyViolationError | asyncpg.RestrictViolationError):
                raise
            if len(rows) == 1:
                amount.referred[f"{fault.schema_name}.{fault.table_name}"] += 1
                return
            middle = len(rows) // 2
            await self._delete(connection, name, rows[:middle], amount)
            await self._delete(connection, name, rows[middle:], amount)
        else:
            amount.rows += int(done.split()[-1])


async def table_name(connection: Any, name: str) -> str:
    """Return a table's name, quoted as it must be; raises NotATable."""
    row = await connection.fetchrow(FIND_TABLE, name)
    if row is None:
        raise NotATable(f"there is no table {name}")
    if row["kind"] != "r":
        raise NotATable(f"{name} is no plain table: what stands behind it is the application's")
    quoted: str = row["name"]
    return quoted


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class CleanupTarget:
    """One kind of what is removed when it is old."""

    name: str
    """In small letters with hyphens, for `--only`."""
    what: str
    """What goes, in one phrase: `Notifications that were read`."""
    period: Setting | str
    """The administrator's setting of how long it is kept, or a period that nobody changes."""
    cleaner: Cleaner
    """It counts what `ahead` removes, too."""
    ahead: Ahead | None = None
    frees_files: bool = False
    """What it removes are files: of a disk that is nearly full they go before all else."""

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").isalnum() or self.name != self.name.lower():
            raise ConfigurationError(f"a clean-up target is named in small letters with hyphens, got {self.name!r}")
        if isinstance(self.period, str) and self.period != AT_ONCE:
            check_period(self.period)

    def kept(self, values: dict[str, Value]) -> str | None:
        """Return its period by the settings given, None where it is kept for ever."""
        if isinstance(self.period, str):
            words = "0 days" if self.period == AT_ONCE else self.period
        else:
            value = values.get(self.period.name, self.period.default)
            value = self.period.default if value == "" else value
            words = value if isinstance(value, str) else f"{value} {self.period.unit}"
        return None if words == NEVER else words


def period_setting(name: str, label: str, default: str, meaning: str) -> Setting:
    """Return a setting that holds a period in words."""
    return Setting(name, label, "text", default, meaning, allowed=ALLOWED, checked=check_period)


def old_rows(
    name: str,
    what: str,
    period: Setting | str,
    *,
    table: str,
    time: str,
    where: str = "true",
    children: tuple[Child, ...] = (),
) -> CleanupTarget:
    """Return a target for rows of a table whose time column is longer ago than the period.

    `where` is a condition of SQL more, on the table `AS t`; `children` go with a row. Rows without a time stay. This is
    all that an application needs for a table of its own.
    """
    statement = (
        f"SELECT t.ctid FROM {table} AS t WHERE t.{_quoted(time)} < now() - $1::text::interval AND ({where})"  # noqa: S608
        f" ORDER BY t.{_quoted(time)}, t.ctid"
    )
    return CleanupTarget(name, what, period, OldRows(table, statement, children))
