"""A message as DATA carries it (RFC 5321, 4.5.2)."""

import re

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.header import LINE_LIMIT

TO_MEND = re.compile(rb"\r(?:[^\n]|\n\.)")
"""A CR alone, or a line that begins with a dot. Expressions that begin with one octet are the fast ones."""
LINE_WITH_END = LINE_LIMIT + 2


class WireForm(bytes):
    """A message as `wire_form` returns it; given again, it is not looked at again."""

    __slots__ = ()


def wire_form(message: bytes) -> WireForm:
    """Return the message with CRLF line ends, dots stuffed, and the final dot.

    So that exactly one message arrives, a lone CR or LF ends a line here already: servers differ in what they make of
    `\\n.\\n` and `\\r.\\r\\n` (failures H05). A message that is in order, as our own writer's are, is only looked at.

    Raises:
        InvalidInput: it holds NUL, or a line over 998 octets.
    """
    if isinstance(message, WireForm):
        return message
    if b"\0" in message:
        raise InvalidInput("the message holds a NUL character")
    if _is_in_order(message):
        return WireForm(message + b".\r\n")
    # Of octets this knows CR, LF and CRLF, as wanted.
    lines = message.splitlines()
    longest = max(map(len, lines), default=0)
    if longest > LINE_LIMIT:
        raise InvalidInput(f"the message has a line of {longest} octets: {LINE_LIMIT} are allowed")
    return WireForm(b"\r\n".join([*(b"." + line if line.startswith(b".") else line for line in lines), b".", b""]))


def _is_in_order(message: bytes) -> bool:
    """Whether there is nothing to mend. Where each CR is followed by LF and there are as many, none stands alone."""
    return (
        message.endswith(b"\r\n")
        and not message.startswith(b".")
        and message.count(b"\n") == message.count(b"\r")
        and TO_MEND.search(message) is None
        and _has_short_lines(message)
    )


def _has_short_lines(message: bytes) -> bool:
    """Leap from one line end to the last one within reach: where there is none, a line is too long."""
    start, size = 0, len(message)
    while size - start > LINE_WITH_END:
        start = message.rfind(b"\n", start, start + LINE_WITH_END) + 1
        if not start:
            return False
    return True
