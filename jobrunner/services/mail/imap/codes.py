"""Response codes (RFC 3501, 7.1; RFC 5530): what a server means by NO."""

import re

from jobrunner.services.mail.imap.fault import Fault

CODE = re.compile(rb"\[([A-Z][A-Z0-9-]*)(?: ([^\]]*))?\]", re.IGNORECASE)

BUSY = (b"UNAVAILABLE", b"INUSE", b"LIMIT", b"OVERQUOTA", b"SERVERBUG")
MISSING_FOLDER = (b"NONEXISTENT", b"TRYCREATE")


def code_of(text: bytes) -> tuple[bytes, bytes]:
    """Return the response code at the beginning of a text, in upper case, and its argument; empty where is none."""
    found = CODE.match(text)
    return (found[1].upper(), found[2] or b"") if found else (b"", b"")


def fault_of(name: str, result: str, text: bytes) -> Fault:
    """Return what a NO or BAD in answer to that command means."""
    code, _ = code_of(text)
    if code in BUSY:
        return Fault.BUSY
    if name in ("LOGIN", "AUTHENTICATE") and result == "NO":
        return Fault.LOGIN
    if code in MISSING_FOLDER or (name in ("SELECT", "EXAMINE", "STATUS") and result == "NO" and not code):
        return Fault.FOLDER
    return Fault.DENIED
