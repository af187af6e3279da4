"""What the commands of mass mail have in common: the database, who asks, files that are read."""

import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection

Result = TypeVar("Result")

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, with all that is known.")]


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


def given(**options: object) -> dict[str, Any]:
    """Return the options that were given; an empty text means none.

    Raises:
        InvalidInput: not one was.
    """
    from jobrunner.errors import InvalidInput

    found = {name: None if value == "" else value for name, value in options.items() if value is not None}
    if not found:
        raise InvalidInput("nothing to change: give an option (`--help` shows all)")
    return found


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


def done(verb: str, record: Any, *, json: bool) -> None:
    """Print what became of a record: `added 3 Spring`."""
    from jobrunner.cli.output import cell, print_json

    if json:
        print_json(as_row(record))
    else:
        typer.echo(f"{verb} {record.id} {cell(record.name)}")
