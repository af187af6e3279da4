"""Message-IDs of our own mails, which say what they are about and that they are ours.

`<jr.<kind>.<word>.<number>.<mac>@domain>`: the word is base32 of some octets that tell it from others, of the
instance, what it is about, and the moment; the MAC is by a key of this installation. So a notification of ours that
comes back is dropped, and that of another installation is not, even of one that began as a copy of our database and has
our keys; an answer finds its record, and nobody can make one up (mail-in.md, 5).
"""

import base64
import binascii
import hmac
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring, SecretUnreadable, SigningKeys, signing_keys
from jobrunner.errors import ConfigurationError

PURPOSE = "message-ids"
"""Of the signing keys (`jobrunner.db.secrets.signing_keys`)."""
MAC_LENGTH = 15
NONCE_LENGTH = 8
INSTANCE_LENGTH = 4
PATTERN = re.compile(r"<jr\.([nr])\.([a-z2-7]{24,250})\.([0-9]{1,3})\.([a-z2-7]{24})@[^<>@\s]+>")

log = logging.getLogger("jobrunner.mail")


@dataclass(frozen=True, slots=True)
class RecordId:
    """What one of our ids says."""

    is_notification: bool
    entity_type: str
    entity_id: str
    made_at: datetime
    is_of_instance: bool = True
    """Whether it is of the same instance, not only by the same keys."""


class RecordIds:
    """Makes and reads them."""

    def __init__(self, keys: SigningKeys, instance: str = "") -> None:
        """`instance`: its name, by which it is told from a copy of itself: the site's address."""
        self._keys = keys
        self._instance = sha256(instance.encode()).digest()[:INSTANCE_LENGTH]

    def make(
        self, entity_type: str, entity_id: str, moment: datetime, domain: str, *, notification: bool = False
    ) -> str:
        """Return a new Message-ID, with brackets, for a mail about a record.

        `notification`: it tells somebody of ours something, and is not to be imported where it arrives.
        """
        nonce = secrets.token_bytes(NONCE_LENGTH)
        return self._make(nonce, entity_type, entity_id, moment, domain, notification)

    def make_stable(
        self, entity_type: str, entity_id: str, moment: datetime, domain: str, *parts: str, notification: bool = False
    ) -> str:
        """Return the Message-ID that is the same whenever all of these are: for a mail that may go twice."""
        nonce = sha256("\0".join(parts).encode()).digest()[:NONCE_LENGTH]
        return self._make(nonce, entity_type, entity_id, moment, domain, notification)

    def _make(
        self, nonce: bytes, entity_type: str, entity_id: str, moment: datetime, domain: str, notification: bool
    ) -> str:
        said = f"{entity_type}\0{entity_id}\0{int(moment.timestamp())}"
        word = _encode(nonce + self._instance + said.encode())
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
            octets = _decode(word)
            instance, said = octets[NONCE_LENGTH:][:INSTANCE_LENGTH], octets[NONCE_LENGTH + INSTANCE_LENGTH :]
            entity_type, entity_id, seconds = said.decode().split("\0")
            made_at = datetime.fromtimestamp(int(seconds), UTC)
        except (ValueError, OverflowError, binascii.Error):
            return None
        return RecordId(kind == "n", entity_type, entity_id, made_at, instance == self._instance)

    def is_own_notification(self, message_id: str) -> bool:
        """Return whether it is the id of a notification of this very instance."""
        said = self.read(message_id)
        return said is not None and said.is_notification and said.is_of_instance

    @staticmethod
    def _mac(key: bytes, kind: str, word: str, number: int) -> str:
        return _encode(hmac.digest(key, f"{kind}.{word}.{number}".encode(), "sha256")[:MAC_LENGTH])


async def load_record_ids(connection: Queryable, keyring: Keyring, site_url: str) -> RecordIds | None:
    """Return those of this installation; None where there is no key to keep their key by, which sending can do without.

    `connection` is in no transaction.
    """
    try:
        return RecordIds(await signing_keys(connection, keyring, PURPOSE), site_url)
    except ConfigurationError:
        return None
    except SecretUnreadable as error:
        log.warning("mails go out with ids that name no records: %s", error)
        return None


def _encode(octets: bytes) -> str:
    return base64.b32encode(octets).decode().rstrip("=").lower()


def _decode(word: str) -> bytes:
    return base64.b32decode(word.upper() + "=" * (-len(word) % 8))
