"""The header field DKIM-Signature."""

import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.composing.dkim.canonical import relaxed_body, relaxed_field
from jobrunner.services.mail.composing.dkim.key import SigningKey

SIGNED = (
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "reply-to",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "feedback-id",
    "list-id",
)
"""Fields that a signature covers where the message has them."""

FIELD_BORDER = re.compile(rb"\r\n(?![ \t])")
FOLDED = 72
"""Characters of a signature on one line."""


class Signer:
    """Signs messages for a domain by each of its keys."""

    def __init__(self, domain: str, keys: Sequence[SigningKey]) -> None:
        """Take the keys: RSA first, since not every receiver knows another.

        Raises:
            InvalidInput: the domain is none, or there is no key, or two have one selector.
        """
        if not keys or len({key.selector for key in keys}) < len(keys):
            raise InvalidInput(f"the DKIM keys of {domain} need selectors of their own, and there must be one at least")
        self.domain = parse_address(f"postmaster@{domain}").domain
        self.keys = tuple(sorted(keys, key=lambda key: key.algorithm != "rsa-sha256"))

    def sign(self, message: bytes, *, at: datetime | None = None) -> bytes:
        """Return the fields that are to stand before the message, which must have CRLF line ends only.

        Args:
            message: as it will be sent, without dots stuffed.
            at: the moment that the signature states, if any.

        Raises:
            InvalidInput: the message has no From, or a field twice that may stand once.
        """
        header, _, body = message.partition(b"\r\n\r\n")
        fields = _fields_to_sign(header)
        # From stands twice in the list: so a signature fails once somebody adds another.
        listed = _fold([*fields, "from"])
        body_hash = b64encode(sha256(relaxed_body(body)).digest()).decode("ascii")
        stated = "" if at is None else f" t={int(at.timestamp())};"
        tags = f"{stated}\r\n h={listed};\r\n bh={body_hash}"
        signed = b"".join(field + b"\r\n" for field in fields.values())
        return b"".join(self._field(key, tags, signed) for key in self.keys)

    def _field(self, key: SigningKey, tags: str, signed: bytes) -> bytes:
        field = (
            f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n"
            f" d={self.domain}; s={key.selector};{tags};\r\n b="
        ).encode()
        signature = b64encode(key.sign(signed + relaxed_field(field)))
        lines = [signature[begin : begin + FOLDED] for begin in range(0, len(signature), FOLDED)]
        return field + b"\r\n ".join(lines) + b"\r\n"


def _fields_to_sign(header: bytes) -> dict[str, bytes]:
    """Return the canonical form of the fields that are signed, by their names."""
    fields: dict[str, bytes] = {}
    for raw in FIELD_BORDER.split(header):
        name = raw.partition(b":")[0].decode("ascii").lower()
        if name not in SIGNED:
            continue
        if name in fields:
            raise InvalidInput(f"a message that is signed may have one {name} field, this has more")
        fields[name] = relaxed_field(raw)
    if "from" not in fields:
        raise InvalidInput("a message that is signed must have a From field")
    return fields


def _fold(names: Sequence[str]) -> str:
    """Return the list of names in short lines, which may end behind a colon."""
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > FOLDED:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n  ".join(lines).removesuffix(":")
