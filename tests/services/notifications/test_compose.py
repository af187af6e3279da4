"""The mail as its reader gets it: words, language, zone, thread, links; hostile values are literal text."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from email.message import EmailMessage
from string import Formatter
from typing import Any

import pytest

from jobrunner.db.secrets import SigningKeys
from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.importing.storing import RecordIds
from jobrunner.services.mail.languages import words_in
from jobrunner.services.mail.letterhead import Letterhead
from jobrunner.services.notifications.compose import MOST_ENTRIES, POSTS_LIMIT, compose
from jobrunner.services.notifications.rows import Notification
from jobrunner.services.notifications.words import ENGLISH, LANGUAGES
from tests.services.notifications.conftest import MOMENT, notification
from tests.services.notifications.test_markdown import harmful

LETTERHEAD = Letterhead(Mailbox(parse_address("crm@example.com"), "CRM"), "https://crm.example.com/")

Parse = Callable[[bytes], EmailMessage]


def content(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    text: str = body.get_content()
    return text.replace("\r\n", "\n")


def mail(parse: Parse, *notifications: Notification, letterhead: Letterhead = LETTERHEAD) -> EmailMessage:
    return parse(compose(notifications, letterhead).to_bytes())


def post(number: int, **changes: Any) -> Notification:
    moment = MOMENT + timedelta(minutes=number)
    return notification(number=number, related_id=f"n{number}", created_at=moment, **changes)


def test_one_post(parse: Parse):
    message = mail(parse, notification(data={"post": "It is **broken**.\nAgain."}))

    assert message["Subject"] == "Case: Printer"
    assert message["To"] == "Ann <ann@example.org>"
    assert message["From"] == "CRM <crm@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Reply-To"] is None
    assert content(message, "plain") == (
        "Hello Ann,\n\nCase “Printer”\n\nMay 14, 2026 8:30 AM\nBob posted:\n> It is **broken**.\n> Again.\n\n"
        "Open it:\nhttps://crm.example.com/#Case/view/c1\n\n-- \n"
        "You get this mail because e-mail notifications are on in your preferences."
    ).replace("8:30 AM", "8:30\u202fAM")
    html = content(message, "html")
    assert "<p>It is <strong>broken</strong>.<br>\nAgain.</p>" in html
    assert '<a href="https://crm.example.com/#Case/view/c1">' in html
    assert harmful(html.partition("<b>")[2].replace(" style=", " title=")) == []


def test_a_digest_in_german_and_in_its_zone(parse: Parse):
    changes = {"language": "de_AT", "time_zone": "Asia/Tokyo"}
    message = mail(
        parse,
        post(1, type="Mention", **changes),
        post(2, type="Status", data={"old": "Planned", "new": "Held", "field_label": {"de": "die Phase"}}, **changes),
        post(3, type="EmailReceived", data={"from": "Zed <z@example.net>", "subject": "Hilfe"}, **changes),
        post(4, type="Assignment", data={}, **changes),
    )

    assert message["Subject"] == "Fall: Printer"
    text = content(message, "plain")
    assert text.startswith("Guten Tag Ann,\n\n4 neue Benachrichtigungen: Fall „Printer“\n\n14.05.2026 17:31\n")
    assert "Bob hat Sie erwähnt:\n> Hello\n" in text
    assert "14.05.2026 17:32\nBob hat die Phase von „Geplant“ auf „Durchgeführt“ geändert.\n" in text
    assert "Eine E-Mail von Zed <z@example.net> ist eingegangen: „Hilfe“\n" in text
    assert "Bob hat Ihnen dies zugewiesen.\n" in text
    assert '<html lang="de">' in content(message, "html")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"old": "New", "new": "Closed"}, "Bob changed the status from “New” to “Closed”."),
        ({"new": "Closed"}, "Bob set the status to “Closed”."),
        (
            {"old": "1", "new": "2", "old_label": {"en": "one", "de": "eins"}, "new_label": "two"},
            "Bob changed the status from “one” to “two”.",
        ),
        ({"old": 7, "new": ["x"], "field_label": {}}, "Bob set the status to “”."),
    ],
)
def test_changes_of_status(parse: Parse, data: Any, sentence: str):
    assert sentence in content(mail(parse, notification(type="Status", data=data)), "plain")


def test_an_assignment_says_so_in_its_subject(parse: Parse):
    message = mail(parse, notification(type="Assignment", parent_type="Task", record_name="Call back", data={}))
    assert message["Subject"] == "Assigned to you: Task “Call back”"
    assert "Bob assigned it to you." in content(message, "plain")


def test_a_post_without_a_record(parse: Parse):
    nowhere = {"parent_type": None, "parent_id": None, "parent_name": None}
    message = mail(parse, notification(**nowhere))
    assert (message["Subject"], message["References"]) == ("Bob posted", None)
    assert "https://crm.example.com/\n" in content(message, "plain")
    message = mail(parse, post(1, **nowhere), post(2, **nowhere))
    assert message["Subject"] == "2 new posts"


def test_somebody_whose_name_is_not_known(parse: Parse):
    assert "Somebody posted:" in content(mail(parse, notification(actor_name=None)), "plain")
    known = notification(actor_name=None, data={"post": "x", "actor_name": "Zed of the portal"})
    assert "Zed of the portal posted:" in content(mail(parse, known), "plain")


def test_mails_about_a_record_are_one_thread_whoever_gets_them(parse: Parse):
    first, second = mail(parse, post(1)), mail(parse, post(2, user_id="cyd", email="cyd@example.org", mail_group=2))
    other = mail(parse, post(3, parent_id="c2", mail_group=3))
    assert first["References"] == first["In-Reply-To"] == second["References"] != other["References"]
    assert str(first["References"]).startswith("<record.")
    assert str(first["References"]).endswith("@example.com>")
    assert len({str(one["Message-ID"]) for one in (first, second, other)}) == 3


def test_its_id_names_the_record_where_it_can_be_signed():
    """So an answer to it is about the record, and what comes back to a mailbox of ours is not imported."""
    ids = RecordIds(SigningKeys(1, {1: b"k" * 32}), LETTERHEAD.site_url)
    letterhead = replace(LETTERHEAD, record_ids=ids)
    first, second = (compose(some, letterhead).message_id for some in ([post(1), post(2)], [post(2, mail_group=1)]))
    assert first == second
    assert ids.is_own_notification(first)
    said = ids.read(first)
    assert said is not None
    assert (said.entity_type, said.entity_id) == ("Case", "c1")


def test_the_message_id_is_that_of_its_first_notification_whatever_else_is_in_it(parse: Parse):
    again = mail(parse, post(2, mail_group=1))
    assert mail(parse, post(1), post(2))["Message-ID"] == again["Message-ID"]


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "https://crm.example.com/#Case/view/c1"),
        ({"parent_path": "/cases/17?tab=1"}, "https://crm.example.com/cases/17?tab=1"),
        ({"parent_path": "#cases/17"}, "https://crm.example.com/#cases/17"),
        ({"parent_path": "/a", "record_path": "/b"}, "https://crm.example.com/b"),
        ({"record_path": "javascript:alert(1)"}, "https://crm.example.com/#Case/view/c1"),
        ({"record_path": "https://evil.example.net"}, "https://crm.example.com/#Case/view/c1"),
        ({"record_path": "/x y"}, "https://crm.example.com/#Case/view/c1"),
        ({"parent_id": "a/b?c#d"}, "https://crm.example.com/#Case/view/a%2Fb%3Fc%23d"),
        ({"portal_url": "https://portal.example.com/p"}, "https://portal.example.com/p/#Case/view/c1"),
        ({"parent_path": "//evil.example.net"}, "https://crm.example.com//evil.example.net"),
    ],
)
def test_the_link(parse: Parse, changes: Any, url: str):
    """H17: whatever the path is, it leads to the site."""
    message = mail(parse, notification(**changes))
    assert f"Open it:\n{url}\n" in content(message, "plain")


@pytest.mark.parametrize(
    ("given", "data", "account", "expected"),
    [
        ("help@example.com", {}, None, "help@example.com"),
        (None, {"reply_to": "case@example.com"}, "a@example.com", "case@example.com"),
        (None, {}, "a@example.com", "a@example.com"),
        ("no address\r\nBcc: x@y", {"reply_to": 7}, None, None),
    ],
)
def test_where_answers_go(parse: Parse, given: Any, data: Any, account: Any, expected: Any):
    reply_to = None if account is None else Mailbox(parse_address(account))
    letterhead = Letterhead(LETTERHEAD.sender, LETTERHEAD.site_url, reply_to)
    message = mail(parse, notification(reply_to=given, data=data), letterhead=letterhead)
    assert message["Reply-To"] == expected


HOSTILE = "x\r\n.\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>{{7*7}}{name}{0.__class__}\x1b[31m\u202e"


def test_hostile_values_are_literal_text(parse: Parse):
    """H11, H17: names, subjects, labels and posts hold markup, template marks, line breaks and escapes."""
    changes = {
        "user_name": HOSTILE,
        "actor_name": HOSTILE,
        "record_name": HOSTILE,
        "parent_type": "Case",
    }
    data = {
        "post": HOSTILE,
        "old": HOSTILE,
        "new": HOSTILE,
        "field_label": HOSTILE,
        "from": HOSTILE,
        "subject": HOSTILE,
    }
    kinds = ("Post", "Mention", "Status", "EmailReceived", "Assignment")
    message = mail(parse, *(post(n, type=kind, data=data, **changes) for n, kind in enumerate(kinds, 1)))

    assert message["Bcc"] is None
    assert set(message.keys()) == {
        "Date",
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "In-Reply-To",
        "References",
        "MIME-Version",
        "Content-Type",
    }
    html, text = content(message, "html"), content(message, "plain")
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 10
    for part in (html, text, str(message["Subject"])):
        assert "{{7*7}}{name}{0.__class__}" in part
        assert "\x1b" not in part
        assert "\u202e" not in part


def test_a_wrong_address_is_refused():
    """H04."""
    with pytest.raises(InvalidInput, match="is no address that mail can be sent to"):
        compose([notification(email="a@b>\r\nRCPT TO:<eve@example.com")], LETTERHEAD)


def test_many_are_shortened(parse: Parse):
    message = mail(parse, *(post(number) for number in range(1, MOST_ENTRIES + 11)))
    text = content(message, "plain")
    assert text.count("Bob posted:") == MOST_ENTRIES
    assert "… and 10 more" in text
    assert "… and 10 more" in content(message, "html")
    assert f"{MOST_ENTRIES + 10} new notifications: Case" in text


def test_long_posts_are_shown_up_to_a_limit(parse: Parse):
    message = mail(parse, *(post(number, data={"post": "word " * 2500}) for number in range(1, 21)))
    text = content(message, "plain")
    assert text.count("Bob posted:") == 20
    assert POSTS_LIMIT <= text.count("word ") * 5 < POSTS_LIMIT + 15_000


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de", "de"),
        ("de_AT", "de"),
        ("de-CH", "de"),
        ("DE", "de"),
        ("en_GB", "en"),
        ("fr", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_language(tag: str | None, language: str):
    assert words_in(LANGUAGES, tag).tag == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence_with_its_values(language: str):
    def names(pattern: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(pattern) if name}

    for one in fields(ENGLISH):
        mine, english = getattr(LANGUAGES[language], one.name), getattr(ENGLISH, one.name)
        if isinstance(english, str):
            assert mine, one.name
            assert names(mine) == names(english), one.name


@pytest.mark.parametrize(("zone", "language"), [("Nowhere/At_All", "xx"), (None, None), ("../etc/passwd", "??")])
def test_a_zone_or_language_that_nobody_knows(parse: Parse, zone: str | None, language: str | None):
    """As a view over foreign tables may have."""
    text = content(mail(parse, notification(time_zone=zone, language=language)), "plain")
    assert "May 14, 2026 8:30\u202fAM" in text


def test_where_nobody_has_said_where_the_application_is_only_a_portal_has_links(parse: Parse):
    nowhere = replace(LETTERHEAD, has_links=False)
    message = mail(parse, notification(), letterhead=nowhere)
    for kind in ("plain", "html"):
        assert "http" not in content(message, kind)
        assert ENGLISH.link not in content(message, kind)
    message = mail(parse, notification(portal_url="https://portal.example.com"), letterhead=nowhere)
    assert "https://portal.example.com/#Case/view/c1" in content(message, "plain")
