"""Bodies of pieces and values: decoded they are the text that stands in the template."""

import binascii
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.body import clean_lines, quoted_printable
from jobrunner.services.mail.composing.segments import Body, Slot
from tests.services.mail.composing.samples import HARD, expected, texts


def decode(encoded: bytes) -> str:
    """Decode, after having looked at every line."""
    assert encoded.endswith(b"\r\n")
    for line in encoded.removesuffix(b"\r\n").split(b"\r\n"):
        assert re.fullmatch(rb"([!-<>-~ \t]|=[0-9A-F]{2})*=?", line), line
        assert not line.endswith((b" ", b"\t"))
        assert len(line) <= 76
    return binascii.a2b_qp(encoded).decode().replace("\r\n", "\n")


def test_a_value_stands_in_the_line_where_there_is_room():
    body = Body(["Dear ", Slot("name"), ",\nyour number is ", Slot("number"), ".\n"])

    assert body.encode({"name": "Ann", "number": "7"}) == b"Dear=20Ann,\r\nyour number is=207=2E\r\n"


def test_one_name_may_have_several_places():
    body = Body([Slot("x"), "-", Slot("x")])

    assert body.encode({"x": "a"}) == b"a-a\r\n"


def test_a_long_value_is_broken_softly():
    body = Body(["Go to ", Slot("url"), " today\n"])
    url = "https://example.com/?a=" + "b" * 200

    assert decode(body.encode({"url": url})) == f"Go to {url} today\n"


@pytest.mark.parametrize("width", range(70, 80))
@pytest.mark.parametrize("behind", ["", "b", "b" * 74, "b" * 75, "b" * 76, "\n", " \n"])
def test_borders_near_the_end_of_a_line(width: int, behind: str):
    body = Body(["a" * width, Slot("x"), behind, Slot("x"), behind])

    for value in ["", "v", "=", " ", "\n", "é", "v" * 75, "v" * 76]:
        assert decode(body.encode({"x": value})) == expected(f"{'a' * width}{value}{behind}{value}{behind}")


@pytest.mark.parametrize("fixed", HARD)
def test_what_is_hard_to_carry(fixed: str):
    body = Body([fixed, Slot("x"), fixed])
    fixed = clean_lines(fixed)

    for value in HARD:
        assert decode(body.encode({"x": value})) == expected(f"{fixed}{clean_lines(value)}{fixed}")


segments = st.lists(st.one_of(texts, st.sampled_from("abc").map(Slot)), max_size=9)


@settings(deadline=None, max_examples=300)
@given(segments, st.fixed_dictionaries(dict.fromkeys("abc", texts)))
def test_any_text_comes_back(template: list[str | Slot], values: dict[str, str]):
    whole = "".join(clean_lines(values[s.name] if isinstance(s, Slot) else s) for s in _joined(template))

    assert decode(Body(template).encode(values)) == expected(whole)


@settings(deadline=None)
@given(texts)
def test_a_text_without_values_is_encoded_as_a_whole_one(text: str):
    assert decode(Body([text]).encode({})) == decode(quoted_printable(text))


def test_a_place_without_a_value_is_named():
    with pytest.raises(InvalidInput, match="place for 'name', for which there is no value"):
        Body([Slot("name")]).encode({"other": ""})


def _joined(template: list[str | Slot]) -> list[str | Slot]:
    """Join neighbouring pieces: a CR at the end of one and the LF of the next are one line end."""
    joined: list[str | Slot] = []
    for segment in template:
        if isinstance(segment, str) and joined and isinstance(joined[-1], str):
            joined[-1] += segment
        else:
            joined.append(segment)
    return joined
