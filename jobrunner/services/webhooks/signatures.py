"""Secrets and signatures of webhooks: Standard Webhooks 1.0.0, and EspoCRM's beside it.

A secret is `whsec_` and base64 of its bytes. What stands after the prefix, the *text*, is signed with twice: decoded
for Standard Webhooks, as it stands for EspoCRM. A secret of EspoCRM (32 hexadecimal digits, without a prefix) is valid
base64 of 24 bytes, so it may be taken over as it is.
"""

import hmac
import re
import secrets as random
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

from jobrunner.errors import InvalidInput

PREFIX: Final = "whsec_"
LEAST_BYTES, MOST_BYTES, NEW_BYTES = 24, 64, 32
SHA256: Final = "sha256"
ESPO_SECRET: Final = re.compile(r"[0-9a-fA-F]{32}")


def new_secret() -> str:
    """Return a secret nobody has: `whsec_` and base64 of 32 random bytes."""
    return PREFIX + b64encode(random.token_bytes(NEW_BYTES)).decode("ascii")


def check_secret(text: str) -> str:
    """Return a secret that somebody brings along as it is to be kept.

    Raises:
        InvalidInput: it is not base64 of 24 to 64 bytes. The secret is not in the message.
    """
    try:
        key = b64decode(secret_text(text), validate=True)
    except ValueError:
        key = b""
    # Base64 has several spellings of the last bits, and not every decoder takes them all.
    proper = LEAST_BYTES <= len(key) <= MOST_BYTES and b64encode(key).decode("ascii") == secret_text(text)
    if not proper or not (text.startswith(PREFIX) or ESPO_SECRET.fullmatch(text)):
        raise InvalidInput(
            f"a secret must be {PREFIX} and base64 of {LEAST_BYTES} to {MOST_BYTES} bytes, or the 32 hexadecimal "
            "digits of an EspoCRM secret; leave it out to have one made"
        )
    return text


def sign(
    secrets: Sequence[str],
    *,
    webhook_id: str,
    message_id: str,
    timestamp: int,
    body: bytes,
    espo_header: bool = False,
) -> dict[str, str]:
    """Return the headers that prove who sent a body.

    Args:
        secrets: those that are live, the newest first; at least one.
        webhook_id: which webhook; part of EspoCRM's signatures.
        message_id: the same on every attempt; without a full stop.
        timestamp: seconds since 1970 of this attempt.
        body: the very bytes that are sent.
        espo_header: add `X-Signature`, which EspoCRM sent before its version 11.
    """
    return Signer(secrets, webhook_id, espo_header=espo_header).headers(message_id, timestamp, body)


class Signer:
    """Signs for one webhook: what depends on its secrets alone is made once.

    Args:
        secrets: those that are live, the newest first; at least one.
        webhook_id: which webhook; part of EspoCRM's signatures.
        espo_header: add `X-Signature`, which EspoCRM sent before its version 11.
    """

    def __init__(self, secrets: Sequence[str], webhook_id: str, *, espo_header: bool = False) -> None:
        texts = [secret_text(secret) for secret in secrets]
        self._keys = [b64decode(text) for text in texts]
        self._newest = texts[0]
        self._webhook_id = webhook_id
        self._espo_header = espo_header

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """Return the headers that prove who sent a body (see `sign`)."""
        signed = b"%b.%d.%b" % (message_id.encode("ascii"), timestamp, body)
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join([_standard_signature(key, signed) for key in self._keys]),
            "Signature": espo_signature(self._newest, self._webhook_id, body),
        }
        if self._espo_header:
            headers["X-Signature"] = old_espo_signature(self._newest, self._webhook_id, body)
        return headers


def secret_text(secret: str) -> str:
    """Return what stands after the prefix."""
    return secret.removeprefix(PREFIX)


def _standard_signature(key: bytes, signed: bytes) -> str:
    return "v1," + b64encode(hmac.digest(key, signed, SHA256)).decode("ascii")


def espo_signature(text: str, webhook_id: str, body: bytes) -> str:
    """Return the value of `Signature`."""
    digest = hmac.digest(text.encode("ascii"), body, SHA256)
    return b64encode(f"{webhook_id}:{digest.hex()}".encode()).decode("ascii")


def old_espo_signature(text: str, webhook_id: str, body: bytes) -> str:
    """Return the value of `X-Signature`."""
    digest = hmac.digest(text.encode("ascii"), body, SHA256)
    return b64encode(f"{webhook_id}:".encode() + digest).decode("ascii")
