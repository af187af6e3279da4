"""By what copies of one mail are known to be one.

The Message-ID, as it is. A mail without gets the digest of its Date, From, To, Subject and text, so that the same
mail fetched again has the same key. Where somebody uses an id again for another mail (another From and another text),
the second gets the digest of its text as a suffix, when it is stored.
"""

import hashlib

KEY_LIMIT = 255
"""Characters of an id that is its own key."""
DIGEST_LENGTH = 32


def message_ref(message_id: str) -> str:
    """Return what stands for an id: itself, or where it is overlong its SHA-256."""
    if len(message_id) <= KEY_LIMIT:
        return message_id
    return "sha256:" + hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()


def message_key(message_id: str | None, date: str, sender: str, to: str, subject: str, text_digest: str) -> str:
    """Return the key of a mail; what follows the id counts only where there is none."""
    if message_id is not None:
        return message_ref(message_id)
    digest = hashlib.sha256()
    for piece in (date, sender, to, subject, text_digest):
        digest.update(piece.encode("utf-8", "surrogatepass") + b"\0")
    return "digest:" + digest.hexdigest()


def reused_key(key: str, text_digest: str) -> str:
    """Return the key of a mail that carries the id of another one."""
    return f"{key}#{text_digest}"


def digest_of(*texts: str) -> str:
    """Return the digest of a text, whatever its blanks and line ends."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update("".join(text.split()).encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:DIGEST_LENGTH]
