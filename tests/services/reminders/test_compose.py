"""The mail of a reminder: words, times, and whatever stands in names."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest

from jobrunner.config import Configuration
from jobrunner.errors import InvalidInput
from jobrunner.services.mail.accounts.loading import system_account
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.languages import words_in
from jobrunner.services.mail.letterhead import Letterhead
from jobrunner.services.reminders.compose import compose
from jobrunner.services.reminders.rows import DueReminder
from jobrunner.services.reminders.words import ENGLISH, LANGUAGES

Parse = Callable[[bytes], EmailMessage]

LETTERHEAD = Letterhead(Mailbox(parse_address("system@example.com"), "CRM"), "https://crm.example.com/app/")
START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
REMINDER = DueReminder(
    id=1,
    token=1,
    attempt_count=0,
    doubt_count=0,
    remind_at=START - timedelta(minutes=10),
    start_at=START,
    user_id="7",
    entity_type="Meeting",
    entity_id="12",
    user_name="Ann",
    email="ann@example.org",
    user_is_active=True,
    time_zone="Europe/Berlin",
    language="en",
    record_name="Budget",
    record_is_open=True,
    record_start_at=START,
    record_start_date=None,
    is_receiver=True,
    now=START - timedelta(minutes=10),
)


class Mail:
    """A composed mail as its reader has it."""

    def __init__(self, parse: Parse, **changes: Any) -> None:
        self.raw = compose(replace(REMINDER, **changes), LETTERHEAD).to_bytes()
        self.message = parse(self.raw)
        self.text = self._part("plain")
        self.html = self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        content: str = part.get_content()
        return content.replace("\r\n", "\n")


class Page(HTMLParser):
    """What of a page is markup."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


FIELDS = {"Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"}
FIELDS |= {"MIME-Version", "Content-Type"}
TAGS = ["html", "head", "meta", "title", "body", "p", "p", "p", "a", "p"]


def test_a_reminder_of_a_meeting(parse: Parse):
    mail = Mail(parse)

    assert mail.message["Subject"] == "Reminder of a meeting: Budget"
    assert mail.message["From"] == "CRM <system@example.com>"
    assert mail.message["To"] == "Ann <ann@example.org>"
    assert mail.message["Date"].datetime == START - timedelta(minutes=10)
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["X-Auto-Response-Suppress"] == "All"
    assert mail.text == (
        "Hello Ann,\n\n"
        "the meeting “Budget” begins on Tuesday, 3 March 2026 at 10:00 (Europe/Berlin, UTC+01:00).\n\n"
        "Open it:\nhttps://crm.example.com/app/#Meeting/view/12\n\n"
        "You are reminded because you take part in it or it is assigned to you."
    )
    page = Page(mail.html)
    assert page.tags == TAGS
    assert page.links == ["https://crm.example.com/app/#Meeting/view/12"]
    assert "the meeting “Budget” begins on Tuesday, 3 March 2026 at 10:00 (Europe/Berlin, UTC+01:00)." in page.text
    assert mail.raw.isascii()


@pytest.mark.parametrize(
    ("entity_type", "now", "expected"),
    [
        ("Call", START, "the call “Budget” began on "),
        ("Call", START - timedelta(seconds=1), "the call “Budget” begins on "),
        ("Task", START - timedelta(seconds=1), "the task “Budget” is due on "),
        ("Task", START + timedelta(minutes=5), "the task “Budget” was due on "),
        ("Meeting", START + timedelta(minutes=5), "the meeting “Budget” began on "),
    ],
)
def test_it_says_what_it_is_and_whether_it_has_begun(parse: Parse, entity_type: str, now: datetime, expected: str):
    mail = Mail(parse, entity_type=entity_type, now=now)

    assert expected in mail.text
    assert f"/#{entity_type}/view/12" in mail.text
    assert mail.message["Subject"] == f"Reminder of a {entity_type.lower()}: Budget"


@pytest.mark.parametrize(
    ("zone", "moment", "expected"),
    [
        ("Europe/Berlin", "2026-03-29T00:30Z", "Sunday, 29 March 2026 at 01:30 (Europe/Berlin, UTC+01:00)"),
        ("Europe/Berlin", "2026-03-29T01:30Z", "Sunday, 29 March 2026 at 03:30 (Europe/Berlin, UTC+02:00)"),
        ("Europe/Berlin", "2026-10-25T00:30Z", "Sunday, 25 October 2026 at 02:30 (Europe/Berlin, UTC+02:00)"),
        ("Europe/Berlin", "2026-10-25T01:30Z", "Sunday, 25 October 2026 at 02:30 (Europe/Berlin, UTC+01:00)"),
        ("America/New_York", "2026-07-01T03:00Z", "Tuesday, 30 June 2026 at 23:00 (America/New_York, UTC-04:00)"),
        ("Asia/Kathmandu", "2026-07-01T03:00Z", "Wednesday, 1 July 2026 at 08:45 (Asia/Kathmandu, UTC+05:45)"),
        ("Australia/Lord_Howe", "2026-07-01T03:00Z", "1 July 2026 at 13:30 (Australia/Lord_Howe, UTC+10:30)"),
        ("Mars/Olympus", "2026-07-01T03:00Z", "Wednesday, 1 July 2026 at 03:00 (UTC, UTC+00:00)"),
        ("../../etc/passwd", "2026-07-01T03:00Z", "at 03:00 (UTC, UTC+00:00)"),
        ("", "2026-07-01T03:00Z", "at 03:00 (UTC, UTC+00:00)"),
        (None, "2026-07-01T03:00Z", "at 03:00 (UTC, UTC+00:00)"),
    ],
)
def test_times_are_those_of_the_users_clock(parse: Parse, zone: str | None, moment: str, expected: str):
    """F31, F35."""
    start = datetime.fromisoformat(moment)
    mail = Mail(parse, time_zone=zone, start_at=start, record_start_at=start)

    assert expected in mail.text
    assert expected in Page(mail.html).text


def test_all_day_has_no_time(parse: Parse):
    mail = Mail(parse, record_start_date=date(2026, 3, 29))

    assert "begins on Sunday, 29 March 2026 (all day)." in mail.text


def test_the_message_id_depends_on_site_user_record_and_moment_only(parse: Parse):
    first = Mail(parse).message["Message-ID"]

    assert (
        first
        == Mail(parse, id=99, token=5, attempt_count=3, record_name="Other", email="b@example.org").message[
            "Message-ID"
        ]
    )
    assert str(first).endswith("@example.com>")
    others = {
        str(Mail(parse, **change).message["Message-ID"])
        for change in (
            {"user_id": "8"},
            {"entity_id": "13"},
            {"entity_type": "Call"},
            {"remind_at": START - timedelta(minutes=10, microseconds=1)},
        )
    }
    other_site = compose(REMINDER, replace(LETTERHEAD, site_url="https://test.example.com")).message_id
    assert len(others | {str(first), other_site}) == 6


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{name} {0} {user.__class__} %s $x",
    "x\r\nBcc: eve@example.com\r\n\r\nbody",
    "\x1b[31mred\x1b]0;title\x07",
    "gpj.\u202eexe",
    "=?utf-8?q?=0d=0aBcc:_eve?=",
    "&lt;b&gt; &amp;",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "a" * 250,
    "日本語" * 80,
    "\0",
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_stands_in_names_is_text(parse: Parse, text: str):
    """H04, H11, H17."""
    mail = Mail(parse, record_name=text, user_name=text, entity_id=text or "x")

    page = Page(mail.html)
    assert page.tags == TAGS
    assert page.links == [link for link in page.links if link.startswith("https://crm.example.com/app/#Meeting/view/")]
    assert set(mail.message.keys()) == FIELDS
    assert [str(address.addr_spec) for address in mail.message["To"].addresses] == ["ann@example.org"]
    for content in (mail.text, mail.html, str(mail.message["Subject"])):
        assert all(character.isprintable() or character == "\n" for character in content)
    subject = " ".join(str(mail.message["Subject"]).split())
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    assert subject == f"Reminder of a meeting: {shown if len(shown) <= 200 else shown[:199] + '…'}" or not shown


def test_without_names_it_is_still_a_letter(parse: Parse):
    mail = Mail(parse, record_name=" ", user_name="")

    assert mail.text.startswith("Hello,\n\nthe meeting “(no name)” begins")
    assert mail.message["To"] == "ann@example.org"


def test_a_wrong_address_is_a_fault_of_this_mail(parse: Parse):
    """H04."""
    with pytest.raises(InvalidInput, match="is no address that mail can be sent to"):
        Mail(parse, email="a@b>\r\nRCPT TO:<x@y")


@pytest.mark.parametrize("tag", ["en", "en_US", "en-GB", "EN", "xx", "", None])
def test_the_language_falls_back_to_english(tag: str | None):
    assert words_in(LANGUAGES, tag) is ENGLISH


def test_a_language_is_one_more_entry(parse: Parse, monkeypatch: pytest.MonkeyPatch):
    german = replace(
        ENGLISH,
        tag="de",
        subjects=ENGLISH.subjects | {"Meeting": "Erinnerung: {name}"},  # type: ignore[operator]
        months=("Januar", "Februar", "März", *ENGLISH.months[3:]),
        day="{weekday}, {day}. {month} {year}",
    )
    monkeypatch.setattr("jobrunner.services.reminders.compose.LANGUAGES", {**LANGUAGES, "de": german})
    mail = Mail(parse, language="de_AT")

    assert mail.message["Subject"] == "Erinnerung: Budget"
    assert "Tuesday, 3. März 2026 at 10:00" in mail.text
    assert '<html lang="de">' in mail.html


def test_every_language_says_everything():
    for words in LANGUAGES.values():
        assert len(words.months) == 12
        assert len(words.weekdays) == 7
        for sentences in (words.subjects, words.ahead, words.past):
            assert set(sentences) == {"Meeting", "Call", "Task"}


def test_the_letterhead_is_that_of_the_account(parse: Parse):
    smtp = {"host": "mail.example.com", "from_address": "crm@example.com", "from_name": "The  CRM"}
    account = system_account(Configuration(smtp=smtp))  # type: ignore[arg-type]
    assert Letterhead.of(account, "https://x.example") == Letterhead(
        Mailbox(parse_address("crm@example.com"), "The CRM"), "https://x.example"
    )
    answers = parse_address("answers@example.com")
    letterhead = Letterhead.of(replace(account, reply_to=answers), "https://x.example")
    assert parse(compose(REMINDER, letterhead).to_bytes())["Reply-To"] == "answers@example.com"


def test_where_nobody_has_said_where_the_application_is_there_is_no_link(parse: Parse):
    mail = compose(REMINDER, replace(LETTERHEAD, has_links=False))
    message = parse(mail.to_bytes())
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        content = part.get_content()
        assert "http" not in content
        assert ENGLISH.link not in content
    assert mail.message_id == compose(REMINDER, LETTERHEAD).message_id
