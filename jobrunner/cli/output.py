"""What commands print, and how they run coroutines.

Results go to standard output: as a table on a terminal, separated by tabs where it is read by another program,
as JSON where asked. What comes from jobs, people and other machines may hold control characters that would
rewrite the terminal (failures H17): every cell is cleaned.
"""

import asyncio
import json as json_module
import signal
import sys
import unicodedata
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

Result = TypeVar("Result")

Columns = Sequence[str] | Mapping[str, str]
"""Keys of the rows in their order, or keys with the headings above them."""

_JOINERS = {"\u200c", "\u200d"}
"""Format characters that scripts and emoji need and that harm nothing."""


def clean(text: str, *, lines: bool = False) -> str:
    """Return the text with whatever a terminal would obey written out: `\\x1b`, `\\n`, `\\u202e`.

    With `lines`, line breaks and tabs stay, for texts of several lines.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or (lines and character in "\n\t") else _written_out(character)
        for character in text
    )


def _written_out(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")


def cell(value: Any, *, lines: bool = False) -> str:
    """Return a value as a table shows it, in one harmless line; times in the local zone with their offset.

    With `lines`, a text of several lines keeps them.
    """
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case datetime():
            return local(value).isoformat(sep=" ", timespec="seconds")
        case timedelta():
            return f"{value.total_seconds():g} s"
        case Enum():
            return cell(value.value)
        case Mapping():
            return clean(json_module.dumps(_plain(value), ensure_ascii=False))
        case list() | tuple() | set() | frozenset():
            return ", ".join(cell(item) for item in value)
        case _:
            return clean(str(value), lines=lines)


def local(moment: datetime) -> datetime:
    """Return the moment in the time zone of this machine."""
    return moment.astimezone()


def table(rows: Sequence[Mapping[str, Any]], columns: Columns, *, json: bool = False) -> None:
    """Print the rows: a table on a terminal, else a line of tab-separated cells each below a heading.

    As JSON it is one array of objects with all that the rows hold, also what is no column.
    """
    if json:
        print_json(rows)
        return
    headings = columns if isinstance(columns, Mapping) else {key: _heading(key) for key in columns}
    cells = [[cell(row.get(key)) for key in headings] for row in rows]
    if not sys.stdout.isatty():
        for line in [list(headings), *cells]:
            print("\t".join(line))
        return
    numbers = [bool(rows) and all(isinstance(row.get(key), int | float | None) for row in rows) for key in headings]
    _print_table(list(headings.values()), cells, numbers)


def record(row: Mapping[str, Any], columns: Columns | None = None, *, json: bool = False) -> None:
    """Print one row downwards, a line for each key."""
    if json:
        print_json(row)
        return
    keys: Columns = list(row) if columns is None else columns
    headings = keys if isinstance(keys, Mapping) else {key: _heading(key) for key in keys}
    if not sys.stdout.isatty():
        for key in headings:
            print(f"{key}\t{cell(row.get(key))}")
        return
    cells = [[heading, cell(row.get(key), lines=True)] for key, heading in headings.items()]
    _print_table(None, cells, [False, False])


def _print_table(headings: list[str] | None, cells: list[list[str]], numbers: list[bool]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, show_header=headings is not None, header_style="bold", pad_edge=False)
    for position, right in enumerate(numbers):
        heading = Text(clean(headings[position])) if headings is not None else ""
        grid.add_column(heading, justify="right" if right else "left", overflow="fold")
    for line in cells:
        grid.add_row(*(Text(text) for text in line))
    Console(highlight=False, markup=False, emoji=False).print(grid)


def print_json(value: Any) -> None:
    """Print a value as JSON; times as ISO 8601 with offset in the local zone, durations in seconds."""
    # ASCII only: safe on every terminal and in every locale, the same for the program that reads it.
    print(json_module.dumps(_plain(value), indent=2, ensure_ascii=True, allow_nan=False))


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return _plain(value.value)
        case str():
            return value
        case datetime():
            return local(value).isoformat()
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case _:
            return str(value)


def _heading(key: str) -> str:
    return key.replace("_", " ").capitalize()


def note(text: str) -> None:
    """Print a remark for people on standard error, where it disturbs no pipe."""
    print(clean(text, lines=True), file=sys.stderr)


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run it to its end and return its result, on uvloop where that is installed.

    Ctrl-C and SIGTERM cancel it, so that it cleans up behind itself; the process then ends with 130 or 143.
    """
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_until_terminated(coroutine))


async def _until_terminated(coroutine: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.current_task()
    assert task is not None
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGTERM, terminate)
    except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
        pass
    try:
        return await coroutine
    except asyncio.CancelledError:
        if terminated:
            raise SystemExit(143) from None
        raise


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where that is installed, else None for asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
