"""Text, HTML and files of a message (mail-in.md, 9.4, 9.7 to 9.11)."""

import base64
import sys
from email import message_from_bytes
from pathlib import Path

import pytest

from jobrunner.services.mail.importing.parsing import parse
from jobrunner.services.mail.importing.parsing.charset import decode
from jobrunner.services.mail.importing.parsing.entity import read_entity
from jobrunner.services.mail.importing.parsing.filenames import safe_name
from jobrunner.services.mail.importing.parsing.plain import text_of_html
from tests.services.mail.importing.letters import HEAD, letter, multipart, part, rich


def test_a_mail_as_programs_write_it():
    mail = parse(rich())
    assert mail.subject == "Grüße"
    assert mail.text == "Grüße aus Köln\n"
    assert mail.html == "<p>Grüße aus <b>Köln</b></p>\n"
    (file,) = mail.attachments
    assert (file.name, file.content_type, file.size) == ("a.pdf", "application/pdf", 2816)
    assert file.content == bytes(range(256)) * 11
    assert mail.oddities == ()


# 4: character sets


@pytest.mark.parametrize(
    ("charset", "octets", "text"),
    [
        ("x-foo", "Grüße".encode(), "Grüße"),
        ("x-foo", "Grüße".encode("cp1252"), "Grüße"),
        ("utf8mb4", "Grüße 😀".encode(), "Grüße 😀"),
        ("iso-8859-1; format=flowed", "Grüße".encode("cp1252"), "Grüße"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("us-ascii", "Grüße".encode("cp1252"), "Grüße"),
        (None, "Grüße".encode(), "Grüße"),
        ("utf-8", "Grüße".encode("cp1252"), "Gr\ufffd\ufffde"),
        ("base64", b"YQ==", "YQ=="),
        ("zlib", b"x\x9cK\x04\x00", "xœK\x04"),
        ("punycode", b"a-b", "a-b"),
        ("utf-16", "Grüße".encode("utf-16"), "Grüße"),
        ("gb2312", "你好".encode("gb18030"), "你好"),
        ("iso-8859-1", b"\x80\x9f", "€Ÿ"),
        ("\0", b"a", "a"),
    ],
)
def test_character_sets(charset: str | None, octets: bytes, text: str):
    assert decode(octets, charset) == text


def test_a_transfer_encoding_that_nobody_knows():
    assert parse(letter("Grüße".encode(), Content_Transfer_Encoding="8-bit")).text == "Grüße"


@pytest.mark.parametrize(
    ("encoded", "octets"), [(b"YWJj", b"abc"), (b"YWJ", b"ab"), (b"Y W\nJj!", b"abc"), (b"Y", b""), (b"", b"")]
)
def test_base64_as_far_as_it_goes(encoded: bytes, octets: bytes):
    mail = parse(part(encoded, "image/png", Content_Transfer_Encoding="base64"))
    assert mail.attachments[0].content == octets


def test_uuencoded():
    mail = parse(part(b"begin 644 x\n#86)C\n`\nend\n", "image/png", Content_Transfer_Encoding="x-uuencode"))
    assert mail.attachments[0].content == b"abc"


# 7: multipart that is none


def test_a_multipart_without_boundary_is_shown_as_text():
    mail = parse(HEAD.encode() + part(b"--x\r\n\r\nHello\r\n--x--\r\n", "multipart/mixed"))
    assert mail.text == "--x\n\nHello\n--x--\n"


def test_a_multipart_without_its_delimiter_is_shown_as_text():
    mail = parse(HEAD.encode() + part(b"Hello\r\n", "multipart/mixed; boundary=b"))
    assert mail.text == "Hello\n"


def test_a_multipart_that_was_cut_off():
    source = HEAD.encode() + multipart(part(b"Hello"), part(b"%PDF", "application/pdf"))
    mail = parse(source[: source.index(b"%PDF") + 2])
    assert mail.text == "Hello"
    assert mail.attachments[0].content == b"%P"


def test_a_delimiter_must_stand_alone_in_its_line():
    body = multipart(part(b"a --=_b\r\n--=_bx\r\n--=_b-- x\r\nz"), boundary="=_b")
    assert parse(HEAD.encode() + body).text == "a --=_b\n--=_bx\n--=_b-- x\nz"


# 9: names


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\report.doc", "report.doc"),
        ("con", "_con"),
        ("CON.txt", "_CON.txt"),
        ("a" * 300 + ".pdf", "a" * 251 + ".pdf"),
        ("ü" * 300 + ".pdf", "ü" * 125 + ".pdf"),
        ("gpj\u202eexe.jpg", "gpjexe.jpg"),
        ("a\r\nb\0c.txt", "a b c.txt"),
        ("..", "unnamed.pdf"),
        ("", "unnamed.pdf"),
        ("/", "unnamed.pdf"),
        (".htaccess", "htaccess"),
        ('a<b>"c"?.txt', "a_b__c__.txt"),
        ("a. ", "a"),
    ],
)
def test_names(given: str, safe: str):
    """H08."""
    assert safe_name(given, "application/pdf") == safe
    assert len(safe.encode()) <= 255


@pytest.mark.parametrize(
    "parameters",
    [
        "filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf",
        'filename="=?utf-8?q?Gr=C3=BC=C3=9Fe=2Epdf?="',
        "filename*0*=utf-8''Gr%C3%BC; filename*1*=%C3%9Fe; filename*2=.pdf",
        'filename="Grüße.pdf"',
    ],
)
def test_encoded_names(parameters: str):
    source = HEAD.encode() + multipart(
        part(b"Hello"), part(b"x", "application/pdf", Content_Disposition=f"attachment; {parameters}")
    )
    assert parse(source).attachments[0].name == "Grüße.pdf"


def test_files_without_a_name():
    source = HEAD.encode() + multipart(
        part(b"Hello"),
        part(letter(), "message/rfc822"),
        part(b"x", "application/x-unheard-of"),
        part(b"x", "application/octet-stream; name=a.png"),
    )
    assert [(file.name, file.content_type) for file in parse(source).attachments] == [
        ("message-1.eml", "message/rfc822"),
        ("unnamed", "application/x-unheard-of"),
        ("a.png", "image/png"),
    ]


# 10: inline parts, several parts, calendars


def related(html: bytes, **image: str) -> bytes:
    return HEAD.encode() + multipart(part(html, "text/html"), part(b"GIF", "image/gif", **image), kind="related")


@pytest.mark.parametrize(
    ("html", "id", "inline"),
    [
        (b'<img src="cid:a@b">', "<a@b>", True),
        (b'<img src="CID:A%40b">', "a@b", True),
        (b"<div style='background:url(cid:a@b)'>", "<a@b>", True),
        (b"no picture", "<a@b>", False),
        (b'<img src="cid:a@bc">', "<a@b>", False),
    ],
)
def test_what_the_html_shows_is_inline(html: bytes, id: str, inline: bool):
    (file,) = parse(related(html, Content_ID=id, Content_Disposition="inline")).attachments
    assert (file.is_inline, file.content_id) == (inline, id.strip("<>"))


def test_inline_without_an_id_is_a_file():
    (file,) = parse(related(b"<p>", Content_Disposition="inline")).attachments
    assert (file.is_inline, file.content_id) == (False, None)


def test_several_parts_are_joined():
    texts = parse(HEAD.encode() + multipart(part(b"a"), part(b"b")))
    assert (texts.text, texts.html) == ("a\nb", None)
    both = parse(HEAD.encode() + multipart(part(b"<b>a</b>", "text/html"), part(b"<i>b</i>", "text/html")))
    assert (both.text, both.html) == ("a\nb", "<b>a</b><br><i>b</i>")


def test_text_beside_html_is_not_lost():
    """As mailing lists add a line to what they pass on."""
    choice = multipart(part(b"a"), part(b"<b>a</b>", "text/html"), kind="alternative", boundary="inner")
    mail = parse(HEAD.encode() + multipart(choice, part(b"1 < 2")))
    assert (mail.text, mail.html) == ("a\n1 < 2", "<b>a</b><br>1 &lt; 2")


def test_text_with_a_name_is_a_file():
    mail = parse(HEAD.encode() + multipart(part(b"Hello"), part(b"notes", 'text/plain; name="notes.txt"')))
    assert mail.text == "Hello"
    assert [file.name for file in mail.attachments] == ["notes.txt"]


def test_a_mail_that_is_a_file():
    mail = parse(HEAD.encode() + part(b"%PDF", "application/pdf", Content_Disposition="attachment; filename=a.pdf"))
    assert (mail.text, [file.name for file in mail.attachments]) == ("", ["a.pdf"])


def test_a_calendar():
    calendar = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
    source = HEAD.encode() + multipart(
        part(b"Hello"), part(calendar, "text/calendar; method=REQUEST"), kind="alternative"
    )
    mail = parse(source)
    assert mail.ics == calendar.decode()
    assert [(file.name, file.content) for file in mail.attachments] == [("unnamed.ics", calendar)]


def test_winmail_dat_stays_a_file():
    source = HEAD.encode() + multipart(part(b"Hello"), part(b'x\x9f>"', "application/ms-tnef; name=winmail.dat"))
    assert [file.name for file in parse(source).attachments] == ["winmail.dat"]


def test_a_digest_holds_messages():
    mail = parse(HEAD.encode() + multipart(b"\r\n" + letter(), kind="digest"))
    assert mail.attachments[0].content_type == "message/rfc822"


def test_text_of_html():
    html = """<html><head><title>no</title><style>p {}</style></head><body><!-- no --><p>Dear&nbsp;Ann,</p>
    <p>one<br>two &amp; <b>three</b></p><script>no()</script><ul><li>a<li>b</ul>
    <table><tr><td>x</td><td>y</td></tr></table>"""
    assert text_of_html(html) == "Dear Ann,\n\none\ntwo & three\n\na\nb\n\nx y"
    assert text_of_html("a <!-- never closed") == "a"
    assert text_of_html("1 < 2 <3") == "1 < 2 <3"


def test_octets_of_a_body_without_text():
    """11: cut by characters, not octets: a subject of letters with many octets."""
    mail = parse(letter(subject="😀" * 3_000))
    assert mail.subject == "😀" * 2_000


# The same parts as Python's own parser finds

DATA = next(iter(Path(sys.modules["email"].__file__ or "").parents[1].glob("test/test_email/data")), None)


def without_parts(kind: str, content: bytes | None) -> tuple[str, bytes | None]:
    """What is left of a message in it, and of a multipart in which there is none, is each parser's own affair."""
    return kind, None if kind.startswith(("message/", "multipart/")) else content


@pytest.mark.skipif(DATA is None, reason="this Python comes without its own tests")
def test_the_same_parts_as_pythons_parser():
    assert DATA is not None
    paths = sorted(DATA.glob("msg_*.txt"))
    assert len(paths) > 40
    for path in paths:
        source = path.read_bytes()
        ours = [(leaf.content_type.value, leaf.content()) for leaf in read_entity(source).leaves()]
        theirs = []
        waiting = [message_from_bytes(source)]
        while waiting:
            message = waiting.pop()
            if message.get_content_maintype() == "message":
                theirs.append((message.get_content_type(), b""))
            elif message.is_multipart():
                waiting += reversed(message.get_payload())
            else:
                theirs.append((message.get_content_type(), message.get_payload(decode=True)))
        assert [without_parts(*leaf) for leaf in ours] == [without_parts(*leaf) for leaf in theirs], path.name
        assert parse(source).trouble is None


def test_every_octet_comes_back():
    octets = bytes(range(256)) * 50
    for encoding, encoded in (("base64", base64.encodebytes(octets)), ("binary", octets), ("8bit", octets)):
        source = HEAD.encode() + multipart(part(encoded, "application/pdf", Content_Transfer_Encoding=encoding))
        assert parse(source).attachments[0].content == octets
