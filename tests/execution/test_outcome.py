import json

import pytest

from jobrunner.errors import JobrunnerError, UnknownDefinition
from jobrunner.execution.outcome import (
    DEPTH_LIMIT,
    ERROR_LIMIT,
    RESULT_LIMIT,
    TRACEBACK_LIMIT,
    error_text,
    kept_result,
    result_json,
    shortened,
    traceback_text,
)


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("limit", [100, 1000, 8192])
def test_a_shortened_text_is_within_its_limit_and_keeps_both_ends(limit):
    text = "begin" + "x" * 100_000 + "end"
    short = shortened(text, limit)
    assert len(short) == limit
    assert short.startswith("beginx")
    assert short.endswith("xend")
    assert shortened(text, len(text)) == text
    left = int(short.split("… ")[1].split(" ")[0].replace(",", ""))
    assert left == len(text) - limit


def test_a_text_is_made_storable():
    assert shortened("a\0b\ud800c", 100) == "a�b�c"


@pytest.mark.parametrize("value", [None, 0, "ü", {"a": [1, 2.5, True]}, [], "\\u0000", '"[[[' * 300])
def test_a_result_is_kept_as_it_is(value):
    assert json.loads(result_json(value)) == value


@pytest.mark.parametrize(
    ("value", "stored"), [("\0", "�"), ("\\\0", "\\�"), ("\\\\\0\0", "\\\\��"), ({"\ud8ff": 1}, {"�": 1})]
)
def test_what_jsonb_cannot_hold_is_replaced(value, stored):
    assert json.loads(result_json(value)) == stored


@pytest.mark.parametrize(
    "value",
    [{1}, float("inf"), object(), {(1,): 1}, 10**5000, nested(DEPTH_LIMIT + 1), nested(10**5)],
    ids=["set", "infinity", "object", "key", "integer", "deep", "very deep"],
)
def test_what_is_no_json_is_refused(value):
    with pytest.raises(ValueError, match="the job's result cannot be kept as JSON: "):
        result_json(value)


def test_in_its_place_a_note_is_kept():
    assert json.loads(kept_result({"a": 1})) == {"a": 1}
    assert json.loads(kept_result({1})) == {
        "note": "the job's result cannot be kept as JSON: Object of type set is not JSON serializable"
    }


def test_a_cycle_is_refused():
    value: list[object] = []
    value.append(value)
    with pytest.raises(ValueError, match="Circular"):
        result_json(value)


def test_the_limits_are_exact():
    assert json.loads(result_json(nested(DEPTH_LIMIT))) == nested(DEPTH_LIMIT)
    assert json.loads(result_json("x" * (RESULT_LIMIT - 2))) == "x" * (RESULT_LIMIT - 2)
    note = json.loads(result_json("\ud800" * (RESULT_LIMIT - 1)))
    assert set(note) == {"note", "beginning"}


class Odd(Exception):
    def __str__(self):
        raise KeyError("x")


def test_an_error_s_text_is_its_last_line_in_a_traceback():
    assert error_text(ValueError("bad")) == "ValueError: bad"
    assert error_text(KeyError()) == "KeyError"
    assert error_text(json.JSONDecodeError("bad", "doc", 0)).startswith("json.decoder.JSONDecodeError: bad")
    assert error_text(Odd()) == f"{__name__}.Odd: (its text cannot be had: str() of it failed)"
    assert len(error_text(ValueError("x" * 10**6))) == ERROR_LIMIT


def test_a_group_of_one_is_described_by_its_cause_and_a_larger_one_by_all():
    cause = UnknownDefinition("Greet", ["GreetAll"])
    assert error_text(ExceptionGroup("unhandled errors in a TaskGroup", [cause])) == str(cause)
    nested = BaseExceptionGroup("outer", [ExceptionGroup("inner", [ValueError("bad")])])
    assert error_text(nested) == "ValueError: bad"
    two = ExceptionGroup("here", [ValueError("bad"), KeyError("x")])
    assert error_text(two) == "ExceptionGroup: here (2 sub-exceptions): ValueError: bad; KeyError: 'x'"


class Theirs(JobrunnerError):
    """An application may put its own below ours."""


def test_an_error_of_ours_is_its_sentence_alone():
    sentence = "no job is named 'Greet'; did you mean GreetAll?"
    assert error_text(UnknownDefinition("Greet", ["GreetAll"])) == sentence
    assert error_text(JobrunnerError()) == "jobrunner.errors.JobrunnerError"
    assert error_text(Theirs("bad")) == f"{__name__}.Theirs: bad"


def test_a_traceback_begins_in_the_job():
    def inner():
        raise Odd

    try:
        inner()
    except Odd as error:
        full, own = traceback_text(error), traceback_text(error, skip=1)
    assert "in test_a_traceback_begins_in_the_job" in full
    assert "in test_a_traceback_begins_in_the_job" not in own
    assert "in inner" in own

    def endless():
        endless()

    with pytest.raises(RecursionError) as raised:
        endless()
    text = traceback_text(raised.value)
    assert len(text) <= TRACEBACK_LIMIT
    assert "Previous line repeated" in text
