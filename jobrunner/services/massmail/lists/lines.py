"""The lines of a CSV file, put together to records.

A quote that is never closed would make one cell of the rest of the file. So a record has at most `MOST_LINES` lines;
where it has more, its first line is at fault, and reading goes on with the next one.
"""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

MOST_LINES = 50
"""Lines that one record may have."""
LONGEST_LINE = 65_536
"""Characters."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no person, and why."""

    line: int
    reason: str


class Lines:
    """The lines of a file with their numbers; some may be put back."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._back: deque[str] = deque()
        self.number = 0
        """Of the line that was given last."""

    def next(self) -> str | None:
        """Return the next line with its end, None where there is no more."""
        line = self._back.popleft() if self._back else self._file.readline(LONGEST_LINE)
        if not line:
            return None
        self.number += 1
        return line

    def skip_rest(self) -> None:
        """Pass over the rest of a line that is too long."""
        while rest := self._file.readline(LONGEST_LINE):
            if rest[-1] in "\r\n":
                return

    def put_back(self, lines: list[str]) -> None:
        """Have lines given once more, before those that follow."""
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)

    def records(self, delimiter: str) -> Iterator[tuple[int, list[str] | BadLine]]:
        """Yield each record's first line and its cells, or what is wrong with it. Empty lines are passed over."""
        while (line := self.next()) is not None:
            first = self.number
            if line.strip(f" \t\r\n{delimiter}") == "":
                continue
            cells = self._cells(first, line, delimiter)
            yield first, cells

    def _cells(self, first: int, line: str, delimiter: str) -> list[str] | BadLine:
        taken = [line]
        while True:
            if len(taken[-1]) >= LONGEST_LINE and taken[-1][-1] not in "\r\n":
                if len(taken) == 1:
                    self.skip_rest()
                    return BadLine(first, f"it has more than {LONGEST_LINE} letters")
                self.put_back(taken[1:])
                return BadLine(first, "it opens a quote that is not closed")
            if not is_text(taken[-1]):
                self.put_back(taken[1:])
                return BadLine(first, "it is not UTF-8")
            if "\0" in taken[-1]:
                self.put_back(taken[1:])
                return BadLine(first, "it has a NUL")
            try:
                return next(csv.reader(taken, delimiter=delimiter, strict=True))
            except csv.Error as error:
                more = self.next() if "unexpected end of data" in str(error) and len(taken) < MOST_LINES else None
                if more is not None:
                    taken.append(more)
                    continue
                # Only its first line is at fault: what was read to find the end of the quote is read again.
                self.put_back(taken[1:])
                if "unexpected end of data" in str(error):
                    return BadLine(first, "it opens a quote that is not closed")
                return BadLine(first, f"its quotes are wrong ({error})")


def is_text(text: str) -> bool:
    """Return whether a text was UTF-8: what was none is there as lone surrogates (`surrogateescape`)."""
    return not any("\udc80" <= letter <= "\udcff" for letter in text)
