"""Tables on terminals of 40, 80 and 120 columns."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from jobrunner.cli.grid import Column, Fit, blocks, fit, places, rows
from jobrunner.cli.scheduled_jobs import COLUMNS as SCHEDULES
from tests.cli.terminal import on_a_terminal

LONG_NAME = "SynchroniseCustomerRecordsWithTheAccounting"
COLUMNS = [
    Column("ID"),
    Column("Name"),
    Column("Queue", rank=3),
    Column("Target", rank=2),
    Column("Time", rank=2),
    Column("Error", rank=1, least=16),
]


def line(number: int, name: str, queue: str = "main", error: str = "") -> list[str]:
    return [str(number), name, queue, "", "2026-01-02 03:04:05+00:00", error]


def shown(cells: Sequence[list[str]], width: int, columns: Sequence[Column] = COLUMNS) -> list[str]:
    brief = [["03:04:05" if text.startswith("2026") else text for text in texts] for texts in cells]
    fitted = fit(columns, cells, brief, width)
    if fitted is None:
        return list(blocks(columns, cells))
    lines = list(rows(columns, fitted, [column.heading == "ID" for column in columns]))
    assert all(places(text) <= width for text in lines)
    return lines


def test_where_there_is_room_nothing_gives_way():
    assert shown([line(7, "Greet"), line(12, "Send", error="ValueError: no")], 120) == [
        "ID  Name   Queue  Target  Time                       Error",
        " 7  Greet  main           2026-01-02 03:04:05+00:00",
        "12  Send   main           2026-01-02 03:04:05+00:00  ValueError: no",
    ]


def test_first_empty_columns_go_then_times_become_shorter():
    cells = [line(7, "Greet", error="ValueError: no")]
    assert shown(cells, 62)[0] == "ID  Name   Queue  Time                       Error"
    assert shown(cells, 58)[0] == "ID  Name   Queue  Target  Time      Error", "narrow, and yet there is room"
    assert shown(cells, 45)[1] == " 7  Greet  main   03:04:05  ValueError: no"


def test_then_long_texts_are_shortened_and_then_columns_go_by_their_rank():
    cells = [line(7, LONG_NAME, "accounting", error="ValueError: " + "x" * 100)]
    assert shown(cells, 100)[1] == f" 7  {LONG_NAME}  accounting  03:04:05  ValueError: {'x' * 16}…"
    assert shown(cells, 80)[0].split() == ["ID", "Name", "Time", "Error"]
    assert shown(cells, 70)[0].split() == ["ID", "Name", "Error"]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_name_and_an_id_stay_whole(width: int):
    cells = [line(2**60, "Greet", error="e" * 500), line(1, LONG_NAME)]
    text = "\n".join(shown(cells, width))
    assert str(2**60) in text
    assert LONG_NAME in text


@pytest.mark.parametrize("width", [1, 40, 59])
def test_on_a_narrow_terminal_each_row_is_a_block_with_everything_in_it(width: int):
    cells = [line(7, LONG_NAME, error="ValueError: " + "x" * 100), line(8, "Greet")]
    assert shown(cells, width) == [
        "ID: 7",
        f"Name: {LONG_NAME}",
        "Queue: main",
        "Time: 2026-01-02 03:04:05+00:00",
        f"Error: ValueError: {'x' * 100}",
        "",
        "ID: 8",
        "Name: Greet",
        "Queue: main",
        "Time: 2026-01-02 03:04:05+00:00",
    ]


def test_what_always_stays_and_has_no_room_makes_blocks_of_a_wide_table_too():
    assert shown([line(7, "N" * 90)], 80)[:2] == ["ID: 7", "Name: " + "N" * 90]


def test_what_is_left_out_is_named_only_where_it_held_something():
    cells = [line(7, LONG_NAME, error="x" * 100)]
    fitted = fit(COLUMNS, cells, cells, 70)
    assert isinstance(fitted, Fit)
    assert [COLUMNS[place].heading for place in fitted.left_out] == ["Queue", "Time"]


def test_schedules_show_their_crontab_in_80_columns():
    """A long name gives way, since the crontab is what is looked for."""
    columns = [replace(column, heading=key) for key, column in SCHEDULES.items()]
    name, crontab = "Control Knowledge Base Article Status", "10,30,50 * * * *"
    cells = [["10", name, "Control", crontab, "", "Active", "2026-11-26 01:10", "", "Success", "0.003"]]
    fitted = fit(columns, cells, cells, 80)
    assert isinstance(fitted, Fit)
    headings, texts = rows(columns, fitted, [False] * len(columns))
    assert headings.split() == ["id", "name", "crontab", "status", "next_fire_at"]
    assert crontab in texts
    assert "Control Knowledge Base Artic" in texts


def test_characters_that_take_two_places_are_counted_and_cut_as_such():
    columns = [Column("ID"), Column("Text", least=5)]
    assert shown([["1", "顧客番号" * 20]], 61, columns)[1] == " 1  " + "顧客番号" * 7 + "…"
    assert shown([["1", "日本"], ["2", "ab"]], 61, [Column("ID"), Column("T")])[1:] == [
        " 1  日本",
        " 2  ab",
    ]


def test_no_rows_are_a_line_of_headings():
    assert shown([], 80) == ["ID  Name  Queue  Target  Time  Error"]
    assert shown([], 20) == ["ID  Name  Error"], "columns with nothing in them go"


# On a terminal


def test_what_was_left_out_is_said_beside_the_table():
    script = (
        "from jobrunner.cli.grid import Column\n"
        "from jobrunner.cli.output import table\n"
        "table([{'id': 1, 'some_text': 'x' * 70}], {'id': Column(), 'some_text': Column(rank=1, least=70)})\n"
    )
    beside = on_a_terminal("-c", script, columns=60).beside
    assert beside == "Left out for want of room: Some text. A wider terminal shows more, --json everything.\n"


def test_a_remark_of_one_line_is_broken_between_words_on_a_terminal():
    script = f"from jobrunner.cli.output import sentence\nsentence('{'x' * 30} {'y' * 40}', remark=True)"
    assert on_a_terminal("-c", script, columns=60, stream="stderr").screen.splitlines() == ["x" * 30, "y" * 40]


def test_times_of_today_and_of_other_days_without_their_offset():
    script = (
        "from datetime import datetime, timedelta\n"
        "from jobrunner.cli.grid import Column\n"
        "from jobrunner.cli.output import table\n"
        "now = datetime.now().astimezone().replace(hour=12, minute=34, second=56)\n"
        "table([{'name': 'n' * 40, 'at': at} for at in (now, now - timedelta(days=40))],\n"
        "      {'name': Column(), 'at': Column(rank=1)})\n"
    )
    heading, today, earlier, *_ = on_a_terminal("-c", script, columns=62).screen.splitlines()
    assert "Name" in heading
    assert today == "n" * 40 + "  12:34:56"
    assert earlier.endswith(" 12:34")
    assert len(earlier) == 40 + 2 + len("2026-01-02 12:34")


def test_a_record_breaks_lines_between_words_only():
    script = (
        "from jobrunner.cli.output import record\n"
        "record({'job_name': 'N' * 90, 'error': 'it is not so ' * 9, 'log': 'one\\n\\n  two'})"
    )
    lines = on_a_terminal("-c", script, columns=80).screen.splitlines()
    assert lines[0] == "Job name  " + "N" * 90
    assert lines[1] == "Error     " + " ".join(["it is not so"] * 5) + " it is"
    assert lines[2].startswith("          not so it is")
    assert [text.rstrip() for text in lines[-3:]] == ["Log       one", "", "            two"]
    assert on_a_terminal("-c", script, columns=40).screen.splitlines()[:2] == [
        "Job name: " + "N" * 90,
        "Error: " + "it is not so " * 9,
    ]
