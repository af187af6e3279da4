"""Bodies of pieces and values: decoded they are the text that stands in the template."""

import binascii
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.body import clean_lines, quoted_printable
from jobrunner.services.mail.composing.segments import Body
from tests.services.mail.composing.samples import HARD, Value, expected, texts, values_of

NAME, NUMBER = object(), object()


def decode(encoded: bytes) -> str:
    """Decode, after having looked at every line."""
    assert encoded.endswith(b"\r\n")
    for line in encoded.removesuffix(b"\r\n").split(b"\r\n"):
        assert re.fullmatch(rb"([!-<>-~ \t]|=[0-9A-F]{2})*=?", line), line
        assert not line.endswith((b" ", b"\t"))
        assert len(line) <= 76
    return binascii.a2b_qp(encoded).decode().replace("\r\n", "\n")


def test_a_value_stands_in_the_line_where_there_is_room():
    body = Body(["Dear ", NAME, ",\nyour number is ", NUMBER, ".\n"])

    assert body.encode(["Ann", "7"]) == b"Dear=20Ann,\r\nyour number is=207=2E\r\n"


def test_a_long_value_is_broken_softly():
    body = Body(["Go to ", NAME, " today\n"])
    url = "https://example.com/?a=" + "b" * 200

    assert decode(body.encode([url])) == f"Go to {url} today\n"


@pytest.mark.parametrize("width", range(70, 80))
@pytest.mark.parametrize("behind", ["", "b", "b" * 74, "b" * 75, "b" * 76, "\n", " \n"])
def test_borders_near_the_end_of_a_line(width: int, behind: str):
    body = Body(["a" * width, NAME, behind, NUMBER, behind])

    for value in ["", "v", "=", " ", "\n", "é", "v" * 75, "v" * 76]:
        assert decode(body.encode([value, value])) == expected(f"{'a' * width}{value}{behind}{value}{behind}")


@pytest.mark.parametrize("fixed", HARD)
def test_what_is_hard_to_carry(fixed: str):
    body = Body([fixed, NAME, fixed])
    fixed = clean_lines(fixed)

    for value in HARD:
        assert decode(body.encode([value])) == expected(f"{fixed}{clean_lines(value)}{fixed}")


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(texts, texts.map(Value)), max_size=9))
def test_any_text_comes_back(template: list[str | Value]):
    whole = "".join(clean_lines(s.text if isinstance(s, Value) else s) for s in _joined(template))

    assert decode(Body(template).encode(values_of(template))) == expected(whole)


@settings(deadline=None)
@given(texts)
def test_a_text_without_values_is_encoded_as_a_whole_one(text: str):
    assert decode(Body([text]).encode([])) == decode(quoted_printable(text))


def test_each_place_needs_a_value():
    for values in ([], ["a", "b"]):
        with pytest.raises(InvalidInput, match=f"has places for 1 values, got {len(values)}"):
            Body([NAME]).encode(values)


def _joined(template: list[str | Value]) -> list[str | Value]:
    """Join neighbouring pieces: a CR at the end of one and the LF of the next are one line end."""
    joined: list[str | Value] = []
    for segment in template:
        if isinstance(segment, str) and joined and isinstance(joined[-1], str):
            joined[-1] += segment
        else:
            joined.append(segment)
    return joined
