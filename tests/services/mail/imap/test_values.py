"""The values in an answer."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.services.mail.imap.fault import LineBroken
from jobrunner.services.mail.imap.values import (
    Value,
    number,
    parse_internal_date,
    parse_items,
    parse_values,
    write_internal_date,
)


def test_an_answer_to_fetch():
    pieces = [b'3 FETCH (UID 9 FLAGS (\\Seen $Junk) X NIL INTERNALDATE "a" BODY[] {3}', b"a)(", b" Y 5)"]
    assert parse_items(pieces) == {
        b"UID": b"9",
        b"FLAGS": [b"\\Seen", b"$Junk"],
        b"X": None,
        b"INTERNALDATE": b"a",
        b"BODY[]": b"a)(",
        b"Y": b"5",
    }


def test_names_with_blanks_and_parentheses():
    items = parse_items([b'1 FETCH (BODY[HEADER.FIELDS (MESSAGE-ID "X")]<0> "x" uid 4)'])
    assert items == {b'BODY[HEADER.FIELDS (MESSAGE-ID "X")]<0>': b"x", b"UID": b"4"}


def test_parentheses_and_escapes_in_strings():
    r"""The library counts parentheses, in strings too, and takes the following lines for part of this answer."""
    assert parse_values([b'A "(" (B ")) \\" \\\\" C)']) == [b"A", b"(", [b"B", b')) " \\', b"C"]]


@pytest.mark.parametrize("line", [b"1 FETCH (UID 4", b"1 FETCH UID 4)", b'1 FETCH ("a)', b"1 FETCH (UID)", b"1 FETCH"])
def test_what_does_not_match_is_no_answer(line: bytes):
    with pytest.raises(LineBroken):
        parse_items([line])


@pytest.mark.parametrize("line", [b"(" * 60_000, b'\\"' * 30_000, b'"' + b'\\"' * 30_000, b"BODY[" * 13_000])
def test_hostile_lines_are_looked_at_once(line: bytes):
    """H23: each of these cost a second or more to an expression that goes back and tries again."""
    started = datetime.now(UTC)
    try:
        parse_values([line])
    except LineBroken:
        pass
    assert datetime.now(UTC) - started < timedelta(seconds=0.5)


values = st.recursive(
    st.none() | st.binary(max_size=20),
    lambda below: st.lists(below, max_size=4),
    max_leaves=20,
)


@given(st.lists(values, max_size=5))
def test_what_is_written_is_read(given_values: list[Any]):
    pieces = [b""]
    for value in given_values:
        write(value, pieces)
    assert parse_values(pieces) == given_values


def write(value: Value, pieces: list[bytes]) -> None:
    """As a server would: what a quoted string cannot hold as a literal."""
    match value:
        case None:
            pieces[-1] += b" NIL"
        case list():
            pieces[-1] += b" ("
            for inner in value:
                write(inner, pieces)
            pieces[-1] += b")"
        case bytes() if b"\r" in value or b"\n" in value or len(value) % 3 == 0:
            pieces[-1] += b" {%d}" % len(value)
            pieces += [value, b""]
        case bytes():
            pieces[-1] += b' "' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


@given(st.binary(max_size=300))
def test_whatever_comes_is_values_or_refused(line: bytes):
    try:
        parse_values([line])
    except LineBroken:
        pass


def test_internal_dates():
    expected = datetime(1994, 2, 7, 21, 52, 25, tzinfo=timezone(-timedelta(hours=8)))
    assert parse_internal_date(b" 7-Feb-1994 21:52:25 -0800") == expected
    assert parse_internal_date(b"07-Feb-1994 21:52:25 -0800") == expected
    assert write_internal_date(expected) == '" 7-Feb-1994 21:52:25 -0800"'


@pytest.mark.parametrize("value", [None, [], b"", b"31-Feb-2024 00:00:00 +0000", b"1-Foo-2024 00:00:00 +0000", b"x"])
def test_what_is_no_date(value: Value):
    assert parse_internal_date(value) is None


def test_numbers():
    assert number(b"12") == 12
    assert [number(value) for value in (b"-1", b"1a", b"9" * 21, None, [b"1"], "٣".encode())] == [None] * 6
