"""What PostgreSQL answers, as sentences of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from jobrunner.errors import DatabaseUnavailable, InvalidJobData, JobrunnerError
from jobrunner.imports import alone

NO_SCHEMA = {"3F000", "42P01", "42883", "42703", "42704"}
"""The schema, a table, a function, a column or a type is not there."""
NO_RIGHT = "42501"
REFUSED = {"22023", "22003", "22007", "22008", "22P02", "22P05", "23502", "23514"}
"""Raised by our own functions, or by a type or check that the data does not fit."""
SERVER_TROUBLE = ("08", "28", "3D", "53", "57", "58", "XX")
"""Classes: connection lost or refused, no such database, short of something, shut down, broken."""

LOST = ("InterfaceError", "InternalClientError", "OperationalError")
"""What asyncpg and psycopg call a connection that is gone."""


def explain(error: BaseException, dsn: str | None = None) -> JobrunnerError | None:
    """Return our error for one of asyncpg or psycopg, or None where that one says more by itself."""
    state = getattr(error, "sqlstate", None)
    text = _first_line(error)
    if state is None:
        lost = isinstance(error, OSError) or type(error).__name__ in LOST
        return _unavailable(text, dsn) if lost else None
    if state in NO_SCHEMA:
        return _unavailable(f"{text}; `jobrunner migrate` brings it to this version's schema", dsn)
    if state == NO_RIGHT:
        return _unavailable(f"{text}; grant its user the rights on the schema jobrunner", dsn)
    if state in REFUSED:
        return InvalidJobData(text)
    if state.startswith(SERVER_TROUBLE):
        return _unavailable(text, dsn)
    return None


@contextmanager
def refusals(dsn: str | None = None) -> Iterator[None]:
    """Raise what PostgreSQL refuses as an error of ours; `dsn` is shown without its password."""
    try:
        yield
    except (JobrunnerError, BrokenPipeError):
        raise  # a pipe that broke is that of whoever read our output
    except Exception as error:
        ours = explain(error, dsn)
        if ours is None:
            raise
        raise ours from error


def _unavailable(reason: str, dsn: str | None) -> DatabaseUnavailable:
    with alone("jobrunner.config"):
        from jobrunner.config import mask_url

    return DatabaseUnavailable(mask_url(f"cannot use the database{f' {dsn}' if dsn else ''}: {reason}"))


def _first_line(error: BaseException) -> str:
    # psycopg adds lines of context to its text; both drivers keep the bare message apart.
    message = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    return message.strip().splitlines()[0] if message.strip() else type(error).__name__
