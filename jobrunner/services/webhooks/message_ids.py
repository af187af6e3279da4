"""The ids by which receivers tell a repetition: `msg_` and 26 characters of Crockford's base 32."""

from base64 import b32decode, b32encode
from binascii import Error
from uuid import UUID

PREFIX = "msg_"
LENGTH = 26
RFC_4648 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
CROCKFORD = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TO_CROCKFORD = bytes.maketrans(RFC_4648, CROCKFORD)
FROM_CROCKFORD = bytes.maketrans(CROCKFORD, RFC_4648)


def message_id(id: UUID) -> str:
    """Return the id as it is sent in `webhook-id`."""
    return PREFIX + b32encode(id.bytes)[:LENGTH].translate(TO_CROCKFORD).decode("ascii")


def read_message_id(text: str) -> UUID | None:
    """Return what an id was made of; None where it is none of ours."""
    letters = text.strip().removeprefix(PREFIX).upper()
    if len(letters) != LENGTH or not set(letters.encode()) <= set(CROCKFORD):
        return None
    try:
        id = UUID(bytes=b32decode(letters.encode().translate(FROM_CROCKFORD) + b"======"))
    except Error:
        return None
    return id if message_id(id).endswith(letters) else None
