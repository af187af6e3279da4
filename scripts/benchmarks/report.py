"""What every benchmark has in common: its options, and rows of figure, system, value, unit, goal, met."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

COLUMNS = ("figure", "system", "value", "unit", "goal", "met")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a value is to be: in words, and as a test of the value."""

    words: str
    is_met: Callable[[float], bool]


def at_least(limit: float, of: str = "") -> Goal:
    """The value is to be `limit` or more; `of` says where the limit comes from."""
    return Goal(_words("at least", limit, of), lambda value: value >= limit)


def more_than(limit: float, of: str = "") -> Goal:
    """The value is to be above `limit`."""
    return Goal(_words("more than", limit, of), lambda value: value > limit)


def at_most(limit: float, of: str = "") -> Goal:
    """The value is to be `limit` or less."""
    return Goal(_words("at most", limit, of), lambda value: value <= limit)


def less_than(limit: float, of: str = "") -> Goal:
    """The value is to be below `limit`."""
    return Goal(_words("less than", limit, of), lambda value: value < limit)


def both(first: Goal, second: Goal) -> Goal:
    """Two goals of one value, both of which are to be met."""
    return Goal(f"{first.words}; {second.words}", lambda value: first.is_met(value) and second.is_met(value))


def _words(how: str, limit: float, of: str) -> str:
    return f"{how} {number(limit)}" + (f" ({of})" if of else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one system."""

    figure: str
    system: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None
    """None where there is no goal."""


@dataclass
class Report:
    """The rows of a run, in the order in which they were added."""

    rows: list[Row] = field(default_factory=list)

    def add(self, figure: str, system: str, value: float, unit: str, goal: Goal | None = None) -> None:
        """Add a row; whether the goal is met is judged by the value as it is, not as it is printed."""
        met = None if goal is None else goal.is_met(value)
        self.rows.append(Row(figure, system, value, unit, "" if goal is None else goal.words, met))

    def print(self, *, as_json: bool) -> None:
        """Print all rows on standard output."""
        rows = [{name: getattr(row, name) for name in COLUMNS} for row in self.rows]
        if as_json:
            print(json.dumps([{**row, "value": float(f"{row['value']:.6g}")} for row in rows], indent=2))
            return
        cells = [[_cell(row[name]) for name in COLUMNS] for row in rows]
        widths = [max(map(len, column)) for column in zip(COLUMNS, *cells, strict=True)]
        for line in [list(COLUMNS), ["-" * width for width in widths], *cells]:
            print(
                "  ".join(
                    _placed(text, width, place) for place, (text, width) in enumerate(zip(line, widths, strict=True))
                ).rstrip()
            )


def _placed(text: str, width: int, place: int) -> str:
    return text.rjust(width) if COLUMNS[place] == "value" else text.ljust(width)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() | int():
            return number(value)
    return str(value)


def number(value: float) -> str:
    """Write a figure with three digits that count, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value else "0"


def options(name: str, about: str, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line that all benchmarks share: `quick`, `json`, `database_url`."""
    parser = argparse.ArgumentParser(prog=f"scripts/bench {name}", description=about)
    parser.add_argument("--quick", action="store_true", help="smaller numbers and one round: ends within 50 s")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="a PostgreSQL of your own, whose user may create databases; else an embedded one is started",
    )
    return parser.parse_args(arguments)


def say(text: str) -> None:
    """Tell on standard error what is going on; the rows alone go to standard output."""
    print(text, file=sys.stderr, flush=True)
