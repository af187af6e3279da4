"""One message of its own; for many of one shape see mailing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from jobrunner.services.mail.address import Mailbox
from jobrunner.services.mail.composing.body import quoted_printable
from jobrunner.services.mail.composing.date import rfc5322_date
from jobrunner.services.mail.composing.fields import write_further
from jobrunner.services.mail.composing.header import write_mailbox, write_message_id, write_text, write_token
from jobrunner.services.mail.composing.parts import Attachment, frame_for


@dataclass(frozen=True)
class Message:
    """What is written to one recipient."""

    sender: Mailbox
    recipient: Mailbox
    subject: str
    text: str
    html: str | None
    """None: a message of text alone."""
    message_id: str
    """With its angle brackets; the same on every attempt, so that a receiver can drop a repeated one."""
    date: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further fields, whose values stay in one piece."""
    reply_to: Mailbox | None = None
    attachments: Sequence[Attachment] = ()
    """Files, and the inline images of the HTML."""

    def to_bytes(self) -> bytes:
        """Return the message with CRLF line ends.

        Raises:
            InvalidInput: a header cannot be written safely.
        """
        head = [
            write_token("Date", rfc5322_date(self.date)),
            write_mailbox("From", self.sender),
            write_mailbox("To", self.recipient),
            write_text("Subject", self.subject),
            write_message_id("Message-ID", self.message_id),
        ]
        if self.reply_to is not None:
            head.append(write_mailbox("Reply-To", self.reply_to))
        head.append(write_further(self.headers))
        html = b"" if self.html is None else quoted_printable(self.html)
        frame = frame_for(html=self.html is not None, attachments=self.attachments)
        return b"".join(head) + frame.fill(quoted_printable(self.text), html)
