"""Many messages of one shape: what does not vary is written once, when the mailing is made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from jobrunner.services.mail.address import Mailbox
from jobrunner.services.mail.composing.body import quoted_printable
from jobrunner.services.mail.composing.date import rfc5322_date
from jobrunner.services.mail.composing.fields import ListId, write_further
from jobrunner.services.mail.composing.header import write_mailbox, write_message_id, write_text, write_token
from jobrunner.services.mail.composing.parts import Attachment, frame_for
from jobrunner.services.mail.composing.segments import Body, Segments

NONE: Mapping[str, str] = MappingProxyType({})


class Mailing:
    """The messages of one mailing, from one sender."""

    def __init__(
        self,
        sender: Mailbox,
        *,
        text: Segments,
        html: Segments | None,
        reply_to: Mailbox | None = None,
        transmitter: Mailbox | None = None,
        list_id: ListId | None = None,
        headers: Mapping[str, str] = NONE,
        attachments: Sequence[Attachment] = (),
    ) -> None:
        """Write what the messages have in common.

        Args:
            sender: whom they are from.
            text: the plain part: strings, and anything else (such as a slot of a template) where a value stands.
            html: the other one; None for messages of text alone.
            reply_to: whom answers go to, if not to the sender.
            transmitter: who sends on the sender's behalf; written (as Sender) only if its address is another.
            list_id: of the list that the recipients are on.
            headers: further fields, whose values stay in one piece; see `bulk_fields`.
            attachments: files, and the inline images of the HTML.

        Raises:
            InvalidInput: a header cannot be written safely.
        """
        originators = [write_mailbox("From", sender)]
        if transmitter is not None and transmitter.address != sender.address:
            originators.append(write_mailbox("Sender", transmitter))
        if reply_to is not None:
            originators.append(write_mailbox("Reply-To", reply_to))
        self._originators = b"".join(originators)
        frame = frame_for(html=html is not None, attachments=attachments)
        listed = b"" if list_id is None else list_id.to_bytes()
        self._before_text = listed + write_further(headers) + frame.before_text
        self._before_html = frame.before_html
        self._after_html = frame.after_html
        self._text = Body(text)
        self._html = None if html is None else Body(html)

    def compose(
        self,
        recipient: Mailbox,
        *,
        subject: str,
        text: Sequence[str] | str = (),
        html: Sequence[str] | str = (),
        message_id: str,
        date: datetime,
        headers: Mapping[str, str] = NONE,
    ) -> bytes:
        """Return one message with CRLF line ends.

        Args:
            recipient: whom it is to.
            subject: in one line.
            text: the values of the plain part, in the order of their places; or a string, a whole text instead.
            html: the values of the HTML part, escaped; or a string, a whole one. Nothing where the mailing has none.
            message_id: with its angle brackets; the same on every attempt.
            date: with its time zone.
            headers: further fields of this message, whose values stay in one piece; see `unsubscribe_fields`.

        Raises:
            InvalidInput: a header cannot be written safely, or there are not as many values as places.
        """
        return b"".join(
            (
                write_token("Date", rfc5322_date(date)),
                self._originators,
                write_mailbox("To", recipient),
                write_text("Subject", subject),
                write_message_id("Message-ID", message_id),
                write_further(headers),
                self._before_text,
                quoted_printable(text) if isinstance(text, str) else self._text.encode(text),
                self._before_html,
                self._encode_html(html),
                self._after_html,
            )
        )

    def _encode_html(self, html: Sequence[str] | str) -> bytes:
        if self._html is None:
            return b""
        return quoted_printable(html) if isinstance(html, str) else self._html.encode(html)
