"""An answer as it is written (RFC 3834, 3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.composing.header import MESSAGE_ID
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.composing.parts import Attachment
from jobrunner.services.mail.composing.text import one_line
from jobrunner.services.mail.importing.parsing.keys import digest_of
from jobrunner.services.mail.templates import ANSWERED, PERSON, Allowed, Template, Values, compile_template, plain_text
from jobrunner.services.mailbox.replies.rows import DueAnswer, SentAnswer
from jobrunner.services.records.addresses import address_key

AUTOMATIC = {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", "Precedence": "auto_reply"}
REFERENCES_ROOM = 900
"""Octets of References: they stand in one line; of more ids the first and the newest are kept."""
SUBJECT_LIMIT = 255
NAME_LIMIT = 200
REPLY_PREFIX = re.compile(r"\s*(?:re|aw|antw|sv)\s*:", re.IGNORECASE)

ALLOWED: Allowed = {
    **dict.fromkeys(("Person", "Contact", "Lead", "Account"), PERSON),
    **ANSWERED,
    "User": frozenset({"name", "email", "email_address"}),
}
"""What the template of an answer may name."""


@dataclass(frozen=True)
class Stationery:
    """What all answers of an account have in common."""

    sender: Mailbox
    reply_to: Mailbox | None
    subject: Template
    text: Template
    html: Template | None
    attachments: tuple[Attachment, ...] = ()

    @property
    def templates(self) -> list[Template]:
        """In the order in which a renderer fills them."""
        return [self.subject, self.text] if self.html is None else [self.subject, self.text, self.html]


def compile_stationery(row: Mapping[str, Any], attachments: list[Attachment]) -> Stationery:
    """Return that of an account as it is in the database.

    Raises:
        InvalidInput: the template cannot be used, or an address is none.
    """
    html = row["body"] if row["is_html"] else None
    text = (row["plain_body"] or plain_text(row["body"])) if row["is_html"] else row["body"]
    reply_to = row["reply_to_address"]
    return Stationery(
        Mailbox(parse_address(row["from_address"]), one_line(row["from_name"], NAME_LIMIT)),
        None if reply_to is None else Mailbox(parse_address(reply_to)),
        compile_template(row["subject"], "subject", ALLOWED),
        compile_template(text, "text", ALLOWED),
        None if html is None else compile_template(html, "html", ALLOWED),
        tuple(attachments),
    )


def values_of(answer: DueAnswer) -> Values:
    """Return what fills the templates of one answer."""
    email, case = dict(answer.email), answer.case or {}
    email["date_sent"] = datetime.fromisoformat(email["date_sent"])
    person = _person(answer)
    user = dict(answer.user or {})
    records = {
        "Person": person,
        (answer.person or {}).get("type", "Contact"): person,
        "Case": case,
        "Parent": case,
        "Email": email,
        "User": {**user, "email_address": user.get("email")},
    }
    return Values(records, answer.now, language=person.get("language") or "en")


def compose(answer: DueAnswer, stationery: Stationery, texts: tuple[str, ...], message_id: str) -> Message:
    """Return the message.

    Args:
        answer: what is answered.
        stationery: of the account.
        texts: what its templates say.
        message_id: of the answer.

    Raises:
        InvalidInput: the recipient is no address.
    """
    html = texts[2] if len(texts) > 2 else None
    return Message(
        sender=stationery.sender,
        recipient=Mailbox(parse_address(answer.recipient)),
        subject=_subject(answer, texts[0]),
        text=texts[1],
        html=html,
        message_id=message_id,
        date=answer.now,
        headers=AUTOMATIC | threading_fields(answer.email["message_id"], answer.email["references"]),
        reply_to=stationery.reply_to,
        attachments=stationery.attachments,
    )


def as_sent(answer: DueAnswer, message: Message) -> SentAnswer:
    """Return the answer as a mail of ours."""
    return SentAnswer(
        message_id=message.message_id,
        subject=message.subject[:SUBJECT_LIMIT] or "(No Subject)",
        text=message.text,
        html=message.html,
        digest=digest_of(message.text, message.html or "" if not message.text.strip() else ""),
        sender=str(message.sender.address),
        sender_key=address_key(message.sender.address),
        sender_string=_shown(message.sender),
        recipient=answer.recipient,
        recipient_key=address_key(message.recipient.address),
        references=[id for id in [answer.email["message_id"]] if id is not None and len(id) <= SUBJECT_LIMIT],
    )


def threading_fields(message_id: str | None, references: list[str]) -> dict[str, str]:
    """Return In-Reply-To and References: what the mail refers to, oldest first, and its own id (RFC 5322, 3.6.4).

    Ids of strangers that are none are left out: they would stand in a header of ours.
    """
    if message_id is None or not MESSAGE_ID.fullmatch(message_id) or len(message_id) > REFERENCES_ROOM:
        return {}
    ids = [id for id in references if id != message_id and MESSAGE_ID.fullmatch(id)]
    while ids and sum(map(len, ids)) + len(ids) + len(message_id) > REFERENCES_ROOM:
        del ids[1 if len(ids) > 1 else 0]
    return {"In-Reply-To": message_id, "References": " ".join([*ids, message_id])}


def _person(answer: DueAnswer) -> dict[str, Any]:
    """Return who has written, or somebody with the name in From in their place."""
    email = answer.email
    if answer.person is None:
        name = email["from_name"] or ""
        return {"name": name, "email": email["from_address"], "email_address": email["from_address"]}
    person = dict(answer.person)
    fields = person.pop("fields") or {}
    return {**fields, **person, "email_address": person["email"]}


def _subject(answer: DueAnswer, written: str) -> str:
    own = written.strip()
    if not own:
        asked = one_line(answer.email["subject"], SUBJECT_LIMIT)
        own = asked if REPLY_PREFIX.match(asked) else f"Re: {asked}"
    return own if answer.case is None else f"[#{answer.case['number']}] {own}"


def _shown(mailbox: Mailbox) -> str:
    return f"{mailbox.name} <{mailbox.address}>" if mailbox.name else str(mailbox.address)
