"""The DKIM key of a run, RSA with 2048 bits."""

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SELECTOR = "bench"
BITS = 2048


def make_key() -> str:
    """Return a private key in PEM, in the form that dkimpy reads as well."""
    key = generate_private_key(public_exponent=65537, key_size=BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
