"""Keys are checked where they enter, and never shown."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.dkim.key import SigningKey, read_key
from tests.services.mail.composing.dkim.conftest import pem

# Of no use to anybody: these are broken in minutes, which is why they are refused.
SHORT = """\
-----BEGIN PRIVATE KEY-----
MIIBUwIBADANBgkqhkiG9w0BAQEFAASCAT0wggE5AgEAAkEAp4mJ8H0drgHL7Ug0
0bt5p5rfbr6XRSijZy3QGlc1b3RCJ6X5Ai3Kimdreu4qh/uTvYw105QglMWFyNsF
h/bDuQIDAQABAkAt+AEPKWVBX2DS5GMJwQTqRgZUXpsm8LWVE+7rq04QHEZZ3CAJ
4rMmpnuwTQ05PW1T+djeIPh8aX+YA++vTtQBAiEA2XbStc2LyqD6qxtFHLbwz4VN
aymyy7DrukR9xrQAGUECIQDFOc06Sx2r1y3LAunddyTPpVY2fan//hpfGV6lFcHU
eQIgfn4geMHUI4xZ4redDuPW1U8bxk7eAp+prpJyeudu+0ECIB76g0fiwJhbRjAb
FwzYSAntmGsatfclvJKvc3ROxJFRAiBZdj7b78ZoLpVp3v3cNvlrIdU+fbsZ0+Hn
LOh5HGDvqw==
-----END PRIVATE KEY-----
"""


def test_what_is_good_is_taken(rsa_key: SigningKey, ed25519_key: SigningKey):
    assert (rsa_key.algorithm, rsa_key.warning) == ("rsa-sha256", None)
    assert (ed25519_key.algorithm, ed25519_key.warning) == ("ed25519-sha256", None)
    assert rsa_key.dns_record.startswith("v=DKIM1; k=rsa; p=MIIB")
    assert len(ed25519_key.dns_record) == len("v=DKIM1; k=ed25519; p=") + 44


def test_a_short_key_is_taken_with_a_warning():
    key = read_key("mail", pem(rsa.generate_private_key(65537, 1024)))

    assert key.warning == ("the DKIM key mail has 1024 bits: make one of 2048, which receivers trust for longer")


def texts_that_are_no_key() -> list[tuple[str, str]]:
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    ssh = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
    whole = pem(private)
    return [
        ("", "is no private key in PEM form"),
        ("secret words", "is no private key in PEM form"),
        (public, "is no private key in PEM form"),
        (ssh, "is in the form of SSH"),
        (locked, "is locked by a password"),
        (whole[:60], "cannot be read"),
        (whole.replace("M", "ä", 1), "cannot be read"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "must be of the kind RSA or Ed25519"),
        (SHORT, "has 512 bits: receivers believe 1024 to 4096, use 2048"),
    ]


@pytest.mark.parametrize(("text", "reason"), texts_that_are_no_key(), ids=lambda value: value[:20])
def test_what_is_no_key_is_refused_in_a_sentence(text: str, reason: str):
    with pytest.raises(InvalidInput) as caught:
        read_key("mail", text)

    assert str(caught.value).startswith(f"the DKIM key mail {reason}")
    assert caught.value.__cause__ is None
    assert "secret words" not in str(caught.value)


@pytest.mark.parametrize("selector", ["", "a b", "-a", "a..b", "a;b", "ä", "a\n", "s" * 64])
def test_a_selector_must_be_a_name(selector: str, ed25519_key: SigningKey):
    with pytest.raises(InvalidInput, match="a DKIM selector must be"):
        read_key(selector, pem(ed25519_key.private))


def test_a_key_is_not_shown(rsa_key: SigningKey):
    """H11."""
    assert repr(rsa_key) == "SigningKey('rsa2026', rsa-sha256)"
