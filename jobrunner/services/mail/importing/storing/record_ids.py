"""Message-IDs of our own mails, which say what they are about and that they are ours.

`<jr.<kind>.<word>.<number>.<mac>@domain>`: the word is base32 of what it is about, the moment and some random octets;
the MAC is by a key of this installation. So a notification of ours that comes back is dropped, and that of another
installation is not; an answer finds its record, and nobody can make one up (mail-in.md, 5).
"""

import base64
import binascii
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from jobrunner.db.secrets import SigningKeys

PURPOSE = "message ids"
"""Of the signing keys (`jobrunner.db.secrets.signing_keys`)."""
MAC_LENGTH = 15
PATTERN = re.compile(r"<jr\.([nr])\.([a-z2-7]{8,230})\.([0-9]{1,3})\.([a-z2-7]{24})@[^<>@\s]+>")
TYPE = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")


@dataclass(frozen=True, slots=True)
class RecordId:
    """What one of our ids says."""

    is_notification: bool
    entity_type: str
    entity_id: str
    made_at: datetime


class RecordIds:
    """Makes and reads them."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def make(
        self, entity_type: str, entity_id: str, moment: datetime, domain: str, *, notification: bool = False
    ) -> str:
        """Return a new Message-ID, with brackets, for a mail about a record.

        `notification`: it tells somebody of ours something, and is not to be imported where it arrives.
        """
        said = f"{entity_type}\0{entity_id}\0{int(moment.timestamp())}\0{secrets.token_hex(4)}"
        word = _encode(said.encode())
        kind = "n" if notification else "r"
        number = self._keys.current
        return f"<jr.{kind}.{word}.{number}.{self._mac(self._keys.keys[number], kind, word, number)}@{domain}>"

    def read(self, message_id: str) -> RecordId | None:
        """Return what an id says, or None where it is none of ours."""
        match = PATTERN.fullmatch(message_id)
        if match is None:
            return None
        kind, word, number = match[1], match[2], int(match[3])
        key = self._keys.keys.get(number)
        if key is None or not hmac.compare_digest(match[4], self._mac(key, kind, word, number)):
            return None
        try:
            entity_type, entity_id, seconds, _ = _decode(word).decode().split("\0")
            made_at = datetime.fromtimestamp(int(seconds), UTC)
        except (ValueError, OverflowError, binascii.Error):
            return None
        return RecordId(kind == "n", entity_type, entity_id, made_at)

    @staticmethod
    def _mac(key: bytes, kind: str, word: str, number: int) -> str:
        return _encode(hmac.digest(key, f"{kind}.{word}.{number}".encode(), "sha256")[:MAC_LENGTH])


def _encode(octets: bytes) -> str:
    return base64.b32encode(octets).decode().rstrip("=").lower()


def _decode(word: str) -> bytes:
    return base64.b32decode(word.upper() + "=" * (-len(word) % 8))
