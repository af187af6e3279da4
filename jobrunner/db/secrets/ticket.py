"""Tickets: short texts that say for a while who somebody is, signed for one purpose.

number of the key (1 byte), end in milliseconds since 1970 (8), random (8), the subject in UTF-8, and HMAC-SHA256 over
the purpose and all of that (32); in base64 for URLs, without padding, which is also a token of HTTP (RFC 9110, 5.6.2).
Both ends are judged by the database's clock, so that no machine's own matters.
"""

import base64
import binascii
import hmac
import secrets
from datetime import datetime, timedelta

from jobrunner.db.secrets.signing import SigningKeys

HEAD_LENGTH = 1 + 8 + 8
MAC_LENGTH = 32
LONGEST_SUBJECT = 500
"""Bytes."""
LONGEST_TICKET = 1000
"""Characters."""
NO_KEY = bytes(32)


def sign_ticket(keys: SigningKeys, purpose: str, subject: str, ends_at: datetime) -> str:
    """Return a ticket for a subject of at most 500 bytes."""
    data = (
        bytes((keys.current,)) + _milliseconds(ends_at).to_bytes(8, "big") + secrets.token_bytes(8) + subject.encode()
    )
    signed = data + _mac(keys.keys[keys.current], purpose, data)
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def read_ticket(keys: SigningKeys, purpose: str, text: str, now: datetime, longest: timedelta) -> str | None:
    """Return the subject; None where we have not signed it for this purpose, or its time is over.

    `longest`: no ticket is taken whose end is further away, whoever signed it.
    """
    raw = _decode(text)
    if raw is None or len(raw) <= HEAD_LENGTH + MAC_LENGTH:
        return None
    data, mac = raw[:-MAC_LENGTH], raw[-MAC_LENGTH:]
    key = keys.keys.get(data[0])
    signed = hmac.compare_digest(mac, _mac(key or NO_KEY, purpose, data))
    if not signed or key is None:
        return None
    left = int.from_bytes(data[1:9], "big") - _milliseconds(now)
    if not 0 < left <= longest / timedelta(milliseconds=1):
        return None
    try:
        return data[HEAD_LENGTH:].decode()
    except UnicodeDecodeError:
        return None


def _mac(key: bytes, purpose: str, data: bytes) -> bytes:
    return hmac.digest(key, purpose.encode() + b"\0" + data, "sha256")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _decode(text: str) -> bytes | None:
    """Return the bytes, or None where the text is not exactly how they are written."""
    if not 1 <= len(text) <= LONGEST_TICKET or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == text else None
