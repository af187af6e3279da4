"""Messages as DATA carries them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.smtp.wire import wire_form


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\r\n.\rb", b"a\r\n\r\n..\r\nb\r\n.\r\n"),
        (b".a\n..b\n", b"..a\r\n...b\r\n.\r\n"),
    ],
)
def test_line_ends_are_crlf_and_dots_are_stuffed(message: bytes, expected: bytes):
    """H05."""
    assert wire_form(message) == expected


@pytest.mark.parametrize("message", [b"a\0b", b"x" * 999 + b"\r\n", b"x" * 5000])
def test_what_may_not_be_sent_is_refused(message: bytes):
    with pytest.raises(InvalidInput, match="the message h"):
        wire_form(message)


@given(st.binary() | st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n"])).map(b"".join))
def test_exactly_one_message_arrives(message: bytes):
    """H05."""
    if b"\0" in message:
        return
    wire = wire_form(message)

    assert wire.endswith(b".\r\n")
    body = wire.removesuffix(b".\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", wire)
    assert b"\r\n.\r\n" not in b"\r\n" + body
    assert re.sub(rb"(?m)^\.\.", b".", body).split() == re.sub(rb"\r\n|\r|\n", b"\n", message).split()


LINES = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 76, 500, 996, 997, 998, 999, 1000]), st.sampled_from([b"\r\n"] * 9 + [b"\n"])),
    max_size=8,
)


@given(LINES)
def test_a_line_is_too_long_wherever_it_stands(lines: list[tuple[int, bytes]]):
    message = b"".join(b"x" * length + end for length, end in lines)
    if any(length > 998 for length, _ in lines):
        with pytest.raises(InvalidInput, match="998 are allowed"):
            wire_form(message)
    else:
        assert wire_form(message) == b"".join(b"x" * length + b"\r\n" for length, _ in lines) + b".\r\n"


def test_what_is_in_its_wire_form_is_not_looked_at_again():
    wire = wire_form(b".\r\n")
    assert wire == b"..\r\n.\r\n"
    assert wire_form(wire) is wire
    assert wire_form(bytes(wire)) == b"...\r\n..\r\n.\r\n", "a message may look like one"
