"""What is known of a message once it was taken apart. Plain data: it goes from process to process."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class MailAddress:
    """One mailbox of an address field."""

    address: str
    """Valid, domain in lower case and as A-labels; or, where `key` is None, whatever stood there."""
    name: str = ""
    key: str | None = None
    """The same that `jobrunner.address_key()` makes; None where it is no address that mail can be sent to."""

    def __reduce__(self) -> tuple[Any, ...]:
        return MailAddress, (self.address, self.name, self.key)  # a quarter of the time that dataclasses take

    def __str__(self) -> str:
        if not self.name:
            return self.address
        return f"{self.name} <{self.address}>" if self.address else self.name


@dataclass(frozen=True, slots=True)
class ParsedAttachment:
    """A file of the message, decoded."""

    name: str
    """Safe as the name of a file: no path, no controls, at most 255 octets."""
    content_type: str
    """As the sender says; not to be believed."""
    content: bytes = field(repr=False, default=b"")
    """Empty where it was put into a file already (`staged`)."""
    content_id: str | None = None
    """Without its brackets."""
    is_inline: bool = False
    """The HTML shows it, by its Content-ID."""
    size: int = 0
    sha256: bytes | None = None
    staged: str | None = None
    """The name of the file that holds it until it is imported (see `storing.files`)."""
    section: str | None = None
    """Set where it was not fetched: the part's number at the server (RFC 3501, 6.4.5)."""

    def __reduce__(self) -> tuple[Any, ...]:
        return ParsedAttachment, tuple(getattr(self, name) for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class Marks:
    """What tells automatic mail from that of a person (RFC 3834 and custom)."""

    is_auto_reply: bool = False
    """An answer by a machine: X-Autoreply, X-Autorespond, or Auto-Submitted: auto-replied."""
    is_automatic: bool = False
    """That, a report, or sent by a machine in any other way: it opens no case and gets no answer."""
    never_answer: tuple[str, ...] = ()
    """Why it must not be answered by a machine, in words; empty if, as far as the message itself says, it may."""
    return_path: str | None = None
    """Where an answer goes (RFC 3834, 4): the address; empty for the null path, None where the server wrote none."""


Verdict = Literal["hard", "soft", "policy"]


@dataclass(frozen=True, slots=True)
class BounceRecipient:
    """What a report says of one address."""

    address: str
    original: str | None
    action: str
    """failed, delayed, delivered, relayed or expanded."""
    status: str | None
    """As `5.1.1`."""
    diagnostic: str
    verdict: Verdict | None
    """What that means for the address: `hard`: there is no such mailbox; `soft`: not now; `policy`: it is about the
    message or its sender. None unless the action is failed."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A message that tells what became of another one. What it claims is to be checked by who knows the mailing."""

    kind: Literal["report", "text", "complaint", "receipt"]
    """A report of delivery (RFC 3464), such a one in free text, a complaint (RFC 5965), a read receipt (RFC 8098)."""
    recipients: tuple[BounceRecipient, ...] = ()
    tokens: tuple[str, ...] = ()
    """Words of the addresses that it came to which may be signed tokens of an item (VERP); the best evidence."""
    envelope_ids: tuple[str, ...] = ()
    """Original-Envelope-Id: what the sender has called the envelope (RFC 3461); as good where it was a secret."""
    item_ids: tuple[str, ...] = ()
    """X-Queue-Item-Id of the returned header; the second best."""
    message_ids: tuple[str, ...] = ()
    """Message-ID of the returned header, with brackets; with a final recipient the third best."""

    @property
    def verdict(self) -> Verdict | None:
        """The gravest of the verdicts, or None where nothing failed."""
        given = {recipient.verdict for recipient in self.recipients}
        for verdict in ("hard", "soft", "policy"):
            if verdict in given:
                return verdict
        return None


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """One message."""

    message_key: str
    """Equal for copies of one mail: its id, or a digest where it has none (see `keys`)."""
    message_id: str | None
    """With its brackets; None where there is none."""
    text_digest: str
    """Of the decoded text without blanks: copies have the same, whatever relays did to them."""
    subject: str = ""
    """In one line; empty where there is none."""
    sender: tuple[MailAddress, ...] = ()
    """From. Usually one."""
    to: tuple[MailAddress, ...] = ()
    cc: tuple[MailAddress, ...] = ()
    reply_to: tuple[MailAddress, ...] = ()
    delivered_to: tuple[str, ...] = ()
    """Addresses of mailboxes that it came to: Delivered-To, X-Original-To, Envelope-To."""
    from_string: str = ""
    reply_to_string: str = ""
    in_reply_to: tuple[str, ...] = ()
    """Message-IDs with brackets."""
    references: tuple[str, ...] = ()
    """Message-IDs with brackets, the oldest first."""
    date_header: str | None = None
    date: datetime | None = None
    """What that says, in UTC; None where it says nothing."""
    text: str = ""
    html: str | None = None
    """As it came: cleaned when it is shown (`clean_html`)."""
    ics: str | None = None
    attachments: tuple[ParsedAttachment, ...] = ()
    marks: Marks = field(default_factory=Marks)
    bounce: Bounce | None = None
    header: str = ""
    """The whole header as text."""
    size: int = 0
    """Octets of the source."""
    trouble: str | None = None
    """Why it could not be taken apart: then its source is kept, and it is read again by a later version."""
    oddities: tuple[str, ...] = ()
    """What was passed over in it."""
