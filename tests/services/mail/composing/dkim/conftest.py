"""Keys, made once."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jobrunner.services.mail.composing.dkim.key import SigningKey, read_key


def pem(private: object) -> str:
    encoded: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    return encoded.decode()


@pytest.fixture(scope="session")
def rsa_key() -> SigningKey:
    return read_key("rsa2026", pem(generate_private_key(65537, 2048)))


@pytest.fixture(scope="session")
def ed25519_key() -> SigningKey:
    return read_key("ed.2026", pem(Ed25519PrivateKey.generate()))
