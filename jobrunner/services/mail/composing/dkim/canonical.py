"""The relaxed canonical forms (RFC 6376, 3.4.2 and 3.4.4) of messages that have CRLF line ends only."""

import re

BLANKS = re.compile(rb"[ \t]+")
RUNS = re.compile(b"  +")


def relaxed_field(field: bytes) -> bytes:
    """Return a header field, folded or not, without a line end."""
    name, _, value = field.partition(b":")
    return name.rstrip(b" \t").lower() + b":" + BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")


def relaxed_body(body: bytes) -> bytes:
    """Return a body: runs of blanks as one, none at line ends, no empty lines at the end."""
    body = body.replace(b"\t", b" ")
    if b"  " in body:  # an expression for single blanks, too, is several times as slow
        body = RUNS.sub(b" ", body)
    body = body.replace(b" \r\n", b"\r\n").rstrip(b" \r\n")
    return body + b"\r\n" if body else b""
