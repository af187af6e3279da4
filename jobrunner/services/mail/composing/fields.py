"""Further header fields: the ones beside those that every message has, and those of mail in bulk."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.header import write_phrase, write_token

RESERVED = frozenset(
    [
        "date",
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "subject",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "return-path",
        "received",
        "dkim-signature",
    ]
)
"""Fields that are written from values of their own, or not by us."""

AUTOMATIC = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
"""For mail of a program to one person, such as a notification: no holiday note answers it (RFC 3834)."""

FEEDBACK_PART = re.compile(r"[A-Za-z0-9_.-]*")
LIST_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
URL = re.compile(r"https?://[!-+\--;=?-~]+")
MAILTO = re.compile(r"mailto:[!-+\--;=?-~]+")


@dataclass(frozen=True, slots=True)
class ListId:
    """A list that mail is written to (RFC 2919)."""

    identifier: str
    """Such as `newsletter.example.com`: unique for ever, under a domain of ours."""
    description: str = ""

    def to_bytes(self) -> bytes:
        """Return the field.

        Raises:
            InvalidInput: the identifier is none.
        """
        if not LIST_ID.fullmatch(self.identifier) or len(self.identifier) > 255:
            raise InvalidInput(f"a List-Id must be of the form list.example.com, got {self.identifier[:80]!r}")
        if not self.description:
            return write_token("List-Id", f"<{self.identifier}>")
        return write_phrase("List-Id", self.description, self.identifier)


def write_further(headers: Mapping[str, str]) -> bytes:
    """Write fields whose values stay in one piece.

    Raises:
        InvalidInput: a value cannot be written safely, or the field is one that has a value of its own.
    """
    fields = []
    for name, value in headers.items():
        if name.lower() in RESERVED:
            raise InvalidInput(f"the header {name} cannot be given as a further one")
        fields.append(write_token(name, value))
    return b"".join(fields)


def bulk_fields(campaign: str, mailing: str, kind: str, sender: str) -> dict[str, str]:
    """Return the fixed fields of a mailing: that it is one, that nothing should answer, and what a provider counts by.

    Raises:
        InvalidInput: a part of the Feedback-ID holds other than letters, digits, `_`, `.`, `-`.
    """
    parts = (campaign, mailing, kind, sender)
    for part in parts:
        if not FEEDBACK_PART.fullmatch(part):
            raise InvalidInput(f"a part of the Feedback-ID may hold letters, digits, _, . and -, got {part[:80]!r}")
    return {
        "Precedence": "bulk",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "AutoReply",
        "Feedback-ID": ":".join(parts),
    }


def unsubscribe_fields(url: str, mailto: str | None = None) -> dict[str, str]:
    """Return the two fields by which a mailbox provider offers to unsubscribe (RFC 2369, 8058).

    Args:
        url: takes the POST; https, but for trials on this machine.
        mailto: a `mailto:` URL for programs that only write mails.

    Raises:
        InvalidInput: one of them is no such URL, or holds what must be percent-encoded (`<`, `>`, `,`, blanks).
    """
    if not URL.fullmatch(url):
        raise InvalidInput(f"no mail can be unsubscribed from by {url[:80]!r}: it must be a URL, percent-encoded")
    value = f"<{url}>"
    if mailto is not None:
        if not MAILTO.fullmatch(mailto):
            raise InvalidInput(f"no mail can be unsubscribed from by {mailto[:80]!r}: it must be a mailto: URL")
        value += f", <{mailto}>"
    return {"List-Unsubscribe": value, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
