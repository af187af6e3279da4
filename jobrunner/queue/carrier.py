"""Runs the statements of an enqueue on whatever connection the caller has: asyncpg, psycopg 3, or ours.

On the caller's own connection everything happens in the caller's transaction: the jobs are there when it commits, and
never were if it rolls back. No driver is imported that the caller has not.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from jobrunner.errors import InvalidInput
from jobrunner.queue.enqueue import PORTION, Statement, Steps

Result = TypeVar("Result")


async def run(connection: Any, steps: Steps[Result]) -> Result:
    """Run the steps on a connection and return their result.

    Args:
        connection: of asyncpg (also one of its pools) or of ours, psycopg's `AsyncConnection`, or psycopg's
            `Connection`, which a thread then waits for.
        steps: what is to be done.

    Raises:
        InvalidInput: the connection is of another kind.
    """
    kind = _kind(connection)
    if kind == "psycopg":
        return await asyncio.to_thread(run_blocking, connection, steps)

    async def fetch(statement: Statement) -> Sequence[Any]:
        if kind == "asyncpg":
            rows: Sequence[Any] = await connection.fetch(statement.text, *statement.arguments)
            return rows
        from psycopg import AsyncRawCursor
        from psycopg.rows import tuple_row

        async with AsyncRawCursor(connection, row_factory=tuple_row) as cursor:
            await cursor.execute(statement.text, statement.arguments)
            return await cursor.fetchall()

    try:
        statement = next(steps)
        while True:
            statement = steps.send(await fetch(statement))
    except StopIteration as end:
        result: Result = end.value
        return result


def run_blocking(connection: Any, steps: Steps[Result]) -> Result:
    """Run the steps on a `Connection` of psycopg and return their result.

    Raises:
        InvalidInput: the connection is of another kind.
    """
    if _kind(connection) != "psycopg":
        raise InvalidInput(f"a blocking client takes a psycopg.Connection, got {_name(connection)}: use Client for it")
    from psycopg import RawCursor
    from psycopg.rows import tuple_row

    with RawCursor(connection, row_factory=tuple_row) as cursor:
        try:
            statement = next(steps)
            while True:
                cursor.execute(statement.text, statement.arguments)
                statement = steps.send(cursor.fetchall())
        except StopIteration as end:
            result: Result = end.value
            return result


def portion_for(connection: Any) -> int | None:
    """Return how many jobs one statement may add: all of them (None) where nothing else makes the call one whole."""
    in_transaction: Callable[[], bool] | None = getattr(connection, "is_in_transaction", None)
    if in_transaction is not None:
        return PORTION if in_transaction() else None
    if _kind(connection).startswith("psycopg"):
        return PORTION if not connection.autocommit or connection.info.transaction_status else None
    return None


def _kind(connection: Any) -> str:
    """Return which driver's connection this is: asyncpg (and what behaves like it), psycopg, or psycopg async."""
    for parent in type(connection).__mro__:
        if parent.__module__.partition(".")[0] == "psycopg":
            if parent.__name__ == "Connection":
                return "psycopg"
            if parent.__name__ == "AsyncConnection":
                return "psycopg async"
    if callable(getattr(connection, "fetch", None)):
        return "asyncpg"
    raise InvalidInput(
        f"jobs are enqueued on a connection of asyncpg or psycopg 3, got {_name(connection)}: "
        "pass the connection of the driver that is below it"
    )


def _name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
