"""What of a message is read and what is saved: text, HTML, calendar, and files."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from html import escape, unescape
from urllib.parse import unquote

from jobrunner.services.mail.importing.parsing.charset import decode
from jobrunner.services.mail.importing.parsing.entity import Entity
from jobrunner.services.mail.importing.parsing.filenames import UNNAMED, extension_for, safe_name, type_for
from jobrunner.services.mail.importing.parsing.limits import Limits
from jobrunner.services.mail.importing.parsing.parsed import ParsedAttachment
from jobrunner.services.mail.importing.parsing.plain import text_of_html
from jobrunner.services.mail.importing.parsing.words import one_line

CALENDARS = ("text/calendar", "application/ics")
ICS_OCTETS = 1024 * 1024
MESSAGES = ("message/rfc822", "message/global")
SHOWN = re.compile(r"cid:([^\s\"'<>()]{1,300})", re.IGNORECASE)
OCTETS_PER_CHARACTER = 8
"""At most, transfer encoding included: so much of the source is read for so many characters."""


@dataclass(slots=True)
class Found:
    """What was found; the files with the parts that they are in, still to be decoded."""

    text: str = ""
    html: str | None = None
    ics: str | None = None
    files: list[tuple[Entity, ParsedAttachment]] = field(default_factory=list)


@dataclass(slots=True)
class _Passage:
    """A stretch of what is read: text, HTML, or one of them for the other's sake (multipart/alternative)."""

    text: str | None = None
    html: str | None = None


class _Reader:
    def __init__(self, limits: Limits) -> None:
        self._room = [limits.body, limits.body]
        """Characters that may still come: of text, of HTML."""
        self.passages: list[_Passage] = []
        self.files: list[Entity] = []
        self.ics: str | None = None

    def read(self, entity: Entity, alternative: _Passage | None = None) -> None:
        """Read a message or part. The depth is limited already, so it may recurse."""
        if entity.children:
            kind = entity.content_type.value
            if kind == "multipart/alternative" and alternative is None:
                alternative = _Passage()
                self.passages.append(alternative)
            for child in entity.children:
                self.read(child, alternative)
            return
        kind = entity.content_type.value
        if kind in CALENDARS and self.ics is None:
            self.ics = self._text(entity, ICS_OCTETS)
        if self._is_read(entity, kind):
            self._take(entity, kind, alternative)
        else:
            self.files.append(entity)

    def _is_read(self, entity: Entity, kind: str) -> bool:
        # A multipart without boundary, or without parts, is shown as the text that it is.
        if not (kind in ("text/plain", "text/html") or kind.startswith("multipart/")):
            return False
        if entity.disposition.value == "attachment":
            return False
        named = "filename" in entity.disposition.parameters or "name" in entity.content_type.parameters
        # Some senders name the body; a file that follows it is one.
        return not named or (not self.passages and entity.disposition.value != "attachment" and not self.files)

    def _take(self, entity: Entity, kind: str, alternative: _Passage | None) -> None:
        room = self._room[kind == "text/html"]
        text = self._text(entity, room * OCTETS_PER_CHARACTER)
        if len(text) > room or entity.octets > room * OCTETS_PER_CHARACTER:
            text = text[:room]
            self.files.append(entity)
            if not room:
                return
        self._room[kind == "text/html"] -= len(text)
        if kind != "text/html":
            text = text.replace("\r\n", "\n")
        passage = alternative
        if passage is None:
            passage = _Passage()
            self.passages.append(passage)
        if kind == "text/html":
            passage.html = text if passage.html is None else f"{passage.html}<br>{text}"
        else:
            passage.text = text if passage.text is None else f"{passage.text}\n{text}"

    def _text(self, entity: Entity, most: int) -> str:
        return decode(entity.content(most), entity.content_type.parameters.get("charset"))


def read_body(root: Entity, limits: Limits) -> Found:
    """Return what is read in a message, and its files."""
    reader = _Reader(limits)
    reader.read(root)
    passages = [passage for passage in reader.passages if passage.text is not None or passage.html is not None]
    found = Found(ics=reader.ics)
    if any(passage.html is not None for passage in passages):
        found.html = "<br>".join(p.html if p.html is not None else _as_html(p.text or "") for p in passages)
    texts = [p.text if p.text is not None and (p.text.strip() or p.html is None) else None for p in passages]
    found.text = "\n".join(
        text if text is not None else text_of_html(p.html or "") for text, p in zip(texts, passages, strict=True)
    )
    # What stands for the other kind is made of it, and may be longer.
    found.text, found.html = found.text[: limits.body], found.html and found.html[: limits.body]
    shown = {unquote(id).lower() for id in SHOWN.findall(unescape(found.html))} if found.html else set[str]()
    found.files = [(entity, _describe(entity, number, shown)) for number, entity in enumerate(reader.files, 1)]
    return found


def _as_html(text: str) -> str:
    return escape(text, quote=False).replace("\n", "<br>\n")


def _describe(entity: Entity, number: int, shown: Collection[str]) -> ParsedAttachment:
    kind = entity.content_type.value
    name = entity.disposition.parameters.get("filename") or entity.content_type.parameters.get("name") or ""
    if name:
        name = safe_name(name, kind)
    elif kind in MESSAGES:
        name = f"message-{number}.eml"
    elif kind.startswith("multipart/"):
        name = UNNAMED
    else:
        name = UNNAMED + extension_for(kind)
    content_id = content_id_of(entity)
    is_inline = content_id is not None and content_id.lower() in shown
    return ParsedAttachment(name, type_for(name, kind)[:255], content_id=content_id, is_inline=is_inline)


def content_id_of(entity: Entity) -> str | None:
    """Return the part's Content-ID without brackets, as `cid:` names it."""
    raw = entity.first("content-id")
    text = one_line(decode(raw)).strip("<> ") if raw is not None else ""
    return text[:255] or None
