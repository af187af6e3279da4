"""How rows fit a terminal: which columns there is room for, and what becomes of rows where there is none.

A name or an id is never broken nor shortened, so that it can be found, marked and copied. What gives way is, in this
order: columns with nothing in them, the date and offset of times, the ends of long texts, whole columns by their rank.
Where that is not enough, or the terminal is narrow, each row becomes a block of lines `Heading: value`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GAP = 2
"""Blanks between two columns."""
NARROW = 60
"""On terminals with fewer places nothing is shortened and no column left out: blocks are the better read there."""

Lines = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Column:
    """How a column behaves where there is little room."""

    heading: str = ""
    """What stands above it; its key in words if empty."""
    rank: int = 0
    """0: it always stays. Of the others the one with the greatest rank goes first."""
    least: int | None = None
    """Its texts may be shortened to so many places; None: not at all."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The columns that are shown, with their widths, and those that hold something and are not."""

    cells: Lines
    widths: dict[int, int]
    left_out: list[int]


def fit(columns: Sequence[Column], cells: Lines, brief: Lines, width: int) -> Fit | None:
    """Choose columns and widths so that the table has at most `width` places; None where that cannot be.

    `brief` are the same cells with shorter times.
    """
    for texts in (cells, brief):
        found = _fit(columns, texts, width, losing=False)
        if found is not None:
            return found
    return _fit(columns, brief, width, losing=True) if width >= NARROW else None


def _fit(columns: Sequence[Column], cells: Lines, width: int, *, losing: bool) -> Fit | None:
    empty = [not any(line[place] for line in cells) for place in range(len(columns))]
    wished = [
        max(places(text) for text in (one.heading, *(line[i] for line in cells))) for i, one in enumerate(columns)
    ]
    least = list(wished)
    if losing:
        for place, column in enumerate(columns):
            if column.least is not None:
                least[place] = min(wished[place], max(column.least, places(column.heading)))
    shown = [place for place, column in enumerate(columns) if not (losing and empty[place] and column.rank)]
    while (spare := width - sum(least[place] for place in shown) - GAP * (len(shown) - 1)) < 0:
        may_go = [place for place in shown if empty[place] or (losing and columns[place].rank)]
        if not may_go:
            return None
        shown.remove(max(may_go, key=lambda place: (empty[place], columns[place].rank)))
    for place in sorted(shown, key=lambda place: columns[place].rank):
        more = min(wished[place] - least[place], spare)
        least[place] += more
        spare -= more
    left_out = [place for place in range(len(columns)) if place not in shown and not empty[place]]
    return Fit(cells, {place: least[place] for place in shown}, left_out)


def rows(columns: Sequence[Column], fitted: Fit, right: Sequence[bool]) -> Iterator[str]:
    """Yield the line of headings and those of the cells; columns of numbers are set to the right."""
    for line in ([column.heading for column in columns], *fitted.cells):
        texts = (_padded(line[place], width, right[place]) for place, width in fitted.widths.items())
        yield (" " * GAP).join(texts).rstrip()


def blocks(columns: Sequence[Column], cells: Lines) -> Iterator[str]:
    """Yield a block for each row: a line for each cell that holds something, in one piece however long."""
    for number, line in enumerate(cells):
        if number:
            yield ""
        for column, text in zip(columns, line, strict=True):
            if text:
                yield f"{column.heading}: {text}"


def places(text: str) -> int:
    """Return how many places of a terminal the text takes: characters of East Asia take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, width: int, right: bool) -> str:
    spare = width - places(text)
    if spare < 0:
        return _shortened(text, width)
    return " " * spare + text if right else text + " " * spare


def _shortened(text: str, width: int) -> str:
    from rich.cells import set_cell_size

    kept = set_cell_size(text, width - 1).rstrip() + "…"
    return kept + " " * (width - places(kept))
