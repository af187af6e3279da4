"""The parts of a message and what stands between them, which is the same whatever the two bodies are.

multipart/mixed                only with attachments
    multipart/alternative      only with HTML; the text first
        text/plain
        multipart/related      only with inline images
            text/html
            images
    attachments
"""

import re
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.header import CONTROL, LINE_LIMIT

MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")
CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]+")
PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$&+.^_`{}~,()@-]+")
NAME_LIMIT = 255
"""Octets of a file name."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message.

    Raises:
        InvalidInput: one of its texts cannot stand in a header; says which.
    """

    name: str
    """Of the file."""
    content: bytes
    media_type: str = "application/octet-stream"
    content_id: str | None = None
    """Set: an inline image, shown where the HTML says `cid:` and this id."""

    def __post_init__(self) -> None:
        if not self.name or CONTROL.search(self.name) or len(self.name.encode()) > NAME_LIMIT:
            raise InvalidInput(
                f"an attachment needs a name of at most {NAME_LIMIT} octets without control characters, "
                f"got {self.name[:80]!r}"
            )
        if not MEDIA_TYPE.fullmatch(self.media_type) or len(self.media_type) > LINE_LIMIT // 2:
            raise InvalidInput(f"{self.media_type[:80]!r} is no media type, such as image/png (of {self.name!r})")
        if self.content_id is not None and not CONTENT_ID.fullmatch(self.content_id):
            raise InvalidInput(f"{self.content_id[:80]!r} cannot be the Content-ID of {self.name!r}")


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the two bodies, which both end with CRLF."""

    before_text: bytes
    """From MIME-Version, the end of the message's header, on."""
    before_html: bytes
    after_html: bytes

    def fill(self, text: bytes, html: bytes) -> bytes:
        """Return the message from MIME-Version on."""
        return b"".join((self.before_text, text, self.before_html, html, self.after_html))


class _Place(Enum):
    TEXT = auto()
    HTML = auto()


@dataclass(frozen=True, slots=True)
class _Part:
    fields: bytes
    content: Sequence[bytes | _Place]


def frame_for(*, html: bool, attachments: Sequence[Attachment]) -> Frame:
    """Return the frame of a message with these attachments; without HTML its place stays empty."""
    inline = [attachment for attachment in attachments if html and attachment.content_id is not None]
    others = [attachment for attachment in attachments if attachment not in inline]
    part = _body_part("plain", _Place.TEXT)
    if html:
        shown = _body_part("html", _Place.HTML)
        if inline:
            shown = _multipart("related", [shown, *map(_file_part, inline)], '; type="text/html"')
        part = _multipart("alternative", [part, shown])
    if others:
        part = _multipart("mixed", [part, *map(_file_part, others)])
    places: list[list[bytes]] = [[b"MIME-Version: 1.0\r\n", part.fields, b"\r\n"]]
    for piece in part.content:
        if isinstance(piece, _Place):
            places.append([])
        else:
            places[-1].append(piece)
    if not html:
        places.append([])
    before_text, before_html, after_html = map(b"".join, places)
    return Frame(before_text, before_html, after_html)


def _body_part(kind: str, place: _Place) -> _Part:
    fields = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    return _Part(fields.encode(), [place])


def _multipart(kind: str, parts: Sequence[_Part], parameters: str = "") -> _Part:
    # Neither quoted-printable nor base64 ever yields "=_", so no line of a part can be taken for a boundary.
    boundary = f"=_{kind}"
    content: list[bytes | _Place] = []
    for part in parts:
        content += [f"--{boundary}\r\n".encode(), part.fields, b"\r\n", *part.content]
    content.append(f"--{boundary}--\r\n".encode())
    return _Part(f'Content-Type: multipart/{kind}; boundary="{boundary}"{parameters}\r\n'.encode(), content)


def _file_part(attachment: Attachment) -> _Part:
    media_type = attachment.media_type
    if media_type.lower().startswith(("message/", "multipart/")):  # these may not be base64 (RFC 2045, 6.4)
        media_type = "application/octet-stream"
    disposition = "attachment" if attachment.content_id is None else "inline"
    fields = [
        f"Content-Type: {media_type}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {disposition};",
        f" {_file_name(attachment.name)}",
    ]
    if attachment.content_id is not None:
        fields.append(f"Content-ID: <{attachment.content_id}>")
    return _Part(
        "".join(f"{field}\r\n" for field in fields).encode(),
        [encodebytes(attachment.content).replace(b"\n", b"\r\n") or b"\r\n"],
    )


def _file_name(name: str) -> str:
    """Return the parameter, with a name in other alphabets as RFC 2231 has it."""
    if PLAIN_NAME.fullmatch(name):
        return f'filename="{name}"'
    return f"filename*=utf-8''{quote(name, safe='')}"
