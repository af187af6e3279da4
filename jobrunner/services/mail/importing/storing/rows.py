"""Mails and what belongs to them, as the rows that the statements take."""

import json
from datetime import datetime
from typing import Any

from jobrunner.services.mail.importing.parsing import MailAddress, ParsedAttachment, ParsedMail
from jobrunner.services.mail.importing.parsing.dates import date_sent
from jobrunner.services.mail.importing.parsing.keys import message_ref

SUBJECT_LIMIT = 255
NO_SUBJECT = "(No Subject)"
REFERENCES = 100
TROUBLE_LIMIT = 1000


def row_of(mail: ParsedMail, received: datetime) -> dict[str, Any]:
    """Return the columns of a mail that depend on what was read of it."""
    source = mail.attachments[0].sha256 if mail.trouble is not None else None
    return {
        "date_sent": date_sent(mail.date, received).isoformat(),
        "delivery_date": received.isoformat(),
        "size": mail.size,
        "is_auto_reply": mail.marks.is_auto_reply,
        "is_automatic": mail.marks.is_automatic,
        "has_attachments": any(not file.is_inline for file in mail.attachments),
        "text_digest": mail.text_digest,
        "subject": mail.subject[:SUBJECT_LIMIT] or NO_SUBJECT,
        "from_key": from_key(mail),
        "from_string": mail.from_string,
        "reply_to_string": mail.reply_to_string,
        "return_path": mail.marks.return_path,
        "never_answer": list(mail.marks.never_answer),
        "date_header": mail.date_header,
        "body_plain": mail.text,
        "body_html": mail.html,
        "ics": mail.ics,
        "header": mail.header,
        "trouble": None if mail.trouble is None else mail.trouble[:TROUBLE_LIMIT],
        "source_sha256": source.hex() if source is not None else None,
    }


def from_key(mail: ParsedMail) -> str | None:
    """Return the first address in From."""
    return next((address.key for address in mail.sender if address.key), None)


def recipient_rows(email_id: int, mail: ParsedMail) -> list[dict[str, Any]]:
    """Return the addresses of a mail as rows."""
    roles: list[tuple[str, tuple[MailAddress, ...]]] = [
        ("From", mail.sender), ("To", mail.to), ("Cc", mail.cc), ("Reply-To", mail.reply_to)
    ]  # fmt: skip
    return [
        {
            "email_id": email_id,
            "role": role,
            "position": position,
            "address_key": address.key,
            "address": address.address,
            "name": address.name,
        }
        for role, addresses in roles
        for position, address in enumerate(addresses)
    ]


def references_of(mail: ParsedMail) -> list[str]:
    """Return what a mail answers: In-Reply-To, then References from the newest to the oldest."""
    ids = dict.fromkeys((*mail.in_reply_to, *reversed(mail.references)))
    return list(dict.fromkeys(message_ref(id) for id in ids))[:REFERENCES]


def attachment_row(email_id: int, position: int, file: ParsedAttachment) -> dict[str, Any]:
    """Return a file of a mail as a row."""
    return {
        "email_id": email_id,
        "position": position,
        "name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "sha256": file.sha256.hex() if file.sha256 is not None else None,
        "content_id": file.content_id,
        "is_inline": file.is_inline,
        "section": file.section,
    }


def rows_as_json(rows: list[dict[str, Any]]) -> str:
    """Return rows as a statement takes them."""
    return json.dumps(rows, ensure_ascii=False)
