"""Attachments: their names and types are checked where they enter, and come back."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.parts import Attachment, frame_for


@pytest.mark.parametrize(
    "name",
    ["a.txt", "two words.txt", 'quotes "x" \\ y.txt', "Übersicht.pdf", "資料😀.pdf", "semi;colon's%20.txt", "ä" * 127],
)
@pytest.mark.parametrize("content", [b"", b"x", b"line\r\n", bytes(range(256)) * 20])
def test_a_file_comes_back(name: str, content: bytes, parse: Callable[[bytes], EmailMessage]):
    raw = frame_for(html=False, attachments=[Attachment(name, content)]).fill(b"text\r\n", b"")

    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    (found,) = parse(raw).iter_attachments()
    assert isinstance(found, EmailMessage)
    assert (found.get_filename(), found.get_content()) == (name, content)


def test_a_mail_as_a_file_is_only_a_file(parse: Callable[[bytes], EmailMessage]):
    """RFC 2045, 6.4: a message within a message may not be base64, and ours are."""
    raw = frame_for(html=False, attachments=[Attachment("a.eml", b"Subject: x\r\n\r\n", "message/rfc822")])

    (found,) = parse(raw.fill(b"text\r\n", b"")).iter_attachments()
    assert found.get_content_type() == "application/octet-stream"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": "a\r\nX: y"}, "needs a name"),
        ({"name": "ä" * 128}, "needs a name"),
        ({"media_type": "png"}, "no media type"),
        ({"media_type": 'image/png; x="y"'}, "no media type"),
        ({"media_type": "image/png\n"}, "no media type"),
        ({"content_id": "<logo>"}, "cannot be the Content-ID"),
        ({"content_id": "a b"}, "cannot be the Content-ID"),
    ],
)
def test_what_cannot_stand_in_a_header_is_refused(changes: dict[str, str], reason: str):
    """H04."""
    with pytest.raises(InvalidInput, match=reason):
        Attachment(**({"name": "a", "content": b""} | changes))  # type: ignore[arg-type]
