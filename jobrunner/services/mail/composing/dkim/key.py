"""Keys that sign: checked where they enter, so that no mailing starts with one that receivers would not believe."""

import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from jobrunner.errors import InvalidInput

RSA_LEAST = 1024
"""Bits below which receivers must not believe a signature (RFC 8301)."""
RSA_RECOMMENDED = 2048
RSA_MOST = 4096
"""Bits above which receivers need not."""

SELECTOR = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the selector under which the domain publishes the public one."""

    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.selector!r}, {self.algorithm})"

    @property
    def algorithm(self) -> str:
        """As the tag `a=` names it."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    @property
    def warning(self) -> str | None:
        """A sentence for who entered it, if the key could be better."""
        if isinstance(self.private, RSAPrivateKey) and self.private.key_size < RSA_RECOMMENDED:
            return (
                f"the DKIM key {self.selector} has {self.private.key_size} bits: "
                f"make one of {RSA_RECOMMENDED}, which receivers trust for longer"
            )
        return None

    @property
    def dns_record(self) -> str:
        """The TXT record that `selector._domainkey.domain` must hold."""
        if isinstance(self.private, RSAPrivateKey):
            public = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={b64encode(raw).decode()}"

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the canonical header."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, PKCS1v15(), hashes.SHA256())
        return self.private.sign(sha256(data).digest())  # RFC 8463, 3: of the hash


def read_key(selector: str, pem: str) -> SigningKey:
    """Return the key that a PEM text holds.

    Raises:
        InvalidInput: it holds none that can sign mail; says why, and shows nothing of the text.
    """
    if not SELECTOR.fullmatch(selector):
        raise InvalidInput(f"a DKIM selector must be a name of letters, digits and hyphens, got {selector[:80]!r}")
    key = _load(selector, pem)
    if isinstance(key, Ed25519PrivateKey):
        return SigningKey(selector, key)
    if not isinstance(key, RSAPrivateKey):
        raise _refused(selector, "must be of the kind RSA or Ed25519")
    if not RSA_LEAST <= key.key_size <= RSA_MOST:
        raise _refused(
            selector, f"has {key.key_size} bits: receivers believe {RSA_LEAST} to {RSA_MOST}, use {RSA_RECOMMENDED}"
        )
    return SigningKey(selector, key)


def _load(selector: str, pem: str) -> Any:
    if "PRIVATE KEY-----" not in pem:
        raise _refused(selector, "is no private key in PEM form (-----BEGIN PRIVATE KEY-----)")
    if "BEGIN OPENSSH" in pem:
        raise _refused(selector, "is in the form of SSH: make one by `openssl genpkey`")
    try:
        return load_pem_private_key(pem.strip().encode(), password=None)
    except TypeError:
        raise _refused(selector, "is locked by a password: store it without one, it is encrypted here") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _refused(selector, "cannot be read: it is damaged, or of a kind that cannot sign mail") from None


def _refused(selector: str, reason: str) -> InvalidInput:
    return InvalidInput(f"the DKIM key {selector} {reason}")
