"""Bodies as quoted-printable text: 7-bit, in lines of at most 76 octets, whatever the text is."""

import binascii
import re

LINE_END = re.compile("\r\n|\r|\n|\x85|\u2028|\u2029")
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def quoted_printable(text: str) -> bytes:
    """Encode a text. Every line end becomes CRLF, also a lone CR, which the codec would let through; controls go."""
    lines = LINE_END.sub("\n", CONTROLS.sub("", text))
    if not lines.endswith("\n"):
        lines += "\n"
    encoded = binascii.b2a_qp(lines.encode("utf-8", "replace"), istext=True)
    return encoded.replace(b"\n", b"\r\n")
