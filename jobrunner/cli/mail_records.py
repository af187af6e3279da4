"""What the commands of mass mail have in common: the database, who asks, files that are read."""

import socket
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from jobrunner.cli.typed import cleared

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection

Result = TypeVar("Result")


def with_database(work: Callable[["Connection"], Awaitable[Result]]) -> Result:
    """Run what needs the database and return its result."""
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import run

    async def whole() -> Result:
        async with connected("mass-mail") as connection:
            return await work(connection)

    return run(whole())


def who() -> str:
    """Return who runs this command, as it is kept with what they change."""
    from jobrunner.cli.person import user_name
    from jobrunner.queue.wording import printable

    return printable(f"{user_name()}@{socket.gethostname()}")


def in_transaction(work: Callable[[Any], Awaitable[Result]]) -> Result:
    """The same for what writes several times: all of it, or nothing. It may be called again after a deadlock."""
    return with_database(lambda line: line.transaction(work))


def given(clearable: Collection[str] = (), /, **options: object) -> dict[str, Any]:
    """Return the options that were given, by the names that they have on the command line.

    Raises:
        InvalidInput: one is empty; of those that `--clear` can empty it says so.
    """
    from jobrunner.errors import InvalidInput

    found = {name: value for name, value in options.items() if value is not None}
    for name, value in found.items():
        if value == "" or (isinstance(value, list) and "" in value):
            word = name.replace("_", "-")
            hint = f"give what it is to be, or `--clear {word}`" if name in clearable else "give what it is to be"
            raise InvalidInput(f"--{word} is empty: {hint}")
    return found


def changes(
    clear: Sequence[str] | None,
    clearable: Mapping[str, tuple[str, ...]],
    columns: Mapping[str, str],
    **options: object,
) -> dict[str, Any]:
    """Return what a command is to change: None for what is to be empty, and what was given.

    Args:
        clear: what `--clear` names.
        clearable: what it may name, and what each stands for.
        columns: what options set that are called otherwise.
        options: the others.

    Raises:
        InvalidInput: an option is empty, `--clear` names what cannot be, or nothing is to change.
    """
    from jobrunner.errors import InvalidInput

    found = {columns.get(name, name): value for name, value in given(clearable, **options).items()}
    changed = {**cleared(clear or (), clearable), **found}
    if not changed:
        raise InvalidInput("nothing to change: give an option (`--help` shows all)")
    return changed


def read_text(option: str, path: str) -> str:
    """Return the text of a file, which must be UTF-8; `-` is standard input."""
    from jobrunner.errors import InvalidInput

    try:
        return read_bytes(option, path).decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise InvalidInput(f"{option}: {path} is not UTF-8") from None


def read_bytes(option: str, path: str) -> bytes:
    """Return what is in a file; `-` is standard input."""
    from jobrunner.errors import InvalidInput

    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{option}: {path} cannot be read: {(error.strerror or str(error)).lower()}") from None


def as_row(record: Any) -> Mapping[str, Any]:
    """Return a dataclass as a row of a table."""
    from dataclasses import asdict

    row: dict[str, Any] = asdict(record)
    return row


def all_done(verb: str, records: Sequence[Any], *, json: bool) -> None:
    """Print what became of several: as JSON one list, whose reader takes one document."""
    from jobrunner.cli.output import print_json

    if json:
        print_json([as_row(record) for record in records])
        return
    for record in records:
        done(verb, record, json=False)


def done(verb: str, record: Any, *, json: bool) -> None:
    """Print what became of a record: `added 3 Spring`."""
    from jobrunner.cli.output import cell, print_json

    if json:
        print_json(as_row(record))
    else:
        typer.echo(f"{verb} {record.id} {cell(record.name)}")
