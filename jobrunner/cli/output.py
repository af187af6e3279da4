"""What commands print, and how they run coroutines.

Results go to standard output: as a table on a terminal (see `grid`), separated by tabs where it is read by another
program, as JSON where asked. What comes from jobs, people and other machines may hold control characters that would
rewrite the terminal (failures H17): every cell is cleaned.
"""

import asyncio
import json as json_module
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import Enum
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any, TypeVar

from jobrunner.cli import grid
from jobrunner.cli.control_characters import clean
from jobrunner.cli.grid import Column

Result = TypeVar("Result")

Columns = Sequence[str] | Mapping[str, Column]
"""Keys of the rows in their order, or keys with how their columns behave on a terminal."""


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
            return f"{value:g}" if abs(value) < 1_000_000 else f"{value:.15g}"
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
    shown = columns if isinstance(columns, Mapping) else {key: Column() for key in columns}
    if not sys.stdout.isatty():
        for line in [list(shown), *([cell(row.get(key)) for key in shown] for row in rows)]:
            print("\t".join(line))
        return
    _print_grid(rows, {key: replace(one, heading=one.heading or _heading(key)) for key, one in shown.items()})


def _print_grid(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column]) -> None:
    plain = list(columns.values())
    cells = [[cell(row.get(key)) for key in columns] for row in rows]
    brief = [[_brief(row.get(key)) for key in columns] for row in rows]
    fitted = grid.fit(plain, cells, brief, get_terminal_size().columns)
    if fitted is None:
        for line in grid.blocks(plain, cells):
            print(line)
        return
    right = [bool(rows) and all(isinstance(row.get(key), int | float | None) for row in rows) for key in columns]
    headings, *lines = grid.rows(plain, fitted, right)
    print(headings if os.environ.get("TERM", "dumb") == "dumb" else f"\x1b[1m{headings}\x1b[0m")
    for line in lines:
        print(line)
    if fitted.left_out:
        names = ", ".join(plain[place].heading for place in fitted.left_out)
        sentence(f"Left out for want of room: {names}. A wider terminal shows more, --json everything.", remark=True)


def _brief(value: Any) -> str:
    """Return a cell for where room is scarce: times without their offset, those of today without the date."""
    if not isinstance(value, datetime):
        return cell(value)
    at = local(value)
    return f"{at:%H:%M:%S}" if at.date() == datetime.now().date() else f"{at:%Y-%m-%d %H:%M}"


def record(row: Mapping[str, Any], columns: Sequence[str] | None = None, *, json: bool = False) -> None:
    """Print one row downwards, a line for each key."""
    if json:
        print_json(row)
        return
    keys = list(row) if columns is None else columns
    if not sys.stdout.isatty():
        for key in keys:
            print(f"{key}\t{cell(row.get(key))}")
        return
    margin = max((len(key) for key in keys), default=0) + grid.GAP
    width = get_terminal_size().columns
    for key in keys:
        text = cell(row.get(key), lines=True)
        if width < grid.NARROW:
            print(f"{_heading(key)}: {text}")
            continue
        first, *rest = [piece for line in text.expandtabs().split("\n") for piece in _wrapped(line, width - margin)]
        print(f"{_heading(key):{margin}}{first}".rstrip())
        for line in rest:
            print(f"{'':{margin}}{line}")


def sentence(text: str, *, indent: int = 0, remark: bool = False) -> None:
    """Print a text of one line, so many blanks to the right; on a terminal it is broken between words.

    A `remark` goes to standard error, where it disturbs no pipe.
    """
    stream = sys.stderr if remark else sys.stdout
    line, width = clean(text), get_terminal_size().columns
    fits = _wrapped(line, width - indent) if stream.isatty() and width >= grid.NARROW else [line]
    for piece in fits:
        print(" " * indent + piece, file=stream)


def _wrapped(line: str, width: int) -> list[str]:
    """Break a line between words only: a word in one piece can be copied, and the terminal wraps it anyway."""
    return wrap(line, max(width, 20), break_long_words=False, break_on_hyphens=False) or [""]


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
    """Print a remark for people on standard error, where it disturbs no pipe; what may be copied stays in one line."""
    print(clean(text, lines=True), file=sys.stderr)


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run it to its end and return its result, on uvloop where that is installed.

    Ctrl-C and SIGTERM cancel it, so that it cleans up behind itself; the process then ends with 130 or 143.
    """
    from jobrunner.cli.left_tasks import end_without_them
    from jobrunner.cli.logging_setup import calm_last_resort

    calm_last_resort()
    whole = _until_terminated(coroutine)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            try:
                return runner.run(whole)
            finally:
                end_without_them(runner)
    finally:  # Ctrl-C may come before they have begun: Python would complain that nobody awaited them
        whole.close()
        coroutine.close()


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
