"""Reports of delivery as servers write them (RFC 3464, RFC 6533, qmail, Exim; mail-in.md 7)."""

import pytest

from jobrunner.services.mail.importing.parsing import Bounce, parse
from jobrunner.services.mail.importing.parsing.bounces import judge
from tests.services.mail.importing.letters import letter, multipart, part, raw

TOKEN = "aq" + "b2c3d4e5f6g7" * 4 + "a2b3c"
RETURNED = raw(
    "From: news@example.org",
    "To: gone@example.com",
    "Subject: News",
    "Message-ID: <token@example.org>",
    "X-Queue-Item-Id: 4711",
    "",
    "X-Queue-Item-Id: 666",
    "Message-ID: <forged@example.org>",
)


def status(*recipients: bytes, message: bytes = raw("Reporting-MTA: dns; mx.example.com", "")) -> bytes:
    return message + b"\r\n".join(recipients)


def recipient(code: str = "5.1.1", action: str = "failed", diagnostic: str = "smtp; 550 5.1.1 user unknown") -> bytes:
    return raw(
        "Original-Recipient: rfc822;gone@example.com",
        "Final-Recipient: rfc822; gone@example.com",
        f"Action: {action}",
        f"Status: {code}",
        f"Diagnostic-Code: {diagnostic}",
    )


def report(
    block: bytes, kind: str = "message/delivery-status", returned: str = "message/rfc822", to: str = "b@example.org"
):
    return multipart(
        part(b"Sorry."),
        part(block, kind),
        part(RETURNED, returned),
        kind="report; report-type=delivery-status",
        head=f"From: Mail Delivery System <MAILER-DAEMON@mx.example.com>\r\nTo: {to}\r\nReturn-Path: <>\r\n",
    )


def bounce(source: bytes) -> Bounce:
    found = parse(source).bounce
    assert found is not None
    return found


def test_a_report_of_delivery():
    found = bounce(report(status(recipient()), to=f"bounces+{TOKEN}@example.org"))
    (one,) = found.recipients
    assert (found.kind, found.verdict, found.tokens) == ("report", "hard", (TOKEN,))
    assert (one.address, one.original, one.action, one.status) == ("gone@example.com",) * 2 + ("failed", "5.1.1")
    assert one.diagnostic == "smtp; 550 5.1.1 user unknown"


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"])
def test_only_the_returned_header_is_read(kind: str):
    """What stands in the returned body may be written by anybody."""
    found = bounce(report(status(recipient()), returned=kind))
    assert (found.item_ids, found.message_ids) == (("4711",), ("<token@example.org>",))


def test_tokens_of_all_addresses_that_it_reached():
    more = f"Delivered-To: Bounces+{TOKEN.upper()}@example.org\r\nX-Original-To: b-{TOKEN}x@example.org\r\n".encode()
    source = more + report(status(recipient()), to="x@example.org")
    assert bounce(source).tokens == (TOKEN, TOKEN + "x")


def test_a_report_of_an_international_address():
    """RFC 6533: a status in UTF-8, perhaps encoded as a whole."""
    block = status(recipient().replace(b"rfc822; gone@example.com", "utf-8; grüße@example.com".encode()))
    assert bounce(report(block, "message/global-delivery-status")).recipients[0].address == "grüße@example.com"


def test_several_recipients():
    block = status(recipient(), recipient("4.2.2", "delayed", ""), recipient("2.0.0", "delivered", ""))
    found = bounce(report(block))
    assert [(one.action, one.verdict) for one in found.recipients] == [
        ("failed", "hard"),
        ("delayed", None),
        ("delivered", None),
    ]


def test_only_what_failed_is_judged():
    assert bounce(report(status(recipient("4.4.1", "delayed", "smtp; connection timed out")))).verdict is None


def test_one_block_for_all():
    """A sender that leaves out the empty line between the message's block and the recipient's."""
    block = raw("Reporting-MTA: dns; mx.example.com") + recipient()
    assert bounce(report(block)).verdict == "hard"


def test_the_server_said_it_more_precisely():
    assert (
        bounce(report(status(recipient("5.0.0", diagnostic="smtp; 552 5.2.2 mailbox full")))).recipients[0].status
        == "5.2.2"
    )


@pytest.mark.parametrize(
    ("code", "diagnostic", "verdict"),
    [
        ("5.0.0", "", "hard"),
        ("5.1.0", "", "hard"),
        ("5.1.1", "", "hard"),
        ("5.1.3", "", "hard"),
        ("5.1.6", "", "hard"),
        ("5.1.10", "", "hard"),
        ("5.2.1", "", "hard"),
        ("5.4.1", "", "hard"),
        ("5.4.4", "host not found", "hard"),
        ("5.4.4", "connection timed out", "soft"),
        ("5.1.4", "", "soft"),
        ("5.2.2", "", "soft"),
        ("5.2.3", "", "soft"),
        ("5.3.4", "", "soft"),
        ("5.5.0", "", "soft"),
        ("4.2.1", "user unknown", "soft"),
        ("4.7.1", "blocked", "soft"),
        ("5.7.1", "user unknown", "policy"),
        ("5.7.26", "", "policy"),
        ("5.0.0", "550 rejected as spam", "policy"),
        ("5.2.1", "sender blocked by SPF", "policy"),
        (None, "550 user unknown", "hard"),
        (None, "550 user unknown, your IP is on a blacklist", "policy"),
        (None, "553 no such user here", "hard"),
        (None, "450 user unknown", "soft"),
        (None, "550 go away", "soft"),
        (None, "", "soft"),
    ],
)
def test_verdicts(code: str | None, diagnostic: str, verdict: str):
    assert judge(code, diagnostic) == verdict


QMAIL = b"""Hi. This is the qmail-send program at mx.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.

<gone@example.com>:
Sorry, no mailbox here by that name. (#5.1.1)

<full@example.com>:
user is over quota. (#5.2.2)
I'm not going to try again.

--- Below this line is a copy of the message.
"""
EXIM = b"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its recipients.

  gone@example.com
    host mx.example.com [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<gone@example.com>:
    550 5.1.1 <gone@example.com>: Recipient address rejected: User unknown
"""


def test_qmail():
    found = bounce(letter(QMAIL, sender="MAILER-DAEMON@mx.example.com", subject="failure notice"))
    assert [(one.address, one.status, one.verdict) for one in found.recipients] == [
        ("gone@example.com", "5.1.1", "hard"),
        ("full@example.com", "5.2.2", "soft"),
    ]


def test_exim():
    found = bounce(letter(EXIM, sender="x@mx.example.com", Return_Path="<>", X_Failed_Recipients="gone@example.com"))
    (one,) = found.recipients
    assert (one.address, one.status, one.verdict) == ("gone@example.com", "5.1.1", "hard")


RETURNED_TEXT = b"Return-Path: <news@example.org>\nMessage-ID: <token@example.org>\nX-Queue-Item-Id: 4711\n\n"
BELOW = [
    (QMAIL, b"\n"),
    (EXIM, b"\n------ This is a copy of the message, including all the headers. ------\n\n"),
    (EXIM, b"\n------ This is a copy of your message, including all headers. ------\n"),
]


@pytest.mark.parametrize(("text", "line"), BELOW)
def test_the_header_below_a_report_in_text(text: bytes, line: bytes):
    """Only the first header: what stands below it may be written by anybody."""
    source = text + line + RETURNED_TEXT + b"X-Queue-Item-Id: 666\n\nMessage-ID: <forged@example.org>\n"
    found = bounce(letter(source, sender="MAILER-DAEMON@mx.example.com", Return_Path="<>"))
    assert (found.item_ids, found.message_ids) == (("4711",), ("<token@example.org>",))


def test_what_the_sender_has_called_the_envelope():
    """RFC 3461, ENVID; in the blocks of recipients it would be somebody else's word."""
    block = status(recipient() + b"Original-Envelope-Id: forged\r\n", message=raw("Original-Envelope-Id: abc123", ""))
    assert bounce(report(block)).envelope_ids == ("abc123",)


@pytest.mark.parametrize(
    ("subject", "text", "verdict"),
    [
        ("Undeliverable: News", "gone@example.com\n550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", "hard"),
        ("Returned mail: see transcript for details", "<gone@example.com>\n550 user unknown", "hard"),
        ("Delivery Status Notification (Failure)", "gone@example.com: quota exceeded", "soft"),
        ("News", "Your message did not reach the following recipient(s): gone@example.com", "soft"),
    ],
)
def test_reports_in_free_text(subject: str, text: str, verdict: str):
    found = bounce(letter(text.encode(), sender="postmaster@example.com", subject=subject))
    assert (found.kind, found.verdict, found.recipients[0].address) == ("text", verdict, "gone@example.com")


@pytest.mark.parametrize("body", [QMAIL, EXIM, b"550 5.1.1 user unknown gone@example.com, could not be delivered"])
def test_a_person_who_quotes_a_report_reports_nothing(body: bytes):
    """Only a daemon, or a mail with an empty return path, is believed."""
    assert parse(letter(body, Return_Path="<ann@example.com>")).bounce is None


def test_what_a_daemon_says_is_not_always_a_report():
    assert parse(letter(b"The queue is empty again.", sender="postmaster@example.com")).bounce is None


@pytest.mark.parametrize(
    ("kind", "expected"), [("disposition-notification", "receipt"), ("feedback-report", "complaint")]
)
def test_other_reports(kind: str, expected: str):
    source = multipart(
        part(b"Read."),
        part(raw("Final-Recipient: rfc822;gone@example.com"), f"message/{kind}"),
        part(RETURNED, "message/rfc822"),
        kind=f"report; report-type={kind}",
        head="From: gone@example.com\r\n",
    )
    found = bounce(source)
    assert (found.kind, found.verdict, found.item_ids) == (expected, None, ("4711",))


NOTHING = [b"", b"\r\n\r\n\r\n", b"Final-Recipient", b"Final-Recipient:;", b"\xff" * 1000, b"a: b\r\n\r\n" * 5_000]


@pytest.mark.parametrize("block", NOTHING)
def test_a_report_of_nothing(block: bytes):
    found = bounce(report(block))
    assert (found.kind, found.recipients, found.verdict) == ("report", (), None)
