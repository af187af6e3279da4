"""One key of 32 bytes, and what it seals."""

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass, field

from jobrunner.config.secret_key import LENGTH, key_material
from jobrunner.errors import ConfigurationError
from jobrunner.imports import alone

NONCE = 12
"""Octets of the random number in front of each sealed value (NIST SP 800-38D, 8.2.2)."""
SEALED = re.compile(r"v1:([0-9a-f]{8}):([A-Za-z0-9+/]+={0,2})")


class Unsealable(Exception):
    """The text was not sealed by this key for this place, or was changed since."""


@dataclass(frozen=True)
class Key:
    """A key and its name. The name is drawn from the key, so that nobody has to think of one."""

    material: bytes = field(repr=False)
    id: str = field(init=False)

    def __post_init__(self) -> None:
        name = hashlib.sha256(b"jobrunner key id\0" + self.material).hexdigest()[:8]
        object.__setattr__(self, "id", name)

    @classmethod
    def new(cls) -> "Key":
        """Draw a key."""
        return cls(secrets.token_bytes(LENGTH))

    @classmethod
    def parse(cls, text: str, source: str) -> "Key":
        """Read a key from base64 (either alphabet); `source` is how the refusal calls where it stands.

        Raises:
            ConfigurationError: it is none; says so without showing it.
        """
        try:
            return cls(key_material(text))
        except ValueError as error:
            raise ConfigurationError(f"{source} {error}") from None

    @property
    def text(self) -> str:
        """The key itself in base64, for whoever keeps it."""
        return base64.b64encode(self.material).decode()

    def seal(self, secret: str, place: str) -> str:
        """Return the secret as only this key opens it, at this place."""
        with alone("cryptography.hazmat.primitives.ciphers.aead"):
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # slow to load, and seldom needed

        nonce = secrets.token_bytes(NONCE)
        sealed = AESGCM(self.material).encrypt(nonce, secret.encode(), self._bound_to(place))
        return f"v1:{self.id}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: str) -> str:
        """Return what was sealed; raises Unsealable."""
        with alone("cryptography.exceptions", "cryptography.hazmat.primitives.ciphers.aead"):
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        match = SEALED.fullmatch(sealed)
        if match is None or match[1] != self.id:
            raise Unsealable
        try:
            data = base64.b64decode(match[2], validate=True)
            return AESGCM(self.material).decrypt(data[:NONCE], data[NONCE:], self._bound_to(place)).decode()
        except (binascii.Error, InvalidTag, ValueError):
            raise Unsealable from None

    def _bound_to(self, place: str) -> bytes:
        return f"jobrunner v1:{self.id}:{place}".encode()
