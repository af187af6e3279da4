import asyncio
import gc
import json
import unicodedata
import warnings
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest

from jobrunner.cli import output
from jobrunner.cli.control_characters import clean
from jobrunner.cli.output import cell, local, note, print_json, record, run, table
from tests.cli.terminal import on_a_terminal

EVIL = "a\x1b[31mb\x9b2Jc\rd\ne\tf\x00g\u202eh\u2066i\ud800j\x7fk[bold]l[/bold]:smile:"


class Colour(Enum):
    RED = "red"


@pytest.fixture(autouse=True)
def in_kathmandu(monkeypatch: pytest.MonkeyPatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def harmless(text: str) -> bool:
    return all(unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text)


# Cells


def test_nothing_that_a_terminal_obeys_is_left_in_a_text():
    """H17"""
    assert clean(EVIL) == (r"a\x1b[31mb\x9b2Jc\rd\ne\tf\x00g\u202eh\u2066i\ud800j\x7fk[bold]l[/bold]:smile:")
    assert clean("a\tb\nc\x1bd\r", lines=True) == "a\tb\nc\\x1bd\\r"
    everything = "".join(map(chr, range(0x30000)))
    assert harmless(clean(everything).replace("\u200c", "").replace("\u200d", ""))


def test_ordinary_texts_stay_as_they_are():
    for text in ("", "Zoë", "日本語", "עברית", "می\u200cخواهم", "👩\u200d💻", "10\u00a0000 €", "a\\b"):
        assert clean(text) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (3, "3"),
        (30.0, "30"),
        (0.25, "0.25"),
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 1, 2, 3, 4, 5, 678, UTC), "2026-01-02 08:49:05+05:45"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(minutes=2, milliseconds=500), "120.5 s"),
        (Colour.RED, "red"),
        (["a", 1, None], "a, 1, "),
        ({"a": "\x1b"}, '{"a": "\\u001b"}'),
        (Path("/x"), "/x"),
        (EVIL, clean(EVIL)),
    ],
)
def test_a_cell(value: object, shown: str):
    assert cell(value) == shown


# Tables


def test_piped_a_table_is_lines_of_cells_between_tabs(capsys: pytest.CaptureFixture[str]):
    rows = [{"id": 1, "job_name": "A\tB", "hidden": "x"}, {"id": 2}]
    table(rows, ["id", "job_name"])
    assert capsys.readouterr().out == "id\tjob_name\n1\tA\\tB\n2\t\n"
    table([], {"id": "Number"})
    assert capsys.readouterr().out == "id\n"


def test_as_json_a_table_holds_whole_rows(capsys: pytest.CaptureFixture[str]):
    rows = [{"id": 2**60, "at": datetime(2026, 1, 2, tzinfo=UTC), "hidden": {"a": [EVIL]}, "took": timedelta(1)}]
    table(rows, ["id"], json=True)
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == [
        {"id": 2**60, "at": "2026-01-02T05:45:00+05:45", "hidden": {"a": [EVIL]}, "took": 86400.0}
    ]
    table([], ["id"], json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_one_record_goes_downwards(capsys: pytest.CaptureFixture[str]):
    record({"id": 1, "error": "a\nb"})
    assert capsys.readouterr().out == "id\t1\nerror\ta\\nb\n"
    record({"id": 1, "error": "a"}, ["error"])
    assert capsys.readouterr().out == "error\ta\n"
    record({"id": 1}, json=True)
    assert json.loads(capsys.readouterr().out) == {"id": 1}


def test_on_a_terminal_a_table_has_headings_and_still_no_control_character_of_a_cell():
    """H17"""
    script = (
        "from jobrunner.cli.output import table, record\n"
        f"row = {{'job_name': {EVIL!r}, 'count': 7}}\n"
        "table([row], ['job_name', 'count'])\n"
        "record({'log': 'one\\ntwo\\x1b[2J'})\n"
    )
    out = on_a_terminal("-c", script).screen
    assert "Job name" in out
    assert r"a\x1b[31mb\x9b2Jc\rd\ne\tf\x00g\u202eh\u2066i\ud800j\x7fk[bold]l[/bold]:smile:" in out
    assert r"two\x1b[2J" in out
    assert "\x1b[31m" not in out
    assert "\x1b[2J" not in out


def test_on_a_narrow_terminal_nothing_is_cut_off():
    script = "from jobrunner.cli.output import table\ntable([{'a': 'x' * 50, 'b': 'y' * 50}], ['a', 'b'])"
    out = on_a_terminal("-c", script, columns=40).screen
    assert (out.count("x"), out.count("y")) == (50, 50)


def test_a_remark_goes_to_standard_error(capsys: pytest.CaptureFixture[str]):
    note("look\x1b")
    assert capsys.readouterr() == ("", "look\\x1b\n")


def test_json_refuses_what_is_none():
    with pytest.raises(ValueError):
        print_json(float("nan"))


def test_a_moment_is_shown_in_the_local_zone():
    assert local(datetime(2026, 1, 1, tzinfo=UTC)).utcoffset() == timedelta(hours=5, minutes=45)


# Coroutines


def test_a_coroutine_runs_on_uvloop_and_gives_its_result():
    async def which() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(which()) == "uvloop"


def test_an_exception_of_a_coroutine_comes_out():
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(fail())


def test_ctrl_c_before_a_coroutine_begins_leaves_no_complaint(monkeypatch: pytest.MonkeyPatch):
    async def nothing() -> None: ...

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "loop_factory", interrupted)
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        with suppress(KeyboardInterrupt):  # `raises` would keep the coroutines
            run(nothing())
        gc.collect()
    assert complaints == []
