"""A message as DATA carries it (RFC 5321, 4.5.2)."""

import re

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.header import LINE_LIMIT

LINE_END = re.compile(rb"\r\n|\r|\n")
LEADING_DOT = re.compile(rb"(?m)^\.")


def wire_form(message: bytes) -> bytes:
    """Return the message with CRLF line ends, dots stuffed, and the final dot.

    So that exactly one message arrives, a lone CR or LF ends a line here already: servers differ in what they make of
    `\\n.\\n` and `\\r.\\r\\n` (failures H05).

    Raises:
        InvalidInput: it holds NUL, or a line over 998 octets.
    """
    if b"\0" in message:
        raise InvalidInput("the message holds a NUL character")
    lines = LINE_END.split(message)
    longest = max(map(len, lines))
    if longest > LINE_LIMIT:
        raise InvalidInput(f"the message has a line of {longest} octets: {LINE_LIMIT} are allowed")
    if lines[-1]:
        lines.append(b"")
    return LEADING_DOT.sub(b"..", b"\r\n".join(lines)) + b".\r\n"
