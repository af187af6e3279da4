"""Whole messages: read back by the email package's strict policy."""

import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.composing.body import CONTROLS, LINE_END, quoted_printable
from jobrunner.services.mail.composing.date import rfc5322_date
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.composing.text import one_line

Parse = Callable[[bytes], EmailMessage]


def message(**changes: object) -> Message:
    values: dict[str, object] = {
        "sender": Mailbox(parse_address("system@example.com"), "The System"),
        "recipient": Mailbox(parse_address("ann@example.org"), "Zoë"),
        "subject": "Grüße",
        "text": "Hello\n",
        "html": "<p>Hello</p>\n",
        "message_id": "<abc@example.com>",
        "date": datetime(2026, 3, 1, 9, 5, 7, tzinfo=timezone(timedelta(hours=2))),
    }
    return Message(**(values | changes))  # type: ignore[arg-type]


def test_a_message_is_read_back_without_a_defect(parse: Parse):
    raw = message(headers={"Auto-Submitted": "auto-generated"}).to_bytes()

    read = parse(raw)
    assert read["From"] == "The System <system@example.com>"
    assert read["To"].addresses[0].display_name == "Zoë"
    assert read["Subject"] == "Grüße"
    assert read["Message-ID"] == "<abc@example.com>"
    assert read["Date"].datetime == datetime(2026, 3, 1, 7, 5, 7, tzinfo=UTC)
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["MIME-Version"] == "1.0"
    assert read.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    assert read.get_body(("plain",)).get_content().strip() == "Hello"  # type: ignore[union-attr]
    assert read.get_body(("html",)).get_content().strip() == "<p>Hello</p>"  # type: ignore[union-attr]


BODIES = [
    "",
    "trailing blank \nand tab\t\n",
    "a=b and =3D\n",
    ".\n..\n.leading\n",
    "From here\n",
    "--=_jobrunner_1\n--=_jobrunner_1--\n",
    "😀" * 100 + "\n",
    "w" * 5000 + "\n",
    "no line end",
    "lone\rcarriage\rreturns\r\nand\n.\nmore\r.\r\n",
    "next\x85line\u2028separator\n",
    "NUL \0 and bell \x07\n",
]


@pytest.mark.parametrize("body", BODIES)
def test_bodies_survive_in_seven_bits_and_short_lines(body: str, parse: Parse):
    """H05."""
    raw = message(text=body).to_bytes()

    assert raw.isascii()
    assert b"\0" not in raw
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))
    read = parse(raw).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert read.replace("\r\n", "\n").rstrip("\n") == LINE_END.sub("\n", CONTROLS.sub("", body)).rstrip("\n")


@pytest.mark.parametrize("width", range(70, 80))
@pytest.mark.parametrize("blank", [" ", "\t", "  ", " \t "])
def test_a_blank_at_the_end_of_a_full_line_does_not_make_it_too_long(width: int, blank: str):
    text = f"{'w' * width}{blank}\nand\n"
    encoded = quoted_printable(text)

    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert binascii.a2b_qp(encoded).decode().replace("\r\n", "\n") == text


@given(st.text())
def test_quoted_printable_is_always_well_formed(text: str):
    encoded = quoted_printable(text)

    assert encoded.isascii()
    assert encoded.endswith(b"\r\n")
    for line in encoded.removesuffix(b"\r\n").split(b"\r\n"):
        assert re.fullmatch(rb"([!-<>-~ \t]|=[0-9A-F]{2}|=$)*", line)
        assert len(line) <= 76


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_makes_a_message_without_defects(parse: Parse, name: str, subject: str, text: str, html: str):
    """H04."""
    raw = message(
        recipient=Mailbox(parse_address("a@example.org"), one_line(name, 100)),
        subject=one_line(subject, 200),
        text=text,
        html=html,
    ).to_bytes()

    read = parse(raw)
    assert sorted(read.keys()) == sorted(
        ["Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type"]
    )
    assert len(list(read.iter_parts())) == 2


def test_a_header_cannot_be_smuggled_in():
    """H04."""
    for changes in (
        {"subject": "x\r\nBcc: eve@example.com"},
        {"message_id": "<a@b>\r\nBcc: eve@example.com"},
        {"recipient": Mailbox(parse_address("a@example.org"), "x\r\nBcc: eve@example.com")},
        {"headers": {"X-A": "b\r\nBcc: eve@example.com"}},
        {"headers": {"X-A: b\r\nBcc": "eve@example.com"}},
    ):
        with pytest.raises(InvalidInput):
            message(**changes).to_bytes()


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("a\r\nb", 10, "a b"),
        ("  many   blanks\t and tabs ", 40, "many blanks and tabs"),
        ("gpj.\u202eexe\u202c", 40, "gpj. exe"),
        ("\x1b[31mred", 40, "[31mred"),
        ("NUL\0", 40, "NUL"),
        ("abcdef", 4, "abc…"),
        ("e\u0301\u200d", 9, "e\u0301\u200d"),
    ],
)
def test_text_of_records_is_made_one_line(text: str, limit: int, expected: str):
    """H03."""
    assert one_line(text, limit) == expected


def test_dates_do_not_depend_on_the_locale():
    assert rfc5322_date(datetime(2026, 1, 4, 23, 30, tzinfo=timezone(timedelta(hours=-2)))) == (
        "Mon, 5 Jan 2026 01:30:00 +0000"
    )
