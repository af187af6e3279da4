"""One notification as a mail tells of it: a sentence, and for posts what was written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobrunner.services.mail.composing.text import one_line
from jobrunner.services.notifications.markdown import to_html, to_plain
from jobrunner.services.notifications.rows import Notification
from jobrunner.services.notifications.words import Words

NAME_LIMIT = 200
"""Characters of a name or a value that a mail shows."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Plain text; `body_html` alone is HTML."""

    sentence: str
    body: str = ""
    body_html: str = ""


def entry_of(one: Notification, words: Words, *, with_body: bool = True) -> Entry:
    """Return what is told of one notification. Its data may hold anything: what is no text counts as not given."""
    actor = name_of_actor(one, words)
    match one.type:
        case "Post" | "Mention":
            sentence = (words.post if one.type == "Post" else words.mention).format(actor=actor)
            post = one.data.get("post")
            if not with_body or not isinstance(post, str) or not to_plain(post):
                return Entry(sentence)
            return Entry(sentence, to_plain(post), to_html(post))
        case "Status":
            return Entry(_status(one.data, actor, words))
        case "EmailReceived":
            sender, subject = one_text(one.data.get("from")), one_text(one.data.get("subject"))
            pattern = words.email if sender else words.email_nameless
            return Entry(pattern.format(sender=sender, subject=subject or words.no_subject))
        case _:
            return Entry(words.assignment.format(actor=actor))


def name_of_actor(one: Notification, words: Words) -> str:
    """Return who did it: as the user is called, as the notification says, or somebody."""
    return one_text(one.actor_name) or one_text(one.data.get("actor_name")) or words.somebody


def one_text(value: object) -> str:
    """Return a text of data in one line; nothing for what is no text."""
    return one_line(value, NAME_LIMIT) if isinstance(value, str) else ""


def localized(value: object, words: Words) -> str:
    """Return a label: a text, or of an object with a text for each language that of ours, else of English."""
    if isinstance(value, Mapping):
        value = value.get(words.tag) or value.get("en") or next(iter(value.values()), None)
    return one_text(value)


def _status(data: Mapping[str, Any], actor: str, words: Words) -> str:
    old, new = (
        localized(data.get(f"{which}_label"), words) or _value(data.get(which), words) for which in ("old", "new")
    )
    name = localized(data.get("field_label"), words)
    field = name if name else words.status_field
    pattern = words.status if old else words.status_set
    return pattern.format(actor=actor, field=field, old=old, new=new)


def _value(value: object, words: Words) -> str:
    text = one_text(value)
    return words.values.get(text, text)
