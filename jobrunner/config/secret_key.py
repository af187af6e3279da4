"""Keys by which secrets in the database are sealed, as a setting or a file gives them."""

import base64
import binascii
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, SecretStr

LENGTH = 32
"""Bytes of a key: AES-256."""
HOW = "`jobrunner secrets new-key` makes one"


def key_material(text: str) -> bytes:
    """Return the 32 bytes that base64 text stands for (either alphabet); ValueError where it does not."""
    try:
        material = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"must be {LENGTH} bytes in base64, and is no base64: {HOW}") from None
    if len(material) != LENGTH:
        raise ValueError(f"must be {LENGTH} bytes in base64, and has {len(material)}: {HOW}")
    return material


def several(text: str) -> Iterator[str]:
    """Yield the keys of a text that has commas between them."""
    yield from (part for part in map(str.strip, text.split(",")) if part)


def _one(key: SecretStr) -> SecretStr:
    key_material(key.get_secret_value())
    return key


def _many(keys: SecretStr) -> SecretStr:
    for key in several(keys.get_secret_value()):
        try:
            key_material(key)
        except ValueError as error:
            raise ValueError(f"must be keys with commas between them, and one of them {error}") from None
    return keys


SecretKey = Annotated[SecretStr, AfterValidator(_one)]
SecretKeys = Annotated[SecretStr, AfterValidator(_many)]
