"""The mail of one user about one record: a heading, then each thing that happened."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.composing.fields import AUTOMATIC
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.languages import words_in
from jobrunner.services.mail.letterhead import Letterhead
from jobrunner.services.mail.templates.formatting import Style
from jobrunner.services.notifications.entries import Entry, entry_of, name_of_actor, one_text
from jobrunner.services.notifications.rows import Notification
from jobrunner.services.notifications.words import LANGUAGES, Words

MOST_ENTRIES = 50
"""Notifications that one mail tells of in full; of more it says how many."""
POSTS_LIMIT = 50_000
"""Characters after which a mail shows no further posts: who wrote when, and the link, is enough then."""
EPOCH = datetime.fromtimestamp(0, UTC)
PATH = re.compile(r"[/#?][^\x00-\x20\x7f]*")

PAGE = """\
<!DOCTYPE html>
<html lang="{lang}">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="font-family: sans-serif; font-size: 15px; line-height: 1.5; color: #222">
<p>{greeting}</p>
<p><b>{heading}</b></p>
{entries}
{link}<p style="color: #666; font-size: 13px">{why}</p>
</body>
</html>
"""
LINK = """\
<p>{link} <a href="{url}">{url}</a></p>
"""
ENTRY = """\
<div style="margin: 0 0 16px">
<p style="margin: 0"><span style="color: #666; font-size: 13px">{when}</span><br>{sentence}</p>
{body}</div>
"""
BODY = """\
<div style="margin: 4px 0 0; padding: 0 0 0 12px; border-left: 3px solid #ddd">
{body}
</div>
"""


def compose(notifications: Sequence[Notification], letterhead: Letterhead) -> Message:
    """Compose one mail of notifications of one user and one record, the oldest first; there is at least one.

    Raises:
        InvalidInput: the user's address is none.
    """
    first = notifications[0]
    words = words_in(LANGUAGES, first.language)
    entries = _entries(notifications[:MOST_ENTRIES], words)
    subject, heading = _subject(notifications, words), _heading(notifications, words)
    user = one_text(first.user_name)
    greeting = words.greeting.format(name=user) if user else words.greeting_nameless
    url = record_url(first, letterhead)
    links = [] if url is None else [f"{words.link}\n{url}"]
    texts = [_entry_text(when, entry) for when, entry in entries]
    htmls = [_entry_html(when, entry) for when, entry in entries]
    if further := len(notifications) - len(entries):
        left_out = words.further.format(count=further)
        texts.append(left_out)
        htmls.append(f"<p>{escape(left_out)}</p>\n")
    return Message(
        sender=letterhead.sender,
        recipient=Mailbox(parse_address(first.email or ""), user),
        subject=subject,
        text="\n\n".join([greeting, heading, *texts, *links, f"-- \n{words.why}"]) + "\n",
        html=PAGE.format(
            lang=words.tag,
            subject=escape(subject),
            greeting=escape(greeting),
            heading=escape(heading),
            entries="".join(htmls),
            link="" if url is None else LINK.format(link=escape(words.link), url=escape(url)),
            why=escape(words.why),
        ),
        message_id=message_id(first, letterhead),
        date=first.now,
        headers={**AUTOMATIC, **_thread(first, letterhead)},
        reply_to=_reply_to(notifications, letterhead),
    )


def _entries(notifications: Sequence[Notification], words: Words) -> list[tuple[str, Entry]]:
    """Return what is told of each, with its moment as the clocks at the user's place show it."""
    style = Style.of(notifications[0].language or "en", notifications[0].time_zone or "UTC")
    entries: list[tuple[str, Entry]] = []
    room = POSTS_LIMIT
    for one in notifications:
        entry = entry_of(one, words, with_body=room > 0)
        room -= len(entry.body)
        entries.append((style.write_moment(one.created_at), entry))
    return entries


def record_url(one: Notification, letterhead: Letterhead) -> str | None:
    """Return the address of the record, behind that of the user's portal or the site; of the site where there is none.

    None where neither is known. A path that is none, as a function of the application's own may give, counts as not
    given.
    """
    site = one.portal_url or (letterhead.site_url if letterhead.has_links else None)
    if site is None:
        return None
    site = site.rstrip("/")
    if one.parent_type is None or one.parent_id is None:
        return f"{site}/"
    path = one.record_path or one.parent_path
    if path is None or not PATH.fullmatch(path):
        path = f"/#{one.parent_type}/view/{quote(one.parent_id, safe='')}"
    return f"{site}{path if path.startswith('/') else f'/{path}'}"


def message_id(one: Notification, letterhead: Letterhead) -> str:
    """Return the Message-ID, which depends on site, user and first notification: the same on every attempt."""
    about = ("User", one.user_id)
    if one.parent_type is not None and one.parent_id is not None:
        about = (one.parent_type, one.parent_id)
    # No moment: the oldest of a group may be read, and left out, before the next attempt.
    return letterhead.message_id("notification", about, EPOCH, one.user_id, str(one.mail_group))


def thread_id(one: Notification, letterhead: Letterhead) -> str | None:
    """Return the id of the thread that all mails about a record are in; None where they are about none."""
    if one.parent_type is None or one.parent_id is None:
        return None
    return letterhead.stable_id("record", one.parent_type, one.parent_id)


def _thread(one: Notification, letterhead: Letterhead) -> dict[str, str]:
    thread = thread_id(one, letterhead)
    return {} if thread is None else {"In-Reply-To": thread, "References": thread}


def _reply_to(notifications: Sequence[Notification], letterhead: Letterhead) -> Mailbox | None:
    """Return where answers go: to the record's own address, as that of a case, or the account's."""
    for given in (notifications[0].reply_to, *(one.data.get("reply_to") for one in notifications)):
        if isinstance(given, str) and given:
            try:
                return Mailbox(parse_address(given))
            except InvalidInput:  # a mail without it is better than none
                continue
    return letterhead.reply_to


def _record(one: Notification, words: Words) -> dict[str, str]:
    kind = one.parent_type or ""
    name = one_text(one.record_name) or one_text(one.parent_name) or words.nameless
    return {"type": words.types.get(kind, kind), "name": name}


def _subject(notifications: Sequence[Notification], words: Words) -> str:
    first = notifications[0]
    if first.parent_type is not None:
        only_assigned = all(one.type == "Assignment" for one in notifications)
        pattern = words.subject_assignment if only_assigned else words.subject
        return pattern.format(**_record(first, words))
    if len(notifications) > 1:
        return words.subject_posts.format(count=len(notifications))
    return words.subject_post.format(actor=name_of_actor(first, words))


def _heading(notifications: Sequence[Notification], words: Words) -> str:
    first, count = notifications[0], len(notifications)
    if first.parent_type is None:
        return words.digest_without_record.format(count=count) if count > 1 else _subject(notifications, words)
    record = words.record.format(**_record(first, words))
    return words.digest.format(count=count, record=record) if count > 1 else record


def _entry_text(when: str, entry: Entry) -> str:
    body = "".join(f"\n> {line}".rstrip(" ") for line in entry.body.split("\n")) if entry.body else ""
    return f"{when}\n{entry.sentence}{body}"


def _entry_html(when: str, entry: Entry) -> str:
    body = BODY.format(body=entry.body_html) if entry.body_html else ""
    return ENTRY.format(when=escape(when), sentence=escape(entry.sentence), body=body)
