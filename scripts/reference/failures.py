"""The table of failures in docs/promises.md: which tests show each, read from the tests' docstrings."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
IDS = [
    *(f"F{number:02}" for number in range(1, 55)),
    *(f"H{number:02}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 17, 20, 21, 22, 23, 24)),
]
"""What is survived or refused by now; each has a row."""
ID = re.compile(r"\b[FH][0-9]{2}\b")
ROW = re.compile(r"^\| ([FH][0-9]{2}) \| (.*?) \|([^|]*)\|$", re.MULTILINE)
NOT_SHOWN = "not shown yet"


@cache
def tests() -> dict[str, frozenset[str]]:
    """Return every test as `faults/test_kill.py::test_name`, with the ids that its docstring carries."""
    found = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for function in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            ids = frozenset(ID.findall(ast.get_docstring(function) or ""))
            found[f"{path.relative_to(TESTS).as_posix()}::{function.name}"] = ids
    return found


def shown_by(id_: str) -> list[str]:
    """Return the tests whose docstrings carry an id."""
    return [test for test, ids in tests().items() if id_ in ids]


def filled(text: str) -> str:
    """Return the document with the last cell of each failure's row as the tests have it."""
    return ROW.sub(lambda row: f"| {row[1]} | {row[2]} | {_cell(shown_by(row[1]))} |", text)


def _cell(names: list[str]) -> str:
    return "<br>".join(f"`{name}`" for name in names) or NOT_SHOWN


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node
