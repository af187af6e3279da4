"""Signed tokens: what stands in the links of a mail, and in the address that its bounce comes to.

kind (1 byte), number of the key (1), token of the queue item (16), for a click the tracking URL (8), and the first 16
bytes of HMAC-SHA256 over all of that; in base32, lower case, without padding: 55 or 68 characters that no mail system
breaks or folds. They never expire. A key that signs no more still reads what it signed.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from jobrunner.db.secrets import SigningKeys

PURPOSE = "links"
"""Of the signing keys (`jobrunner.db.secrets.signing_keys`)."""
MAC_LENGTH = 16
HEAD_LENGTH = 2 + 16
EXTRA_LENGTH = 8
NO_KEY = bytes(32)
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
PAIRS = tuple(first + second for first in LETTERS for second in LETTERS)


class TokenKind(Enum):
    """What a token is for: one of one kind is no other, whoever exchanges them in a URL."""

    UNSUBSCRIBE = 1
    OPEN = 2
    CLICK = 3
    BOUNCE = 4


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was signed by us."""

    kind: TokenKind
    item: UUID
    """`queue_item.token`."""
    extra: int = 0
    """The tracking URL, of a click; else 0."""


def read_token(keys: Mapping[int, bytes], text: str) -> Token | None:
    """Return what a token says, or None where none of the keys signed it; in the same time wherever it differs."""
    raw = _decode(text)
    if raw is None or len(raw) < HEAD_LENGTH + MAC_LENGTH:
        return None
    data, mac = raw[:-MAC_LENGTH], raw[-MAC_LENGTH:]
    key = keys.get(data[1])
    signed = hmac.compare_digest(mac, _mac(key or NO_KEY, data))
    if not signed or key is None:
        return None
    return _parse(data)


class Tokens:
    """Signs and reads, with the keys of this installation."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def sign(self, kind: TokenKind, item: UUID, extra: int = 0) -> str:
        """Return the token; `extra` (up to 2^64 - 1) is for a click only."""
        number = self._keys.current
        data = bytes((kind.value, number)) + item.bytes
        if kind is TokenKind.CLICK:
            data += extra.to_bytes(EXTRA_LENGTH, "big")
        return _encode(data + _mac(self._keys.keys[number], data))

    def read(self, text: str) -> Token | None:
        """Return what a token says, or None where we have not signed it."""
        return read_token(self._keys.keys, text)


def _parse(data: bytes) -> Token | None:
    try:
        kind = TokenKind(data[0])
    except ValueError:
        return None
    if len(data) != HEAD_LENGTH + (EXTRA_LENGTH if kind is TokenKind.CLICK else 0):
        return None
    return Token(kind, UUID(bytes=data[2:HEAD_LENGTH]), int.from_bytes(data[HEAD_LENGTH:], "big"))


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")[:MAC_LENGTH]


def _encode(raw: bytes) -> str:
    """Return base32 in lower case without padding; several times as fast as the standard library's."""
    spare = -len(raw) % 5
    number = int.from_bytes(raw, "big") << (8 * spare)
    written = "".join([PAIRS[number >> shift & 1023] for shift in range(8 * (len(raw) + spare) - 10, -1, -10)])
    return written[: -(-len(raw) * 8 // 5)]


def _decode(text: str) -> bytes | None:
    """Return the bytes, or None where the text is not exactly how they are written (some systems change the case)."""
    if not 1 <= len(text) <= 100 or not text.isascii():
        return None
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        return None
    return raw if _encode(raw) == text.lower() else None
