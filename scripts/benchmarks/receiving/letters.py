"""A mailbox of a realistic mix: short notes, letters in HTML, files, newsletters, answers; and one large message.

Half of the messages are smaller than 8 KB, one in six has a file, the mean is some 30 KB. They differ in all that they
say, so that nothing is stored once for several.
"""

import base64
import quopri
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime
from random import Random

SEED = 20261125
BEGIN = datetime(2026, 11, 2, 8, tzinfo=UTC)
WORDS = (
    *("offer", "market", "harbour", "invoice", "meeting", "Tuesday", "shipment", "answer", "price", "contract"),
    *("delivery", "please", "attached", "regards", "number", "reference", "warehouse", "schedule", "draft", "version"),
    *("review", "signed", "partner", "question", "details", "deadline", "budget", "order", "thanks", "forward"),
    *("tomorrow", "customer", "project", "estimate", "correction", "Grüße", "Köln", "naïve", "façade", "Łódź"),
)
NAMES = ("Ann Archer", "Bob Baker", "Carla Münster", "Dmitri Orlov", "Eve Łukasik", "Finn O'Hara", "Gül Yılmaz")
FILES = (("pdf", "application/pdf"), ("docx", "application/octet-stream"), ("png", "image/png"), ("csv", "text/csv"))
KINDS = ("note", "letter", "newsletter", "picture", "file", "large file")
SHARES = (48, 27, 8, 2.5, 14, 0.5)
LINE = 76


def mailbox(count: int) -> Iterator[bytes]:
    """Yield so many messages, always the same ones."""
    writer = _Writer(Random(SEED))
    for number in range(count):
        yield writer.message(number)


def large(octets: int) -> bytes:
    """Return a message of about that size: a text and one file."""
    chance = Random(SEED + 1)
    writer = _Writer(chance)
    file = _file(chance.randbytes(octets * 57 // 78), "application/zip", "film.zip")
    return writer.header("large", "The large one") + _multipart("mixed", [writer.text(2000), file], "large")


def letter(subject: str) -> bytes:
    """Return a short note with that subject."""
    writer = _Writer(Random(subject))
    return writer.header(subject.replace(" ", "-"), subject) + writer.text(1500)


class _Writer:
    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._paragraphs = [" ".join(chance.choices(WORDS, k=chance.randint(20, 90))) + "." for _ in range(400)]

    def message(self, number: int) -> bytes:
        """Write one."""
        chance = self._chance
        (kind,) = chance.choices(KINDS, SHARES)
        subject = " ".join(chance.choices(WORDS, k=chance.randint(2, 9))) + f" {number}"
        answered = chance.randrange(max(0, number - 500), number) if number and chance.random() < 0.3 else None
        head = self.header(str(number), subject, answered, is_news=kind == "newsletter")
        mark = f"{number}-{chance.getrandbits(64):x}"
        match kind:
            case "note":
                return head + self.text(chance.randint(300, 4000))
            case "letter":
                return head + self._alternative(mark, chance.randint(4_000, 30_000))
            case "newsletter":
                return head + self._alternative(mark, chance.randint(30_000, 90_000))
            case "picture":
                picture = _file(chance.randbytes(chance.randint(5_000, 40_000)), "image/png", "logo.png", "logo@here")
                page = self._html(5_000, '<img src="cid:logo@here">')
                return head + _multipart("related", [page, picture], mark)
        octets = chance.randint(1_000_000, 2_500_000) if kind == "large file" else int(chance.lognormvariate(10.6, 0.9))
        ending, content_type = chance.choice(FILES)
        file = _file(chance.randbytes(octets), content_type, f"{chance.choice(WORDS)} {number}.{ending}")
        return head + _multipart("mixed", [self._alternative(mark + "a", 6_000), file], mark)

    def header(self, id: str, subject: str, answered: int | None = None, *, is_news: bool = False) -> bytes:
        """Write what stands before the content, as it looks behind a few servers."""
        chance = self._chance
        sent = BEGIN + timedelta(seconds=chance.randint(0, 1_500_000))
        sender, address = chance.choice(NAMES), f"user{chance.randint(0, 3000)}@example{chance.randint(0, 60)}.com"
        hops = "".join(
            f"Received: from mx{hop}.example.net (mx{hop}.example.net [192.0.2.{chance.randint(1, 250)}])\r\n"
            f"\tby in{hop}.example.org (Postfix) with ESMTPS id {chance.getrandbits(40):X}\r\n"
            f"\tfor <ann@example.org>; {format_datetime(sent)}\r\n"
            for hop in range(3)
        )
        signature = base64.b64encode(chance.randbytes(256)).decode()
        folded = "\r\n\t ".join(signature[at : at + 70] for at in range(0, len(signature), 70))
        fields = [
            f"Return-Path: <{address}>",
            "Delivered-To: ann@example.org",
            f"{hops}DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1;\r\n\t"
            f" h=from:to:subject:date:message-id:mime-version; bh={signature[:44]};\r\n\t b={folded}",
            "Authentication-Results: in.example.org; dkim=pass header.d=example.com; spf=pass; dmarc=pass",
            f"From: {_word(sender)} <{address}>",
            "To: Ann <ann@example.org>" + (", Team <team@example.org>" if chance.random() < 0.3 else ""),
            f"Subject: {_word(subject)}",
            f"Date: {format_datetime(sent)}",
            f"Message-ID: <{id}.{SEED}@example.com>",
            "MIME-Version: 1.0",
        ]
        if chance.random() < 0.2:
            fields.append(f"Cc: {_word(chance.choice(NAMES))} <cc{chance.randint(0, 99)}@example.org>")
        if answered is not None:
            fields.append(f"In-Reply-To: <{answered}.{SEED}@example.com>")
            fields.append(f"References: <first@example.com>\r\n\t<{answered}.{SEED}@example.com>")
        if is_news:
            fields += ["List-Unsubscribe: <https://news.example.com/out>", "Precedence: bulk"]
        return "\r\n".join(fields).encode() + b"\r\n"

    def text(self, octets: int) -> bytes:
        """Write a part of plain text."""
        return _part(self._prose(octets, "\r\n\r\n").encode(), "text/plain; charset=utf-8", "quoted-printable")

    def _alternative(self, mark: str, octets: int) -> bytes:
        return _multipart("alternative", [self.text(octets // 4), self._html(octets)], f"{mark}-alt")

    def _html(self, octets: int, inside: str = "") -> bytes:
        style = 'style="margin:0 0 12px 0;font-family:Arial,sans-serif;font-size:14px;color:#333333"'
        body = self._prose(octets * 2 // 3, f"</p>\r\n<p {style}>")
        page = f"<html><head><title>A letter</title></head><body>{inside}<p {style}>{body}</p></body></html>\r\n"
        return _part(page.encode(), "text/html; charset=utf-8", "quoted-printable")

    def _prose(self, octets: int, between: str) -> str:
        pieces: list[str] = []
        size = 0
        while size < octets:
            pieces.append(self._chance.choice(self._paragraphs))
            size += len(pieces[-1]) + len(between)
        return between.join(pieces)


def _word(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=70).encode(linesep="\r\n")


def _part(content: bytes, content_type: str, encoding: str, *more: str) -> bytes:
    encoded = quopri.encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return _fields(content_type, encoding, *more) + encoded + b"\r\n"


def _fields(content_type: str, encoding: str, *more: str) -> bytes:
    fields = [f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}", *more]
    return "\r\n".join(fields).encode() + b"\r\n\r\n"


def _file(content: bytes, content_type: str, name: str, id: str | None = None) -> bytes:
    shown = f"inline; filename={name}" if id else f'attachment; filename="{_word(name)}"'
    ids = [f"Content-ID: <{id}>"] if id else []
    encoded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return _fields(content_type, "base64", f"Content-Disposition: {shown}", *ids) + encoded


def _multipart(subtype: str, parts: list[bytes], mark: str) -> bytes:
    boundary = f"=_{mark}"
    inside = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode()
    return head + inside + b"--" + boundary.encode() + b"--\r\n"
