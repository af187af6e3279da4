"""Octets into answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.services.mail.imap.fault import Fault, LineBroken
from jobrunner.services.mail.imap.receiving import BLANK_LINES, MIB, PIECES_LIMIT, Caps, Pieces, Receiver

LARGE = Caps(octets=100 * MIB, line=MIB, literal=MIB)


def read(data: bytes, caps: Caps = LARGE) -> list[Pieces]:
    return list(Receiver(caps).feed(data))


def test_lines_and_literals():
    data = b"* 1 FETCH (BODY[] {5}\r\na\r\n)b UID 3)\r\nA1 OK done\r\n"
    assert read(data) == [[b"* 1 FETCH (BODY[] {5}", b"a\r\n)b", b" UID 3)"], [b"A1 OK done"]]


def test_empty_literals_and_two_in_one_answer():
    assert read(b"* X {0}\r\n {2}\r\nab)\r\n") == [[b"* X {0}", b"", b" {2}", b"ab", b")"]]


def test_a_line_that_ends_with_lf_alone():
    assert read(b"* OK a\n* OK b\r\n") == [[b"* OK a"], [b"* OK b"]]


@pytest.mark.parametrize("line", [b"* OK weird {3}", b"A1 NO [ALERT] no {12}", b"+ go {4}", b"* bye now {1}"])
def test_braces_in_free_text_announce_nothing(line: bytes):
    assert read(line + b"\r\n* OK\r\n") == [[line], [b"* OK"]]


piece = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b"").replace(b"}", b""))


@given(st.lists(st.lists(st.tuples(piece, st.binary(max_size=3000)), max_size=4), max_size=8), st.data())
def test_however_it_is_cut_the_same_is_read(answers: list[list[tuple[bytes, bytes]]], data: st.DataObject):
    stream, expected = b"", []
    for answer in answers:
        pieces = []
        for text, literal in answer:
            line = b"* x" + text + b"{%d}" % len(literal)
            pieces += [line, literal]
            stream += line + b"\r\n" + literal
        pieces.append(b"* end")
        stream += b"* end\r\n"
        expected.append(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20).map(sorted))
    receiver, found = Receiver(LARGE), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += list(receiver.feed(stream[start:end]))
    assert found == expected
    assert receiver.between_answers


def test_fifteen_hundred_short_lines_in_one_read():
    """H23: one after the other, not one within the other."""
    assert len(read(b"* 1 EXISTS\r\n" * 150_000)) == 150_000


def test_a_line_without_end():
    """H23: refused at its limit, and not looked at from its beginning each time."""
    receiver = Receiver(Caps(octets=2 * MIB, line=MIB))
    for _ in range(1024):
        assert list(receiver.feed(b"x" * 1024)) == []
    with pytest.raises(LineBroken, match="a line of more than 1048576") as caught:
        list(receiver.feed(b"x"))
    assert caught.value.fault is Fault.FLOOD


@pytest.mark.parametrize("size", [10**12, 10**30, 65 * 1024])
def test_a_literal_that_is_too_large_is_refused_when_it_is_announced(size: int):
    """H23."""
    with pytest.raises(LineBroken, match=f"a part of {str(size)[:20]}"):
        read(b"* 1 FETCH (BODY[] {%d}\r\n" % size, Caps())


def test_an_answer_without_end():
    """H23: lines and literals within their limits, one after the other for ever."""
    receiver, answer = Receiver(Caps(octets=MIB)), b"* 1 FETCH (X {3}\r\nabc)\r\n"
    for _ in range(MIB // len(answer)):
        list(receiver.feed(answer))
    with pytest.raises(LineBroken, match="did not end"):
        list(receiver.feed(answer))


def test_one_answer_of_countless_parts():
    """H23."""
    with pytest.raises(LineBroken, match="parts"):
        read(b"* X" + b"{0}\r\n" * (PIECES_LIMIT + 1))


def test_blank_lines():
    """H23: some are passed over, since servers send them; more are no IMAP."""
    assert read(b"\r\n" * BLANK_LINES + b"* OK\r\n") == [[b"* OK"]]
    with pytest.raises(LineBroken, match="blank lines"):
        read(b"\r\n" * (BLANK_LINES + 1))


def test_what_is_allowed_adds_up_while_several_commands_run():
    receiver = Receiver()
    receiver.allow(Caps(octets=100, line=10))
    receiver.allow(Caps(octets=100, line=20), more=True)
    for _ in range(10):
        list(receiver.feed(b"* 18 characters...\r\n"))
    with pytest.raises(LineBroken):
        list(receiver.feed(b"\r"))
