"""Address fields (RFC 5322, 3.4), as senders write them.

Python's own readers recurse with each bracket and take time that grows with the square of the quotes (failures H07).
This one reads each character once. Beside what the RFC allows it takes semicolons between addresses, names with commas
that nobody quoted (`Doe, John <j@x>`), and encoded words within quotes.
"""

import re
import unicodedata
from collections.abc import Iterator

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Address, parse_address
from jobrunner.services.mail.importing.parsing.limits import TooMuch
from jobrunner.services.mail.importing.parsing.parsed import MailAddress
from jobrunner.services.mail.importing.parsing.words import decode_words, header_text, one_line

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|\\.?|[<>(),;:]|[^"\\<>(),;:]+', re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
BARE = re.compile(r"[^\s@]+@[^\s@]+")
NAME_LIMIT = 255
ADDRESS_LIMIT = 320


class _Mailbox:
    """What was read of one mailbox so far."""

    def __init__(self) -> None:
        self.phrase: list[str] = []
        self.comment: list[str] = []
        self.angle: list[str] | None = None
        self.in_angle = False
        self.has_at = False  # outside of quotes and brackets

    def __bool__(self) -> bool:
        return self.angle is not None or any(map(str.strip, self.phrase)) or any(map(str.strip, self.comment))


def read_addresses(raw: bytes, most: int = 2_000) -> list[MailAddress]:
    """Return the mailboxes of a field; those of groups too, without their names.

    Raises:
        TooMuch: they are more than `most`.
    """
    found: list[MailAddress] = []
    held = ""  # what stood before a comma and was no address: the first half of a name, perhaps
    for mailbox in _mailboxes(header_text(raw)):
        address, name = _parts(mailbox)
        if mailbox.angle is None and "@" not in address:
            held = f"{held}, {address}" if held else address
            continue
        if held and mailbox.angle is not None:
            name = f"{held}, {name}" if name else held
        elif held:
            found.append(MailAddress(held[:ADDRESS_LIMIT]))
        held = ""
        if address or name:
            found.append(_checked(address, name))
        if len(found) > most:
            raise TooMuch(f"it has more than {most:,} addresses")
    if held:
        found.append(MailAddress(held[:ADDRESS_LIMIT]))
    return found


def addresses_as_text(addresses: list[MailAddress] | tuple[MailAddress, ...]) -> str:
    """Return them as they are shown, `Name <address>`, with commas between."""
    return ", ".join(map(str, addresses))


def _mailboxes(text: str) -> Iterator[_Mailbox]:
    mailbox = _Mailbox()
    depth = 0
    for match in TOKEN.finditer(text):
        piece = match[0]
        if depth:
            depth += (piece == "(") - (piece == ")")
            if depth:
                mailbox.comment.append(piece)
        elif piece == "(":
            depth = 1
        elif mailbox.in_angle:
            assert mailbox.angle is not None
            if piece == ">":
                mailbox.in_angle = False
            elif piece == "<":
                mailbox.angle.clear()
            else:
                mailbox.angle.append(piece)
        elif piece == "<":
            if mailbox.angle is None:
                mailbox.angle, mailbox.in_angle = [], True
        elif piece in (",", ";"):
            if mailbox:
                yield mailbox
            mailbox = _Mailbox()
        elif piece == ":" and mailbox.angle is None and not mailbox.has_at:
            mailbox = _Mailbox()  # the name of a group
        elif piece != ">":
            mailbox.phrase.append(piece)
            mailbox.has_at |= "@" in piece and not piece.startswith('"')
    if mailbox:
        yield mailbox


def _parts(mailbox: _Mailbox) -> tuple[str, str]:
    """Return address and name as they were written; the first without @ where there is none."""
    phrase = _unquoted(mailbox.phrase)
    comment = decode_words("".join(mailbox.comment))
    if mailbox.angle is not None:
        address = one_line("".join(mailbox.angle))
        if address.startswith("@") and ":" in address:
            address = address.rpartition(":")[2]  # a route (RFC 5322, 4.4)
        return address.replace(" ", "") if " @" in address or "@ " in address else address, phrase or comment
    address = one_line("".join(mailbox.phrase))
    if mailbox.has_at and " " in address:
        joined = re.sub(r"\s*([@.])\s*", r"\1", address)
        if (bare := BARE.search(joined)) is not None:
            return bare[0], one_line(decode_words(joined[: bare.start()] + joined[bare.end() :])) or comment
    if not mailbox.has_at:
        return phrase, comment
    return address, comment


def _unquoted(tokens: list[str]) -> str:
    pieces = []
    for piece in tokens:
        if piece.startswith('"'):
            piece = ESCAPED.sub(r"\1", piece[1:-1] if len(piece) > 1 and piece.endswith('"') else piece[1:])
        elif piece.startswith("\\"):
            piece = piece[1:]
        pieces.append(piece)
    return decode_words("".join(pieces))


def _checked(address: str, name: str) -> MailAddress:
    name = one_line(name)[:NAME_LIMIT].strip("'\" ")
    if name == address:
        name = ""
    try:
        checked = parse_address(address.strip("'"))
    except (InvalidInput, UnicodeError):
        return MailAddress(address[:ADDRESS_LIMIT], name)
    return MailAddress(str(checked), name, key_of(checked))


def key_of(address: Address) -> str:
    """Return what `jobrunner.address_key()` makes of an address in SQL."""
    return f"{unicodedata.normalize('NFC', address.local).lower()}@{address.domain}"
