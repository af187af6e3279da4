"""One message with a text and an HTML part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from jobrunner.services.mail.address import Mailbox
from jobrunner.services.mail.composing.body import quoted_printable
from jobrunner.services.mail.composing.header import write_mailbox, write_text, write_token

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Quoted-printable never yields "=_", so no line of a part can be taken for the boundary.
BOUNDARY = "=_jobrunner_"


@dataclass(frozen=True)
class Message:
    """What is written to one recipient."""

    sender: Mailbox
    recipient: Mailbox
    subject: str
    text: str
    html: str
    message_id: str
    """With its angle brackets; the same on every attempt, so that a receiver can drop a repeated one."""
    date: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further fields, whose values stay in one piece."""

    def to_bytes(self) -> bytes:
        """Return the message with CRLF line ends.

        Raises:
            InvalidInput: a header cannot be written safely.
        """
        boundary = f"{BOUNDARY}{sum(self.message_id.encode()):x}"
        head = [
            write_token("Date", rfc5322_date(self.date)),
            write_mailbox("From", self.sender),
            write_mailbox("To", self.recipient),
            write_text("Subject", self.subject),
            write_token("Message-ID", self.message_id),
            *(write_token(name, value) for name, value in self.headers.items()),
            write_token("MIME-Version", "1.0"),
            write_token("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
        ]
        delimiter = f"--{boundary}".encode()
        return b"".join(
            [
                *head,
                b"\r\n",
                *(
                    delimiter + b"\r\n" + _part(kind, body)
                    for kind, body in (("plain", self.text), ("html", self.html))
                ),
                delimiter + b"--\r\n",
            ]
        )


def _part(kind: str, body: str) -> bytes:
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head.encode() + quoted_printable(body)


def rfc5322_date(moment: datetime) -> str:
    """Return a moment as a Date field has it, in UTC; never by the locale of the machine."""
    utc = moment.astimezone(UTC)
    return f"{DAYS[utc.weekday()]}, {utc.day} {MONTHS[utc.month - 1]} {utc.year:04} {utc:%H:%M:%S} +0000"
