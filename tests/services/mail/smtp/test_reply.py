"""Replies, taken apart from octets in pieces of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.services.mail.smtp.reply import LINE_LIMIT, Nonsense, Replies, Reply


def read(*pieces: bytes) -> list[Reply]:
    replies = Replies()
    for piece in pieces:
        replies.feed(piece)
    assert not replies.partial
    return list(replies.ready)


def test_several_in_one_piece():
    assert read(b"250 2.1.0 ok\r\n550-5.1.1 no\r\n550-5.1.1 such\r\n550 5.1.1 user\r\n354\r\n250 \n") == [
        Reply(250, b"2.1.0 ok"),
        Reply(550, b"5.1.1 no\n5.1.1 such\n5.1.1 user"),
        Reply(354, b""),
        Reply(250, b""),
    ]


def test_an_enhanced_code_that_every_line_repeats_is_said_once():
    (reply,) = read(b"550-5.1.1 no\r\n550-5.1.1 such \xff\r\n550 user 5.1.1 here\r\n")

    assert reply.text == "5.1.1 no\nsuch \ufffd\nuser 5.1.1 here"


@given(st.data())
def test_pieces_of_any_size_give_the_same(data: st.DataObject):
    """F50."""
    texts = st.binary(max_size=20).map(lambda octets: octets.translate(None, b"\r\n"))
    whole, expected = b"", []
    for code, lines in data.draw(
        st.lists(st.tuples(st.integers(200, 599), st.lists(texts, min_size=1, max_size=3)), max_size=5)
    ):
        whole += b"".join(b"%d-%s\r\n" % (code, line) for line in lines[:-1]) + b"%d %s\r\n" % (code, lines[-1])
        expected.append(Reply(code, b"\n".join(lines)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert read(*pieces) == expected


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"25\r\n",
        b"hello\r\n",
        b"999 what\r\n",
        b"150 wait\r\n",
        b"250x\r\n",
        b"25\xb2 superscript\r\n",
        b"250-one\r\n251 two\r\n",
        b"x" * (LINE_LIMIT + 1),
        b"250 " + b"x" * LINE_LIMIT + b"\r\n",
        b"250-and so on\r\n" * 5000,
    ],
)
def test_what_is_no_reply(octets: bytes):
    """F50: nor does it take memory without an end."""
    replies = Replies()
    replies.feed(b"220 first\r\n")

    with pytest.raises(Nonsense):
        replies.feed(octets)
    assert list(replies.ready) == [Reply(220, b"first")]
