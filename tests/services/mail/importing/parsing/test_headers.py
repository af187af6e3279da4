"""Header fields as they should not be: each is read as far as it goes, and never costs the message (mail-in.md, 9)."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from jobrunner.services.mail.importing.parsing import parse
from jobrunner.services.mail.importing.parsing.dates import date_sent, read_date
from jobrunner.services.mail.importing.parsing.ids import read_id, read_ids
from jobrunner.services.mail.importing.parsing.keys import message_ref
from tests.services.mail.importing.letters import letter, raw

# 1: headers that Python's own policy raises on


def test_a_message_id_with_a_bracketed_local_part():
    """H07."""
    mail = parse(letter(message_id="<[abc]@x>"))
    assert mail.message_id == mail.message_key == "<[abc]@x>"
    assert mail.oddities == ()


def test_cr_lf_in_an_encoded_name():
    mail = parse(letter(sender="=?utf-8?q?Evil=0D=0ABcc=3A_x?= <e@example.com>"))
    assert mail.sender[0].name == "Evil Bcc: x"


@pytest.mark.parametrize(
    ("written", "id"),
    [
        ("<a b@x>", "<a b@x>"),
        ("\r\n <folded@x>", "<folded@x>"),
        ("<fol\r\n ded@x>", "<fol ded@x>"),
        ("bare@x", "<bare@x>"),
        ("<Case@X> (comment)", "<Case@X>"),
        ("<>", None),
        ("", None),
        ("   ", None),
        ("<unclosed@x", "<unclosed@x>"),
        ("< blanks@x >", "<blanks@x>"),
    ],
)
def test_message_ids(written: str, id: str | None):
    assert read_id(written.encode()) == id


def test_only_the_first_message_id_counts():
    assert parse(letter(Message_Id="<2@example.com>")).message_id == "<1@example.com>"


def test_references():
    assert read_ids([b"<a@x>\r\n\t<b c@x><a@x> (d)", b"<e@x>"]) == ("<a@x>", "<b c@x>", "<e@x>")
    assert read_ids([b"a@x, b@x c"]) == ("<a@x>", "<b@x>")
    assert read_ids([]) == ()
    many = read_ids([b" ".join(b"<%d@x>" % number for number in range(1_000))])
    assert (len(many), many[0], many[1], many[-1]) == (200, "<0@x>", "<801@x>", "<999@x>")


def test_a_long_id_is_known_by_its_hash():
    long = f"<{'a' * 300}@x>"
    mail = parse(letter(message_id=long))
    assert mail.message_id == long
    assert mail.message_key == "sha256:" + hashlib.sha256(long.encode()).hexdigest() == message_ref(long)


def test_without_an_id_the_key_is_a_digest():
    """The same however the mail came, other for each other thing that it says."""
    first = parse(letter(message_id=None))
    assert first.message_key.startswith("digest:")
    assert parse(letter(message_id="<>", Received="by another")).message_key == first.message_key
    assert parse(letter(b"Hello\n", message_id=None)).message_key == first.message_key
    others = [
        letter(b"Other", message_id=None),
        letter(message_id=None, subject="Other"),
        letter(message_id=None, to="other@example.org"),
        letter(message_id=None, sender="other@example.org"),
        letter(message_id=None, date="Mon, 02 Mar 2026 10:00:01 +0100"),
    ]
    assert len({parse(other).message_key for other in others} | {first.message_key}) == 6


# 2, 3: texts


def test_a_subject_is_one_line():
    """H04."""
    mail = parse(letter(subject="=?utf-8?q?a=0D=0ABcc=3A_x?="))
    assert mail.subject == "a Bcc: x"
    assert parse(letter(subject="a\r\n b\r\n\tc")).subject == "a b c"


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("cp1252"), "Grüße"),
        (b"nul\0here", "nulhere"),
        (b"=?utf-8?b?R3LDvMOfZQ==?=", "Grüße"),
        (b"=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
        (b"=?UTF-8?Q?Gr=C3?= =?utf-8?q?=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        (b"=?utf-8*en?q?a?=", "a"),
        (b"=?x-foo?q?Gr=FC=DFe?=", "Grüße"),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=?utf-8?q?unclosed", "=?utf-8?q?unclosed"),
        (b"=?base64?q?YQ=3D=3D?=", "YQ=="),
        (b"=?utf-7?q?+2AA-?=", "\ufffd"),
        (b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"),
    ],
)
def test_texts(octets: bytes, text: str):
    mail = parse(b"Subject: " + octets + b"\r\n\r\n")
    assert mail.subject == text
    mail.subject.encode()


# 6: dates

SENT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("Mon, 02 Mar 2026 10:00:00 +0100", SENT),
        ("Mon, 02 Mar 2026 10:00:00 +0100 (CET)", SENT),
        ("2 Mar 26 09:00 -0000", SENT),
        ("Mon, 02 Mar 2026 09:00:00", SENT),
        ("Mon, 02 Mar 2026 09:00:60 GMT", SENT.replace(second=59)),
        ("garbage", None),
        ("", None),
        ("Mon, 02 Mar 99999 10:00:00 +0000", None),
        ("Mon, 02 Mar 2026 10:00:00 +9999", None),
        ("Mon, 32 Mar 2026 10:00:00 +0000", None),
        ("x" * 100_000, None),
        ("Mon, 01 Jan 0001 00:00:00 +0000", datetime(2001, 1, 1, tzinfo=UTC)),
    ],
)
def test_dates(written: str, moment: datetime | None):
    assert read_date(written.encode()) == moment


def test_a_mail_counts_as_sent_when_it_says_unless_that_cannot_be():
    received = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert date_sent(SENT, received) == SENT
    assert date_sent(None, received) == received
    for wrong in (timedelta(days=-31), timedelta(days=2)):
        assert date_sent(received + wrong, received) == received
    mail = parse(letter(date="Fri, 01 Jan 2106 00:00:00 +0000"))
    assert mail.date_header == "Fri, 01 Jan 2106 00:00:00 +0000"


# The header as a whole


def test_a_line_that_is_no_field_ends_the_header():
    mail = parse(raw("Subject: a", "no field", "To: x@example.com"))
    assert mail.subject == "a"
    assert mail.text == "no field\nTo: x@example.com\n"


def test_line_ends_of_other_systems():
    for end in (b"\n", b"\r"):
        mail = parse(letter().replace(b"\r\n", end))
        assert (mail.subject, mail.text.strip()) == ("Hello", "Hello")


@pytest.mark.parametrize(
    "source", [b"", b"\n", b"\r\n\r\n", b"\0", b"\xff" * 100, b"From x\n", b":", b"a:", b"\n\nbody"]
)
def test_what_is_hardly_a_message(source: bytes):
    mail = parse(source)
    assert mail.trouble is None
    assert mail.size == len(source)
    assert mail.message_key.startswith("digest:")


def test_the_header_is_kept_as_text():
    mail = parse(letter(X_Odd="\udcff"))
    assert mail.header.startswith("From: Ann <ann@example.com>\nTo: ")
    assert "X-Odd: ÿ" in mail.header
