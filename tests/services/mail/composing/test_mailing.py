"""Mailings: read back by the email package's strict policy, and held against single messages of the same content."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.composing.fields import ListId, bulk_fields, unsubscribe_fields
from jobrunner.services.mail.composing.mailing import Mailing
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.composing.parts import Attachment
from jobrunner.services.mail.composing.segments import Segments
from tests.services.mail.composing.samples import Value, expected, lines, mailboxes, templates, values_of

Parse = Callable[[bytes], EmailMessage]

NEWS = Mailbox(parse_address("news@example.com"), "Garden News")
ANN = Mailbox(parse_address("ann@example.org"), "Zoë")
URL = f"https://example.com/u/{'k' * 120}"
PICTURE = Attachment("logo.png", b"\x89PNG" * 100, "image/png", content_id="logo@example.com")
FILE = Attachment("Preisliste für März.pdf", bytes(range(256)), "application/pdf")
NAME = object()
MOMENT = datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)


def mailing(**changes: object) -> Mailing:
    values: dict[str, object] = {
        "text": ["Dear ", NAME, "\n"],
        "html": ["<p>Dear ", NAME, '</p>\n<img src="cid:logo@example.com">\n'],
        "reply_to": Mailbox(parse_address("answers@example.com")),
        "list_id": ListId("garden.example.com", "Gärten"),
        "headers": bulk_fields("c1", "m7", "newsletter", "example"),
    }
    return Mailing(NEWS, **(values | changes))  # type: ignore[arg-type]


def compose(of: Mailing, **changes: object) -> bytes:
    values: dict[str, object] = {
        "subject": "Grüße",
        "text": ["Zoë"],
        "html": ["Zo&euml;"],
        "message_id": "<abc@example.com>",
        "date": MOMENT,
        "headers": {**unsubscribe_fields(URL, "mailto:unsubscribe+k@example.com"), "X-Queue-Item-Id": "42"},
    }
    return of.compose(ANN, **(values | changes))  # type: ignore[arg-type]


def check_bytes(raw: bytes) -> None:
    """What holds for every message, whoever reads it."""
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw)
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    unsubscribe = re.findall(rb"(?im)^List-Unsubscribe:.*$", raw)
    assert all(b"=?" not in line for line in unsubscribe)


def test_a_mailing_as_a_receiver_reads_it(parse: Parse):
    raw = compose(mailing())

    check_bytes(raw)
    assert raw.isascii()
    read = parse(raw)
    assert read["From"] == "Garden News <news@example.com>"
    assert read["Sender"] is None
    assert read["Reply-To"] == "answers@example.com"
    assert read["To"].addresses[0].display_name == "Zoë"
    assert read["To"].addresses[0].addr_spec == "ann@example.org"
    assert read["Subject"] == "Grüße"
    assert read["Message-ID"] == "<abc@example.com>"
    assert read["Date"].datetime == MOMENT
    assert read["List-Id"] == "Gärten <garden.example.com>"
    assert read["Precedence"] == "bulk"
    assert read["Feedback-ID"] == "c1:m7:newsletter:example"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["X-Auto-Response-Suppress"] == "AutoReply"
    assert read["X-Queue-Item-Id"] == "42"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert read.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    assert body(read, "plain") == "Dear Zoë\n"
    assert body(read, "html") == '<p>Dear Zo&euml;</p>\n<img src="cid:logo@example.com">\n'


def test_the_way_to_unsubscribe_is_one_line_of_its_own():
    """A URL as an encoded-word is none: one-click unsubscribing dies of it."""
    raw = compose(mailing())

    assert f"\r\nList-Unsubscribe: <{URL}>, <mailto:unsubscribe+k@example.com>\r\n".encode() in raw
    with pytest.raises(InvalidInput, match=r"List-Unsubscribe has a line of .* octets: 998 are allowed"):
        compose(mailing(), headers=unsubscribe_fields(f"https://example.com/{'k' * 960}"))


@pytest.mark.parametrize(
    ("address", "written"), [("news@example.com", None), ("robot@example.com", "The robot <robot@example.com>")]
)
def test_sender_is_written_only_if_it_is_another(address: str, written: str | None, parse: Parse):
    raw = compose(mailing(transmitter=Mailbox(parse_address(address), "The robot")))

    assert parse(raw)["Sender"] == written


@pytest.mark.parametrize(
    ("html", "attachments", "shape"),
    [
        (False, [], ["text/plain"]),
        (False, [FILE, PICTURE], ["multipart/mixed", "text/plain", "application/pdf", "image/png"]),
        (True, [], ["multipart/alternative", "text/plain", "text/html"]),
        (
            True,
            [PICTURE],
            ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"],
        ),
        (
            True,
            [FILE, FILE],
            ["multipart/mixed", "multipart/alternative", "text/plain", "text/html"] + ["application/pdf"] * 2,
        ),
        (
            True,
            [PICTURE, FILE],
            [
                "multipart/mixed",
                "multipart/alternative",
                "text/plain",
                "multipart/related",
                "text/html",
                "image/png",
                "application/pdf",
            ],
        ),
    ],
)
def test_shapes(html: bool, attachments: list[Attachment], shape: list[str], parse: Parse):
    of = mailing(attachments=attachments, **({} if html else {"html": None}))
    raw = compose(of, **({} if html else {"html": ()}))

    check_bytes(raw)
    read = parse(raw)
    assert [part.get_content_type() for part in read.walk()] == shape
    assert body(read, "plain") == "Dear Zoë\n"
    found = {part.get_filename(): part.get_content() for part in read.walk() if part.get_filename()}
    assert found == {attachment.name: attachment.content for attachment in attachments}
    for part in read.walk():
        if part.get_filename() == PICTURE.name:
            assert part["Content-ID"] == "<logo@example.com>"
            assert part.get_content_disposition() == "inline"


def test_whole_texts_may_take_the_place_of_values(parse: Parse):
    read = parse(compose(mailing(), text="All\n", html="<p>all</p>\n"))

    assert (body(read, "plain"), body(read, "html")) == ("All\n", "<p>all</p>\n")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(mailboxes, mailboxes, lines, templates, templates, st.booleans(), st.booleans())
def test_any_content_reads_as_a_message_of_its_own_does(
    parse: Parse,
    sender: Mailbox,
    recipient: Mailbox,
    subject: str,
    text: Segments,
    html: Segments,
    with_html: bool,
    with_files: bool,
):
    """H04, H05."""
    files = [PICTURE, FILE] if with_files else []
    headers = unsubscribe_fields(URL)
    raw = Mailing(sender, text=text, html=html if with_html else None, attachments=files).compose(
        recipient,
        subject=subject,
        text=values_of(text),
        html=values_of(html) if with_html else (),
        message_id="<abc@example.com>",
        date=MOMENT,
        headers=headers,
    )
    single = Message(
        sender=sender,
        recipient=recipient,
        subject=subject,
        text=fill(text),
        html=fill(html) if with_html else None,
        message_id="<abc@example.com>",
        date=MOMENT,
        headers=headers,
        attachments=files,
    ).to_bytes()

    check_bytes(raw)
    check_bytes(single)
    read, other = parse(raw), parse(single)
    assert sorted(read.items()) == sorted(other.items())
    assert read["Subject"] == subject
    for name, mailbox in (("From", sender), ("To", recipient)):
        (found,) = read[name].addresses
        assert found.addr_spec == str(mailbox.address)
        # Python before 3.13 keeps the blanks between encoded-words here, which a reader is to ignore.
        assert found.display_name.replace(" ", "") == mailbox.name.replace(" ", "")
    assert [part.items() for part in read.walk()][1:] == [part.items() for part in other.walk()][1:]
    for kind, template in (("plain", text), ("html", html))[: 1 + with_html]:
        assert body(read, kind).rstrip("\n") == expected(fill(template)).rstrip("\n")
        assert body(read, kind).rstrip("\n") == body(other, kind).rstrip("\n")


def test_nothing_can_be_smuggled_into_the_header():
    """H04."""
    for changes in (
        {"subject": "x\r\nBcc: eve@example.com"},
        {"message_id": "<a@b>\r\nBcc: eve@example.com"},
        {"message_id": "<a b@c>"},
        {"headers": {"X-A": "b\r\nBcc: eve@example.com"}},
        {"headers": {"X-A": "b\0"}},
        {"headers": {"Bcc": "eve@example.com"}},
        {"headers": {"CONTENT-TYPE": "text/html"}},
        {"headers": {"X-A": "ß"}},
        {"date": datetime(2026, 1, 1)},
    ):
        with pytest.raises(InvalidInput):
            compose(mailing(), **changes)
    for fixed in (
        {"headers": {"X-A": "b\nBcc: eve@example.com"}},
        {"headers": {"From": "eve@example.com"}},
        {"reply_to": Mailbox(parse_address("a@example.com"), "x\rBcc: eve@example.com")},
        {"list_id": ListId("garden.example.com", "x\nBcc: eve@example.com")},
        {"list_id": ListId("garden>.example.com")},
    ):
        with pytest.raises(InvalidInput):
            mailing(**fixed)


def test_only_an_address_that_needs_it_makes_a_message_of_eight_bits(parse: Parse):
    """RFC 6531: such a message goes only to a server that says it can."""
    recipient = Mailbox(parse_address("用户@例え.テスト"), "用户")
    raw = mailing().compose(recipient, subject="x", text=[""], html=[""], message_id="<a@b>", date=MOMENT)

    assert "<用户@xn--r8jz45g.xn--zckzah>".encode() in raw
    assert raw.replace("用户@".encode(), b"").isascii()


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content: str = part.get_content().replace("\r\n", "\n")
    return content if content.endswith("\n") else f"{content}\n"


def fill(template: Segments) -> str:
    """Return the text, in which no line end spans the border of a value; fixed pieces in a row are one."""
    whole = ""
    fixed = False
    for segment in template:
        if fixed and not isinstance(segment, Value):
            whole += str(segment)
            continue
        fixed = not isinstance(segment, Value)
        piece = segment.text if isinstance(segment, Value) else str(segment)
        whole = (
            f"{whole.removesuffix(chr(13))}\n{piece}" if whole.endswith("\r") and piece[:1] == "\n" else whole + piece
        )
    return whole
