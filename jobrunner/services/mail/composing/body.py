"""Bodies as quoted-printable text: 7-bit, in lines of at most 76 octets, whatever the text is."""

import binascii
import re

LINE_END = re.compile("\r\n|\r|\n|\x85|\u2028|\u2029")
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

OVERLONG = re.compile(rb"^([^\n]{74,75})(=20|=09)$", re.MULTILINE)
"""What the codec makes of a blank at the end of a full line: 77 octets or 78, and 76 are allowed."""

SOFT_BREAK = b"=\r\n"
"""Ends a line for the wire, not for the reader."""
OPEN_LINE = 75
"""Octets of a line that may still be followed by a soft break."""


def quoted_printable(text: str) -> bytes:
    """Encode a whole text. It ends with a line end, and every line end becomes CRLF, also a lone CR; controls go."""
    lines = clean_lines(text)
    if not lines.endswith("\n"):
        lines += "\n"
    return _encode(lines)


def quoted_printable_piece(text: str) -> bytes:
    """Encode a piece of a text, to begin at the first column; its last line can take a soft break.

    A blank or tab at its end is encoded, so that whatever follows, none ends a line.
    """
    encoded = _encode(clean_lines(text))
    if len(encoded) - (encoded.rfind(b"\n") + 1) > OPEN_LINE:  # by one, and the last octet stands for itself
        return encoded[:-1] + SOFT_BREAK + encoded[-1:]
    return encoded


def clean_lines(text: str) -> str:
    """Return the text without controls, its line ends all LF: the codec would let a lone CR through."""
    if text.isprintable():
        return text
    if text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():  # the expressions below are slow
        return text.replace("\r\n", "\n").replace("\r", "\n")
    return LINE_END.sub("\n", CONTROLS.sub("", text))


def _encode(lines: str) -> bytes:
    encoded = binascii.b2a_qp(lines.encode("utf-8", "replace"), istext=True)
    if b"=20\n" in encoded or b"=09\n" in encoded:
        encoded = OVERLONG.sub(rb"\1=\n\2", encoded)
    return encoded.replace(b"\n", b"\r\n")
