"""The rows that every benchmark prints."""

import json

import pytest

from scripts.benchmarks.report import Report, at_least, at_most, both, less_than, more_than, options


@pytest.fixture
def report() -> Report:
    rows = Report()
    rows.add("start, p50", "ours", 1.4996, "ms", both(less_than(1.5), less_than(2.04, "the better peer")))
    rows.add("start, p50", "a peer", 2.04, "ms")
    rows.add("throughput: ratio", "ours / a peer", 2.9996, "times", at_least(3))
    return rows


def test_json_has_the_columns_and_says_of_each_goal_whether_it_is_met(report, capsys):
    report.print(as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [list(row) for row in rows] == [["figure", "system", "value", "unit", "goal", "met"]] * 3
    assert [row["met"] for row in rows] == [True, None, False]
    assert rows[0]["goal"] == "less than 1.5; less than 2.04 (the better peer)"


def test_a_goal_is_judged_by_the_value_and_not_by_what_is_printed_of_it(report, capsys):
    report.print(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["figure", "system", "value", "unit", "goal", "met"]
    assert lines[-1].split()[-6:] == ["3", "times", "at", "least", "3", "no"]


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (at_least(3), 3, True),
        (more_than(3), 3, False),
        (at_most(3), 3, True),
        (at_most(3), 3.01, False),
        (less_than(3), 3, False),
        (both(at_least(1), less_than(2)), 2, False),
        (both(at_least(1), less_than(2)), 0.5, False),
    ],
)
def test_goals(goal, value, met):
    assert goal.is_met(value) is met


def test_options_are_the_same_for_every_benchmark():
    chosen = options("queue", "", ["--quick", "--json"])
    assert (chosen.quick, chosen.json, chosen.database_url) == (True, True, None)
