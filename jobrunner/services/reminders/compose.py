"""The mail of one reminder, in its user's language and time zone."""

from base64 import b32encode
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from html import escape
from typing import Self
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jobrunner.services.mail.accounts import SendingAccount
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.composing.text import one_line
from jobrunner.services.reminders.rows import DueReminder
from jobrunner.services.reminders.words import Words, words_for

NAME_LIMIT = 200
"""Characters of a record's or user's name that a mail shows."""

HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
"""So that no holiday note answers (RFC 3834)."""

PAGE = """\
<!DOCTYPE html>
<html lang="{lang}">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="font-family: sans-serif; font-size: 15px; line-height: 1.5; color: #222">
<p>{greeting}</p>
<p>{sentence}</p>
<p>{link} <a href="{url}">{url}</a></p>
<p style="color: #666; font-size: 13px">{why}</p>
</body>
</html>
"""


@dataclass(frozen=True)
class Letterhead:
    """What all reminders have in common."""

    sender: Mailbox
    site_url: str
    """The application's address; links to records are made from it."""
    reply_to: Mailbox | None = None

    @classmethod
    def of(cls, account: SendingAccount, site_url: str) -> Self:
        """Return that of an account."""
        reply_to = None if account.reply_to is None else Mailbox(account.reply_to)
        return cls(account.sender, site_url, reply_to)


def compose(reminder: DueReminder, letterhead: Letterhead) -> Message:
    """Compose the mail.

    Raises:
        InvalidInput: the user's address is none.
    """
    words = words_for(reminder.language)
    name = one_line(reminder.record_name or "", NAME_LIMIT) or words.nameless
    user = one_line(reminder.user_name or "", NAME_LIMIT)
    subject = words.subjects[reminder.entity_type].format(name=name)
    greeting = words.greeting.format(user=user) if user else words.greeting_nameless
    sentences = words.ahead if reminder.start_at > reminder.now else words.past
    sentence = sentences[reminder.entity_type].format(name=name, when=write_when(reminder, words))
    url = record_url(letterhead.site_url, reminder.entity_type, reminder.entity_id)
    return Message(
        sender=letterhead.sender,
        recipient=Mailbox(parse_address(reminder.email or ""), user),
        subject=subject,
        text=f"{greeting}\n\n{sentence}\n\n{words.link}\n{url}\n\n{words.why}\n",
        html=PAGE.format(
            lang=words.tag,
            subject=escape(subject),
            greeting=escape(greeting),
            sentence=escape(sentence),
            link=escape(words.link),
            url=escape(url),
            why=escape(words.why),
        ),
        message_id=message_id(reminder, letterhead),
        date=reminder.now,
        headers=HEADERS,
        reply_to=letterhead.reply_to,
    )


def write_when(reminder: DueReminder, words: Words) -> str:
    """Return when it is: a day, or a moment as the clocks at the user's place show it."""
    if reminder.record_start_date is not None:
        return words.all_day.format(day=words.write_day(reminder.record_start_date))
    return words.write_moment(local_time(reminder.start_at, reminder.time_zone))


def local_time(moment: datetime, time_zone: str | None) -> datetime:
    """Return a moment in a zone; in UTC where nobody knows the zone (a view over foreign tables may have any)."""
    zone: tzinfo = UTC
    try:
        zone = ZoneInfo(time_zone or "UTC")
    except (KeyError, ValueError, OSError):  # unknown, no name of a zone at all, a folder
        pass
    return moment.astimezone(zone)


def record_url(site_url: str, entity_type: str, entity_id: str) -> str:
    """Return the address of a record in the application."""
    return f"{site_url.rstrip('/')}/#{entity_type}/view/{quote(entity_id, safe='')}"


def message_id(reminder: DueReminder, letterhead: Letterhead) -> str:
    """Return the Message-ID, which depends on site, user, record and moment only: the same on every attempt."""
    moment = reminder.remind_at.astimezone(UTC).isoformat(timespec="microseconds")
    parts = (letterhead.site_url, reminder.entity_type, reminder.entity_id, reminder.user_id, moment)
    digest = sha256("\0".join(parts).encode()).digest()[:16]
    token = b32encode(digest).decode("ascii").rstrip("=").lower()
    return f"<reminder.{token}@{letterhead.sender.address.domain}>"
