"""A message from its octets to `ParsedMail`. Each piece is read in its own try: what makes no sense costs itself."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from jobrunner.services.mail.importing.parsing.addresses import addresses_as_text, read_addresses
from jobrunner.services.mail.importing.parsing.automatic import read_marks
from jobrunner.services.mail.importing.parsing.bodies import Found, read_body
from jobrunner.services.mail.importing.parsing.bounces import read_bounce
from jobrunner.services.mail.importing.parsing.charset import decode
from jobrunner.services.mail.importing.parsing.dates import read_date
from jobrunner.services.mail.importing.parsing.entity import Entity, Source, read_entity, read_header
from jobrunner.services.mail.importing.parsing.ids import read_id, read_ids
from jobrunner.services.mail.importing.parsing.keys import digest_of, message_key
from jobrunner.services.mail.importing.parsing.limits import DEFAULT, Limits, TooMuch
from jobrunner.services.mail.importing.parsing.parsed import MailAddress, Marks, ParsedAttachment, ParsedMail
from jobrunner.services.mail.importing.parsing.words import decode_words, header_text, one_line

T = TypeVar("T")

Keep = Callable[[ParsedAttachment, Source], ParsedAttachment]
"""Takes what a file holds, and returns the file with its place."""

NONE: tuple[str, ...] = ()
SUBJECT_LIMIT = 2_000
HEADER_LIMIT = 256 * 1024
"""Characters of the header that are kept as text."""
DELIVERED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
SOURCE_NAME = "message.eml"


def hold(attachment: ParsedAttachment, content: Source) -> ParsedAttachment:
    """Keep a file in memory; what is used where no other way is given."""
    octets = bytes(content) if isinstance(content, bytes) else content[:]
    return placed(attachment, content=octets, size=len(octets), sha256=hashlib.sha256(octets).digest())


def placed(
    attachment: ParsedAttachment, *, size: int, sha256: bytes, content: bytes = b"", staged: str | None = None
) -> ParsedAttachment:
    """Return the file with its size, its hash, and what it holds or where that is."""
    return ParsedAttachment(
        attachment.name,
        attachment.content_type,
        content,
        attachment.content_id,
        attachment.is_inline,
        size,
        sha256,
        staged,
        attachment.section,
    )


def parse(source: Source, *, limits: Limits = DEFAULT, keep: Keep = hold) -> ParsedMail:
    """Take a message apart.

    What exceeds a limit, or has a fault that nobody foresaw, is kept as one file, with the reason in `trouble`. Raises
    only what `keep` does (OSError), MemoryError and RecursionError.
    """
    try:
        root = read_entity(source, limits)
        return _Reading(root, limits, keep).mail()
    except TooMuch as excess:
        return parse_as_file(source, str(excess), limits=limits, keep=keep)
    except (OSError, MemoryError, RecursionError):
        raise
    except Exception as error:  # a fault of ours must not stop the mails behind this one
        reason = f"{type(error).__name__}: {error}"[:300]
        return parse_as_file(source, one_line(reason), limits=limits, keep=keep)


def parse_as_file(source: Source, reason: str, *, limits: Limits = DEFAULT, keep: Keep = hold) -> ParsedMail:
    """Read only the header, as far as the limits allow, and keep the whole message as a file."""
    root = read_header(source, limits)
    reading = _Reading(root, limits, keep)
    reading.trouble = reason
    return reading.mail()


class _Reading:
    """One message being read."""

    def __init__(self, root: Entity, limits: Limits, keep: Keep) -> None:
        self.root = root
        self.limits = limits
        self.keep = keep
        self.trouble: str | None = None
        self.oddities: list[str] = []
        self.addresses_left = limits.addresses

    def mail(self) -> ParsedMail:
        """Put together all that can be read."""
        root = self.root
        sender = self._addresses("from")
        to, cc, reply_to = self._addresses("to"), self._addresses("cc"), self._addresses("reply-to")
        if not sender:
            sender = self._addresses("sender")
        subject = self._try("Subject", "", lambda: decode_words(header_text(root.first("subject") or b"")))
        message_id = self._try("Message-ID", None, lambda: read_id(root.first("message-id")))
        date_header = self._try("Date", None, lambda: _line(root.first("date")))
        marks = self._try("the marks of automatic mail", Marks(), lambda: read_marks(root, sender))
        found = self._body()
        digest = digest_of(found.text, found.html or "" if not found.text.strip() else "")
        reached = self._try("Delivered-To", NONE, self._delivered_to)
        bounce = self._try(
            "the report",
            None,
            lambda: read_bounce(
                root,
                subject=subject,
                text=found.text,
                sender=sender,
                marks=marks,
                reached=(*reached, *(address.address for address in (*to, *cc))),
            ),
        )
        from_string = addresses_as_text(sender)[:1000]
        key_of_to = addresses_as_text(to)
        return ParsedMail(
            message_key=message_key(message_id, date_header or "", from_string, key_of_to, subject, digest),
            message_id=message_id,
            text_digest=digest,
            subject=subject[:SUBJECT_LIMIT],
            sender=sender,
            to=to,
            cc=cc,
            reply_to=reply_to,
            delivered_to=reached,
            from_string=from_string,
            reply_to_string=addresses_as_text(reply_to)[:1000],
            in_reply_to=self._try("In-Reply-To", NONE, lambda: read_ids(root.every("in-reply-to"))),
            references=self._try("References", NONE, lambda: read_ids(root.every("references"))),
            date_header=date_header,
            date=self._try("Date", None, lambda: read_date(root.first("date"))),
            text=found.text,
            html=found.html,
            ics=found.ics,
            attachments=self._files(found),
            marks=marks,
            bounce=bounce,
            header=self._try("the header", "", self._header),
            size=len(root.source),
            trouble=self.trouble,
            oddities=tuple(self.oddities),
        )

    def _addresses(self, name: str) -> tuple[MailAddress, ...]:
        found: list[MailAddress] = []
        nobody: list[MailAddress] = []
        for raw in self.root.every(name):
            try:
                found += self._try(name.title(), nobody, partial(read_addresses, raw, self.addresses_left - len(found)))
            except TooMuch:
                if self.trouble is None:
                    raise TooMuch(f"it has more than {self.limits.addresses:,} addresses") from None
                break
        self.addresses_left -= len(found)
        return tuple(found)

    def _delivered_to(self) -> tuple[str, ...]:
        lines = [_line(raw) or "" for name in DELIVERED for raw in self.root.every(name)[:20]]
        return tuple(dict.fromkeys(line.strip("<> ")[:320] for line in lines if line))

    def _body(self) -> Found:
        if self.trouble is not None:
            return Found()
        return read_body(self.root, self.limits)

    def _files(self, found: Found) -> tuple[ParsedAttachment, ...]:
        if self.trouble is not None:
            return (self.keep(ParsedAttachment(SOURCE_NAME, "message/rfc822"), self.root.source),)
        return tuple(self.keep(attachment, entity.content()) for entity, attachment in found.files)

    def _header(self) -> str:
        end = min(self.root.begin, self.root.header_start + HEADER_LIMIT)
        return decode(self.root.source[self.root.header_start : end]).replace("\r\n", "\n").strip("\n")

    def _try(self, what: str, otherwise: T, read: Callable[[], T]) -> T:
        """Return what `read` does; where it fails, note that, and return what stands for it."""
        try:
            return read()
        except (TooMuch, MemoryError, RecursionError):
            raise
        except Exception as error:  # whatever it is, the rest of the message can be read
            self.oddities.append(f"{what} could not be read ({type(error).__name__})")
            return otherwise


def _line(raw: bytes | None) -> str | None:
    return None if raw is None else one_line(header_text(raw))[:1000]
