"""Reads a CSV file of persons, a record at a time; what is wrong with a line is said with its number, the rest counts.

Taken is what spreadsheets and databases write: UTF-8 with or without a mark at its beginning, `;`, `,` or tabs between
cells, quoted cells that may have line breaks, line ends of any system. The first line names the columns.
"""

import csv
import io
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, TextIO

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import parse_address
from jobrunner.services.massmail.lists.cells import restored
from jobrunner.services.massmail.lists.headings import OWN_FIELD, meaning_of
from jobrunner.services.massmail.lists.lines import BadLine, Lines

DELIMITERS = ",;\t"
MOST_COLUMNS = 200
LONGEST_VALUE = 255
LONGEST_FIELD = 10_000
"""Characters of a cell that is no column of ours."""

OPTED_OUT = {"yes": True, "y": True, "true": True, "t": True, "1": True}
OPTED_OUT |= {"no": False, "n": False, "false": False, "f": False, "0": False}
"""What the column `opted out` may hold, in whatever capitals. `t` is what PostgreSQL writes into a CSV."""

LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Record:
    """A line that is a person."""

    line: int
    """Its number in the file, from 1."""
    email: str
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    language: str | None = None
    opted_out: bool = False
    """Of the list that it is imported to."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """All other cells that hold something, by heading."""


def read_records(file: TextIO) -> Iterator[Record | BadLine]:
    """Yield what each record of a file is.

    The file is read as it is consumed: however long it is, little of it is in memory. It must have been opened by
    `open_csv`.

    Raises:
        InvalidInput: the file as a whole is none of ours: empty, not UTF-8, or without a column of addresses.
    """
    lines = Lines(file)
    header = _read_header(lines)
    for number, cells in lines.records(header.delimiter):
        if isinstance(cells, BadLine):
            yield cells
            continue
        try:
            yield header.record(number, cells)
        except InvalidInput as error:
            yield BadLine(number, str(error))


def open_csv(path: str) -> TextIO:
    """Open a file for `read_records`; `-` is standard input. What comes through a pipe is kept in a temporary file.

    Raises:
        InvalidInput: there is no such file, or it cannot be read.
    """
    named = "standard input" if path == "-" else path
    try:
        raw = _seekable(path)
    except OSError as error:
        raise _unreadable(named, error) from None
    try:
        start = raw.read(4)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InvalidInput(f"{named} is UTF-16: save it as CSV in UTF-8")
        if start.startswith(b"PK\x03\x04"):
            raise InvalidInput(f"{named} is a spreadsheet or an archive: save it as CSV in UTF-8")
        raw.seek(0)
    except OSError as error:
        raw.close()
        raise _unreadable(named, error) from None
    except BaseException:
        raw.close()
        raise
    # What is no UTF-8 is named with its line, not where the decoder stumbles.
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _unreadable(named: str, error: OSError) -> InvalidInput:
    return InvalidInput(f"{named} cannot be read: {(error.strerror or str(error)).lower()}")


def _seekable(path: str) -> IO[bytes]:
    """Open a file that can be read again from its beginning: a portion that met a deadlock begins anew."""
    raw = open(0, "rb", closefd=False) if path == "-" else open(path, "rb")  # noqa: SIM115
    if path != "-" and raw.seekable():
        return raw
    with raw:
        spooled = tempfile.TemporaryFile(prefix="jobrunner-")  # noqa: SIM115  the caller closes it
        try:
            shutil.copyfileobj(raw, spooled)
            spooled.seek(0)
        except BaseException:
            spooled.close()
            raise
    return spooled


@dataclass(frozen=True, slots=True)
class _Header:
    delimiter: str
    columns: list[str]
    """What each column means; those that are none of ours by their heading, after a `.`."""

    def record(self, line: int, cells: list[str]) -> Record:
        while len(cells) > len(self.columns) and cells[-1] == "":
            cells.pop()
        if len(cells) != len(self.columns):
            raise InvalidInput(f"it has {len(cells)} cells, and the first line names {len(self.columns)}")
        ours: dict[str, str] = {}
        fields: dict[str, str] = {}
        for column, text in zip(self.columns, cells, strict=True):
            value = restored(text)
            if not value:
                continue
            if column.startswith("."):
                fields[column[1:]] = _field(column[1:], value)
            elif column:
                ours[column] = value if column == "email" else _value(column, value)
        opted_out = _is_opted_out(ours.pop("opted_out", "no"))
        if "email" not in ours:
            raise InvalidInput("it has no address")
        parse_address(ours["email"])
        if "language" in ours and not LANGUAGE.fullmatch(ours["language"]):
            raise InvalidInput(f"the language must be a tag such as en or de_AT, got {ours['language'][:40]!r}")
        return Record(line, **ours, opted_out=opted_out, fields=fields)


def _value(column: str, value: str) -> str:
    words = column.replace("_", " ")
    if len(value) > LONGEST_VALUE:
        raise InvalidInput(f"the {words} has {len(value)} letters, and {LONGEST_VALUE} are allowed")
    if not value.isprintable():
        raise InvalidInput(f"the {words} has a line break or another control character: {value[:60]!r}")
    return value


def _is_opted_out(value: str) -> bool:
    """A word that is not known must not become a mail to somebody who wants none."""
    try:
        return OPTED_OUT[value.lower()]
    except KeyError:
        raise InvalidInput(f"opted out must be yes or no (or true, false, 1, 0), got {value[:40]!r}") from None


def _field(column: str, value: str) -> str:
    if len(value) > LONGEST_FIELD:
        raise InvalidInput(f"{column} has {len(value)} letters, and {LONGEST_FIELD} are allowed")
    if "\0" in value:
        raise InvalidInput(f"{column} has a NUL")
    return value


def _read_header(lines: Lines) -> _Header:
    first = lines.next()
    while first is not None and not first.strip():
        first = lines.next()
    if first is None:
        raise InvalidInput("the file is empty: its first line names the columns, as `email,first name,last name` does")
    found: list[tuple[int, str, list[str]]] = []
    for delimiter in reversed(DELIMITERS):  # of those that fit equally the first in that row
        try:
            cells = next(csv.reader([first], delimiter=delimiter, strict=True))
        except csv.Error:
            continue
        found.append((len(cells), delimiter, cells))
    if not found:
        raise InvalidInput("the first line has a quote that is not closed")
    # The name of a column may hold what delimits elsewhere: where the addresses are found, that is it.
    found.sort(key=lambda one: (any(restored(cell).lower() == "email" for cell in one[2]), one[0]))
    _, delimiter, cells = found[-1]
    while cells and not cells[-1].strip():
        cells.pop()
    headings = [restored(cell) for cell in cells]
    if len(headings) > MOST_COLUMNS:
        raise InvalidInput(f"the first line names {len(headings)} columns, and {MOST_COLUMNS} are allowed")
    if any("@" in heading and not heading.startswith(OWN_FIELD) for heading in headings):
        raise InvalidInput("the first line must name the columns, and it holds an address: add such a line on top")
    columns = [meaning_of(heading) for heading in headings]
    for column in columns:
        if column and columns.count(column) > 1:
            raise InvalidInput(f"two columns are called {column.lstrip('.').replace('_', ' ')!r}: rename one")
    if "email" not in columns:
        raise InvalidInput(f"no column is called email: the first line names {', '.join(headings)[:200]}")
    return _Header(delimiter, columns)
