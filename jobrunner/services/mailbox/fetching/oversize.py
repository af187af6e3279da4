"""Messages that are too large to be fetched whole: header and text now, the other parts when somebody wants them."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from jobrunner.services.mail.imap import Details, Mailbox, Part
from jobrunner.services.mail.importing.parsing import ParsedAttachment, ParsedMail
from jobrunner.services.mail.importing.parsing.filenames import safe_name

HEADER_LIMIT = 2 * 1024 * 1024
TEXT_LIMIT = 2 * 1024 * 1024
"""Octets of a part of text that is fetched all the same; a larger one is a file like any other."""
TEXTS_LIMIT = 4 * TEXT_LIMIT
"""Octets of all of them: they are held in the daemon's memory."""
CONTENT_FIELDS = (b"content-type:", b"content-transfer-encoding:", b"mime-version:", b"content-disposition:")
BOUNDARY = b"=_jobrunner_reduced"


async def fetch_reduced(mailbox: Mailbox, one: Details) -> tuple[bytes, list[Part]]:
    """Return a message of the header and the texts of a large one, and the parts that are not in it."""
    header = await _section(mailbox, one.uid, "HEADER", HEADER_LIMIT)
    texts: list[tuple[Part, bytes]] = []
    left: list[Part] = []
    room = TEXTS_LIMIT
    for part in _leaves(await mailbox.structure(one.uid)):
        is_text = part.content_type in ("text/plain", "text/html") and part.disposition != "attachment"
        if is_text and part.size <= min(room, TEXT_LIMIT):
            room -= part.size
            texts.append((part, await _section(mailbox, one.uid, part.section or "1", TEXT_LIMIT)))
        else:
            left.append(part)
    return _composed(header, texts), left


def with_parts(mail: ParsedMail, parts: Sequence[Part], size: int) -> ParsedMail:
    """Return the mail with what was not fetched listed among its attachments."""
    missing = [
        ParsedAttachment(
            safe_name(part.filename or "", part.content_type),
            part.content_type[:255],
            content_id=part.content_id,
            size=part.size,
            section=part.section or "1",
        )
        for part in parts
    ]
    return replace(mail, attachments=(*mail.attachments, *missing), size=size)


async def _section(mailbox: Mailbox, uid: int, section: str, limit: int) -> bytes:
    octets = b""
    windows = mailbox.windows(uid, limit, at_most=2 * limit, section=section)
    async with aclosing(windows):
        async for window in windows:
            octets += window
    return octets


def _leaves(part: Part) -> Iterator[Part]:
    if not part.parts:
        yield part
    for inner in part.parts:
        yield from _leaves(inner)


def _composed(header: bytes, texts: Sequence[tuple[Part, bytes]]) -> bytes:
    """Return header and texts as a multipart message."""
    kept: list[bytes] = []
    keeps = True
    for line in header.splitlines():
        if not line.strip():
            break
        if line[:1] not in b" \t":
            keeps = not line.lower().startswith(CONTENT_FIELDS)
        if keeps:
            kept.append(line)
    kept.append(b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="' + BOUNDARY + b'"\r\n')
    for part, text in texts:
        charset = f'; charset="{part.charset}"' if part.charset and '"' not in part.charset else ""
        encoding = part.encoding if part.encoding.replace("-", "").isalnum() else "8bit"
        fields = f"Content-Type: {part.content_type}{charset}\r\nContent-Transfer-Encoding: {encoding}\r\n"
        kept.append(b"--" + BOUNDARY + b"\r\n" + fields.encode("ascii", "replace") + b"\r\n" + text)
    kept.append(b"--" + BOUNDARY + b"--\r\n")
    return b"\r\n".join(kept)
