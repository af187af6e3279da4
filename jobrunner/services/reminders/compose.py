"""The mail of one reminder, in its user's language and time zone."""

from datetime import UTC, datetime, tzinfo
from html import escape
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.composing.fields import AUTOMATIC
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.composing.text import one_line
from jobrunner.services.mail.languages import words_in
from jobrunner.services.mail.letterhead import Letterhead
from jobrunner.services.reminders.rows import DueReminder
from jobrunner.services.reminders.words import LANGUAGES, Words

NAME_LIMIT = 200
"""Characters of a record's or user's name that a mail shows."""

PAGE = """\
<!DOCTYPE html>
<html lang="{lang}">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="font-family: sans-serif; font-size: 15px; line-height: 1.5; color: #222">
<p>{greeting}</p>
<p>{sentence}</p>
{link}<p style="color: #666; font-size: 13px">{why}</p>
</body>
</html>
"""
LINK = """\
<p>{link} <a href="{url}">{url}</a></p>
"""


def compose(reminder: DueReminder, letterhead: Letterhead) -> Message:
    """Compose the mail.

    Raises:
        InvalidInput: the user's address is none.
    """
    words = words_in(LANGUAGES, reminder.language)
    name = one_line(reminder.record_name or "", NAME_LIMIT) or words.nameless
    user = one_line(reminder.user_name or "", NAME_LIMIT)
    subject = words.subjects[reminder.entity_type].format(name=name)
    greeting = words.greeting.format(user=user) if user else words.greeting_nameless
    sentences = words.ahead if reminder.start_at > reminder.now else words.past
    sentence = sentences[reminder.entity_type].format(name=name, when=write_when(reminder, words))
    link = link_html = ""
    if letterhead.has_links:
        url = record_url(letterhead.site_url, reminder.entity_type, reminder.entity_id)
        link = f"{words.link}\n{url}\n\n"
        link_html = LINK.format(link=escape(words.link), url=escape(url))
    return Message(
        sender=letterhead.sender,
        recipient=Mailbox(parse_address(reminder.email or ""), user),
        subject=subject,
        text=f"{greeting}\n\n{sentence}\n\n{link}{words.why}\n",
        html=PAGE.format(
            lang=words.tag,
            subject=escape(subject),
            greeting=escape(greeting),
            sentence=escape(sentence),
            link=link_html,
            why=escape(words.why),
        ),
        message_id=message_id(reminder, letterhead),
        date=reminder.now,
        headers=AUTOMATIC,
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
    about = (reminder.entity_type, reminder.entity_id)
    return letterhead.message_id("reminder", about, reminder.remind_at, *about, reminder.user_id, moment)
