"""Names of folders: modified UTF-7 (RFC 3501, 5.1.3), quoting, and what LIST says."""

import re
from base64 import b64decode, b64encode
from binascii import Error as BadBase64

from jobrunner.services.mail.imap.mailbox import Folder
from jobrunner.services.mail.imap.receiving import Pieces
from jobrunner.services.mail.imap.values import parse_values

SHIFTED = re.compile(r"[^\x20-\x7e]+|&")
ENCODED = re.compile(r"&([^-]*)(-?)")
UNSELECTABLE = {"\\noselect", "\\nonexistent"}
NAME_LIMIT = 1000
"""Characters of a name."""


def encode_name(name: str) -> str:
    """Return a name as it goes over the wire, before quoting. Controls are encoded too, so none can end a line."""
    return SHIFTED.sub(_shift, name)


def decode_name(raw: str) -> str:
    """Return the name that modified UTF-7 stands for.

    Raises:
        ValueError: it is none.
    """
    if not all("\x20" <= character <= "\x7e" for character in raw):
        raise ValueError("a name in modified UTF-7 is printable ASCII")
    return ENCODED.sub(_unshift, raw)


def quote(text: str) -> str:
    """Return it as a quoted string (the library leaves that to its callers, and its LOGIN forgets the user's name)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def wire_name(name: str) -> str:
    """Return a folder's name as the argument of a command."""
    return quote(encode_name(name))


def parse_folder(pieces: Pieces) -> Folder | None:
    """Return what an answer to LIST says; None where it is not one, or names nothing that could be shown."""
    values = parse_values(pieces)
    if len(values) < 4 or not isinstance(values[1], list) or not isinstance(values[3], bytes):
        return None
    flags = frozenset(flag.decode("ascii", "replace").lower() for flag in values[1] if isinstance(flag, bytes))
    delimiter = values[2].decode("ascii", "replace") if isinstance(values[2], bytes) else None
    raw = values[3].decode("utf-8", "replace")
    if not raw or len(raw) > NAME_LIMIT:
        return None
    try:
        name = decode_name(raw)
    except ValueError:
        name = raw
    # What would not lead back to the same folder, or could not be shown, is not offered for opening.
    selectable = encode_name(name) == raw and name.isprintable() and not flags & UNSELECTABLE
    if name.upper() == "INBOX":
        name = "INBOX"
    elif not name.isprintable():
        name = "".join(character if character.isprintable() else "\ufffd" for character in name)
    return Folder(name, delimiter, flags, selectable)


def _shift(match: re.Match[str]) -> str:
    text = match[0]
    if text == "&":
        return "&-"
    encoded = b64encode(text.encode("utf-16-be", "surrogatepass")).decode("ascii")
    return f"&{encoded.rstrip('=').replace('/', ',')}-"


def _unshift(match: re.Match[str]) -> str:
    encoded, end = match[1], match[2]
    if not end:
        raise ValueError("an encoded part does not end")
    if not encoded:
        return "&"
    try:
        octets = b64decode(encoded.replace(",", "/") + "=" * (-len(encoded) % 4), validate=True)
        return octets.decode("utf-16-be")
    except (BadBase64, UnicodeDecodeError) as error:
        raise ValueError("an encoded part is no modified UTF-7") from error
