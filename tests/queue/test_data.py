"""What may be in a job's data, at the door of Python and of the command line; beside it the door of SQL."""

import json
import string
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import asyncpg
import psycopg
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobrunner.errors import InvalidJobData
from jobrunner.queue.data import LARGEST, encode, encode_all, parse
from tests.queue.refused import DATA, KEPT, nested


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: float


class Model(pydantic.BaseModel):
    at: datetime


@pytest.mark.parametrize(("text", "words"), DATA.values(), ids=DATA)
def test_refused_as_text(text: str, words: str) -> None:
    """H02: what the command line gives."""
    with pytest.raises(InvalidJobData) as refusal:
        parse(text)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("name", [name for name in DATA if name not in ("10,000 levels", "5001 digits")])
def test_refused_as_value(name: str) -> None:
    """H02: what Python gives, alone and among others."""
    text, words = DATA[name]
    data = json.loads(text)
    with pytest.raises(InvalidJobData) as refusal:
        encode(data)
    assert words in str(refusal.value)
    with pytest.raises(InvalidJobData, match=r"^job 12: ") as refusal:
        encode_all([{"a": 1}, {"b": [1, {"c": 2}]}, data, {}], [10, 11, 12, 13])
    assert words in str(refusal.value)
    assert refusal.value.index == 12


def test_refused_however_deep_or_long() -> None:
    """H02: deeper than Python's own recursion, a number longer than it writes, values that refer to themselves."""
    with pytest.raises(InvalidJobData, match="100 levels deep"):
        encode(nested(10_000))
    with pytest.raises(InvalidJobData, match=r"1\.8e308"):
        encode({"a": 10**5000})
    circle: dict[str, Any] = {}
    circle["a"] = [circle]
    with pytest.raises(InvalidJobData, match="100 levels deep"):
        encode(circle)


@pytest.mark.parametrize("data", KEPT.values(), ids=KEPT)
async def test_kept(data: dict[str, Any], connection: "asyncpg.Connection[Any]") -> None:
    """H02: what is allowed comes back as it was, whole numbers exactly."""
    text = encode(data)
    assert json.loads(text) == data
    assert parse(json.dumps(data)) == data
    kept = await connection.fetchval("SELECT $1::text::jsonb::text", encode_all([{}, data], [0, 1]))
    assert json.loads(kept) == [{}, data]
    await connection.execute("SELECT jobrunner.refuse_data($1::text::jsonb)", text)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": {1, 2}}, "got set at data['a']: pass a list"),
        ({"a": [{"b": b"x"}]}, "got bytes at data['a'][0]['b']: encode them as text, base64 for example"),
        ({"a": object()}, "got object at data['a']: pass texts, numbers, lists and objects"),
        ({"a": Decimal("NaN")}, "got Decimal (NaN) at data['a']"),
        ({(1, 2): 3}, "must have texts as keys, got (1, 2) in data"),
        ({"a": {"b": "\0"}}, "NUL (\\u0000), got one at data['a']['b']"),
        ({"a": {"\0": 1}}, "got one at a key of data['a']"),
        ({"x" * 500: "\0"}, "at data['" + "x" * 59 + "…]"),
        ([("a", 1)], "must be a JSON object, got array"),
        (3, "must be a JSON object, got number"),
        (Colour.RED, "must be a JSON object, got string"),
    ],
)
def test_the_place_is_named(value: Any, words: str) -> None:
    with pytest.raises(InvalidJobData) as refusal:
        encode(value)
    assert words in str(refusal.value)


def test_other_values_become_json() -> None:
    key = uuid.uuid4()
    data = {
        "datetime": datetime(2026, 11, 24, 12, 30, tzinfo=UTC),
        "date": date(2026, 11, 24),
        "time": time(12, 30),
        "span": timedelta(minutes=1.5),
        "uuid": key,
        "decimal": Decimal("0.10"),
        "enum": Colour.RED,
        "path": PurePosixPath("/etc/hosts"),
        "mapping": MappingProxyType({"a": (1, 2)}),
        "dataclass": Point(1, 2.5),
        "model": Model(at=datetime(2026, 11, 24, tzinfo=UTC)),
        "none": None,
    }
    assert json.loads(encode(data)) == {
        "datetime": "2026-11-24T12:30:00+00:00",
        "date": "2026-11-24",
        "time": "12:30:00",
        "span": 90.0,
        "uuid": str(key),
        "decimal": "0.10",
        "enum": "red",
        "path": "/etc/hosts",
        "mapping": {"a": [1, 2]},
        "dataclass": {"x": 1, "y": 2.5},
        "model": {"at": "2026-11-24T00:00:00Z"},
        "none": None,
    }
    assert json.loads(encode(MappingProxyType({"a": 1}))) == {"a": 1}
    assert json.loads(encode(Point(1, 2))) == {"x": 1, "y": 2}
    assert encode(None) == "{}"
    assert json.loads(encode_all([MappingProxyType({"a": 1}), {"b": 2}], [0, 1])) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "must be JSON"), ("{", "must be JSON"), ("{'a': 1}", "(column 2)"), ("null", "object, got null")],
)
def test_what_is_no_json_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidJobData) as refusal:
        parse(text)
    assert words in str(refusal.value)


async def test_a_block_larger_than_one_job_may_be() -> None:
    """The block is then looked over job by job; one of 1 MiB passes, a larger one is named."""
    large = {"a": "x" * (LARGEST - len('{"a": ""}'))}
    assert json.loads(encode_all([{}, large, {"b": 1}], [0, 1, 2])) == [{}, large, {"b": 1}]
    with pytest.raises(InvalidJobData, match=r"^job 1: .*1 MiB"):
        encode_all([large, {"a": large["a"] + "x"}], [0, 1])


async def test_numbers_with_exponents_are_measured_as_they_are_stored(connection: "asyncpg.Connection[Any]") -> None:
    data = {"a": [1e300, 5e-324, 1.5e-7] * 1600}
    assert len(encode(data)) < 60_000
    stored = await connection.fetchval("SELECT octet_length($1::text::jsonb::text)", encode(data))
    data["a"] *= 2
    with pytest.raises(InvalidJobData, match=f"got {2 * stored - len('{}') - 5} bytes"):
        encode(data)
    with pytest.raises(asyncpg.InvalidParameterValueError, match=f"got {2 * stored - len('{}') - 5} bytes"):
        await connection.execute("SELECT jobrunner.refuse_data($1::text::jsonb)", json.dumps(data))


LETTERS = st.text(st.characters(codec="utf-8") | st.sampled_from("\0\\u0{[\ud800")) | st.text(string.printable)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | LETTERS | st.integers(10**300, 10**320),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(LETTERS, inner, max_size=5),
    max_leaves=20,
)


def is_storable(value: Any) -> bool:
    """The rules once more, in the plainest way."""
    match value:
        case str():
            return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
        case float():
            return value == value and abs(value) != float("inf")
        case int():
            return abs(value) <= 17976931348623157 * 10**292
        case list():
            return all(map(is_storable, value))
        case dict():
            return all(map(is_storable, [*value, *value.values()]))
    return True


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(LETTERS, VALUES, max_size=4), min_size=1, max_size=4))
def test_every_kind_of_data(jobs: list[dict[str, Any]]) -> None:
    """H02: a block of any data is refused for the first job that cannot be stored, or becomes the JSON of them all."""
    bad = [index for index, data in enumerate(jobs) if not is_storable(data)]
    if bad:
        with pytest.raises(InvalidJobData, match=f"^job {bad[0]}: "):
            encode_all(jobs, range(len(jobs)))
    else:
        assert json.loads(encode_all(jobs, range(len(jobs)))) == jobs


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(LETTERS, VALUES, max_size=4))
def test_sql_refuses_the_same(data: dict[str, Any], line: "psycopg.Connection[Any]") -> None:
    """H02: the same data through `jsonb` and `jobrunner.refuse_data`."""
    try:
        line.execute("SELECT jobrunner.refuse_data(%s::text::jsonb)", [json.dumps(data)])
    except psycopg.DataError:
        assert not is_storable(data)
    else:
        assert is_storable(data)


@pytest.fixture
def line(database_url: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection
