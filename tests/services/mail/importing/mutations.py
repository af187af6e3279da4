"""A generator of broken mails: good ones, cut, shuffled, filled with what nobody should send."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.services.mail.importing.letters import HEAD, letter, multipart, part, rich

WORDS = [
    b"\x00",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"=?utf-8?b?",
    b"=?utf-7?q?+2AA-?=",
    b"=?x-foo?q?=FF?=",
    b"?=",
    b"--=_b\r\n",
    b"--=_b--\r\n",
    b"<",
    b">",
    b'"',
    b"(",
    b"\\",
    b";",
    b",",
    b":",
    b"@",
    b"%00",
    b'Content-Type: multipart/mixed; boundary="=_b"\r\n',
    b"Content-Type: message/rfc822\r\n",
    b"charset=utf-16\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: x-uuencode\r\n",
    b"Message-ID: <[a]@x>\r\n",
    b'Content-Type: text/html; charset="unicode_escape"\r\n',
    b"filename*0*=utf-16''%D8%00",
    b"filename*=x''%00%ff",
    b"Date: Thu, 99 Foo 99999 99:99:99 +9999\r\n",
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
    b"Final-Recipient: ;\r\n",
    b"\xe2\x80\xae",
    b"&#0;&#xD800;&#x110000;",
    b"<!--",
    b"cid:",
    b"\x1b[2J",
    b"Return-Path: <>\r\n",
]
DATA = next(iter(Path(sys.modules["email"].__file__ or "").parents[1].glob("test/test_email/data")), None)


def corpus() -> list[bytes]:
    """Mails to begin with: our own, and where this Python has them those of its own tests."""
    report = multipart(
        part(b"Sorry"),
        part(
            b"Reporting-MTA: dns;x\r\n\r\nFinal-Recipient: rfc822;a@b.c\r\nAction: failed\r\n",
            "message/delivery-status",
        ),
        part(letter(), "message/rfc822"),
        kind="report; report-type=delivery-status",
        head="From: MAILER-DAEMON@x\r\nTo: a@example.org\r\n",
    )
    picture = part(b"R0lG", "image/gif", Content_ID="<a>", Content_Transfer_Encoding="base64")
    related = HEAD.encode() + multipart(part(b'<img src="cid:a">', "text/html"), picture, kind="related")
    ours = [
        letter(),
        rich(),
        report,
        related,
        letter("Grüße".encode("utf-16"), Content_Type="text/plain; charset=utf-16"),
    ]
    return ours + ([path.read_bytes() for path in sorted(DATA.glob("msg_*.txt"))] if DATA is not None else [])


def mutated(seed: int) -> Iterator[bytes]:
    """Broken mails without end, the same for the same seed."""
    chance = random.Random(seed)
    seeds = corpus()
    while True:
        source = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            at = chance.randint(0, len(source))
            match chance.randrange(7):
                case 0:
                    source[at:at] = chance.choice(WORDS) * chance.choice([1, 1, 1, 50])
                case 1:
                    del source[at : at + chance.randint(1, 60)]
                case 2:
                    source[at : at + 4] = chance.randbytes(4)
                case 3:
                    del source[at:]
                case 4:
                    end = at + chance.randint(1, 200)
                    source[at:at] = source[at:end] * chance.randint(1, 4)
                case 5:
                    lines = bytes(source).split(b"\n")
                    chance.shuffle(lines[: len(lines) // 2])
                    place = chance.randrange(len(lines))
                    lines[place] = chance.choice(WORDS) + lines[place]
                    source = bytearray(b"\n".join(lines))
                case _:
                    other = chance.choice(seeds)
                    source[at:at] = other[chance.randint(0, len(other)) :]
        yield bytes(source)
