"""docs/promises.md names tests that exist, and each failure's row names all that show it."""

import re

import pytest

from scripts.reference import failures
from tests.docs.documents import ROOT

TEXT = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
TEST = re.compile(r"`([^`\s]+\.py::[^`\s]+)`")


def test_every_test_that_it_names_exists():
    named = TEST.findall(TEXT)
    assert len(named) > 100
    assert set(named) <= failures.tests().keys()


def test_every_failure_has_a_row_and_every_row_a_failure():
    assert [row[0] for row in failures.ROW.findall(TEXT)] == failures.IDS


def test_the_tests_of_each_failure_are_those_whose_docstrings_name_it():
    assert failures.filled(TEXT) == TEXT, "stale: `scripts/docs` writes it anew"


def test_a_failure_without_a_test_says_so():
    row = "| F01 | something | `a.py::test_that_is_gone` |"
    assert "test_two_daemons_are_killed_again_and_again" in failures.filled(row)
    assert failures.filled(row.replace("F01", "F99")) == f"| F99 | something | {failures.NOT_SHOWN} |"


@pytest.mark.parametrize("number", range(1, 9))
def test_every_promise_names_tests_for_each_row(number: int):
    """A row without a test admits it in words."""
    section = TEXT.split(f"## {number}. ")[1].split("\n## ")[0]
    rows = [
        line for line in section.splitlines() if line.startswith("| ") and not line.startswith(("| when |", "| --- |"))
    ]
    assert len(rows) >= 4
    for row in rows:
        assert TEST.search(row) or "not shown by a test" in row, row


def test_the_ids_of_the_table_are_those_of_the_docstrings():
    """A test with an id that has no row shows something that nobody is told of; ids of later rooms come with them."""
    later = re.compile(r"F49|F5\d|H0[4-9]|H1\d|H2[025]")
    for test, ids in failures.tests().items():
        assert {id_ for id_ in ids if not later.fullmatch(id_)} <= set(failures.IDS), test
