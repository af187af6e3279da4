"""A message as DATA carries it (RFC 5321, 4.5.2)."""

import re

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.header import LINE_LIMIT

LINE_END = re.compile(rb"\r\n|\r|\n")
WINDOW = LINE_LIMIT + 2


def wire_form(message: bytes) -> bytes:
    """Return the message with CRLF line ends, dots stuffed, and the final dot.

    So that exactly one message arrives, a lone CR or LF ends a line here already: servers differ in what they make of
    `\\n.\\n` and `\\r.\\r\\n` (failures H05). What is in order already, as our own writer's messages are, is only
    looked at: a few microseconds.

    Raises:
        InvalidInput: it holds NUL, or a line over 998 octets.
    """
    if b"\0" in message:
        raise InvalidInput("the message holds a NUL character")
    ends = message.count(b"\n")
    if message.count(b"\r\n") != ends or message.count(b"\r") != ends:
        message = b"\r\n".join(LINE_END.split(message))
    if message and not message.endswith(b"\r\n"):
        message += b"\r\n"
    _refuse_long_lines(message)
    if b"\n." in message:
        message = message.replace(b"\n.", b"\n..")
    if message.startswith(b"."):
        message = b"." + message
    return message + b".\r\n"


def _refuse_long_lines(message: bytes) -> None:
    """Leap from one line end to the last one within reach: where there is none, a line is too long."""
    start, size = 0, len(message)
    while size - start > WINDOW:
        end = message.rfind(b"\n", start, start + WINDOW)
        if end < 0:
            octets = message.index(b"\r\n", start) - start
            raise InvalidInput(f"the message has a line of {octets} octets: {LINE_LIMIT} are allowed")
        start = end + 1
    # What is left is no longer than one line may be with its end.
