"""Addresses as they go over the wire: checked by ourselves before a byte is sent (failures H04).

Libraries cut `b@x>CRLF…` to `b@x`, or notice a wrong address only in the middle of a transaction. What is refused here
never reaches one: controls, blanks, quotes, brackets, empty or overlong parts, more than one `@`.
"""

import re
import unicodedata
from dataclasses import dataclass

from jobrunner.errors import InvalidInput

LOCAL_LIMIT = 64
"""Octets before the `@` (RFC 5321, 4.5.3.1.1)."""
DOMAIN_LIMIT = 255
"""Octets behind it (4.5.3.1.2)."""
PATH_LIMIT = 256
"""Octets of the whole with its angle brackets (4.5.3.1.3)."""

ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Address:
    """An address that may be written into a command or a header as it is."""

    local: str
    """Before the `@`, as it was given."""
    domain: str
    """Behind it: lower case, other alphabets as A-labels (`xn--…`)."""

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can take it: its local part is not ASCII."""
        return not self.local.isascii()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with the name of whom it belongs to, for a header."""

    address: Address
    name: str = ""


def parse_address(text: str) -> Address:
    """Return the address that `text` is.

    Raises:
        InvalidInput: it is none, or one that we do not send to; says why.
    """
    local, at, domain = text.rpartition("@")
    if not at:
        raise _refused(text, "it has no @")
    if not local or not domain:
        raise _refused(text, "there must be something on both sides of the @")
    if "@" in local:
        raise _refused(text, "it has more than one @")
    for atom in local.split("."):
        if not atom:
            raise _refused(text, "dots may stand only between other characters")
        if not all(_may_stand_in_local(character) for character in atom):
            raise _refused(text, "before the @ it has a character that is not allowed there")
    address = Address(unicodedata.normalize("NFC", local), _a_labels(text, domain))
    local_octets, domain_octets = len(address.local.encode()), len(address.domain)
    if local_octets > LOCAL_LIMIT:
        raise _refused(text, f"before the @ it has {local_octets} octets, and {LOCAL_LIMIT} are allowed")
    if domain_octets > DOMAIN_LIMIT or local_octets + domain_octets + 3 > PATH_LIMIT:
        raise _refused(text, f"it has more than the {PATH_LIMIT - 2} octets that are allowed")
    return address


def _may_stand_in_local(character: str) -> bool:
    if character.isascii():
        return ATOM.fullmatch(character) is not None
    return unicodedata.category(character)[0] in "LMN"  # letters, marks, numbers


def _a_labels(text: str, domain: str) -> str:
    """Return the domain in ASCII. As browsers do, and unlike Python's own codec, ß stays a letter of its own."""
    if not domain.isascii():
        domain = unicodedata.normalize("NFKC", domain)
    labels = [_a_label(text, label) for label in domain.lower().split(".")]
    return ".".join(labels)


def _a_label(text: str, label: str) -> str:
    if not label.isascii():
        if not all(c == "-" or unicodedata.category(c)[0] in "LMN" for c in label) or label[0] == "-":
            raise _refused(text, "its domain has a character that is not allowed there")
        label = f"xn--{label.encode('punycode').decode('ascii')}"
    if not LABEL.fullmatch(label):
        raise _refused(text, "its domain is not one: letters, digits and hyphens between dots, 63 at most")
    return label


def _refused(text: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{text[:320]!r} is no address that mail can be sent to: {reason}")
