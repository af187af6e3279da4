"""Texts in header fields: unfolded, encoded words decoded (RFC 2047), in one line without controls."""

import binascii
import re

from jobrunner.services.mail.importing.parsing.charset import decode, tidy

FOLD = re.compile(r"\r?\n(?=[ \t])")
CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")
BETWEEN = re.compile(r"\s+")


def header_text(raw: bytes) -> str:
    """Return the characters of a field's raw value, unfolded but still encoded: UTF-8 where it is that, else Latin."""
    return FOLD.sub("", decode(raw)) if b"\n" in raw else decode(raw)


def one_line(text: str) -> str:
    """Return the text with every run of blanks, line ends and controls as one blank, and none around it.

    An encoded word may hold CR LF; such a text must never reach a header that goes out (failures H04).
    """
    return CONTROLS.sub(" ", text).strip()


def decode_words(text: str) -> str:
    """Return the text with its encoded words decoded, in one line.

    Neighbours in the same character set are decoded together: senders cut letters of several octets in two.
    """
    if "=?" not in text:
        return one_line(text)
    pieces: list[str] = []
    octets, charset, end = b"", "", 0
    for word in WORD.finditer(text):
        between = text[end : word.start()]
        is_neighbour = bool(charset) and (not between or BETWEEN.fullmatch(between) is not None)
        if not is_neighbour or word[1].lower() != charset:
            if charset:
                pieces.append(decode(octets, charset))
            octets, charset = b"", word[1].lower()
        if not is_neighbour:
            pieces.append(between)
        octets += _octets(word[2], word[3])
        end = word.end()
    if charset:
        pieces.append(decode(octets, charset))
    pieces.append(text[end:])
    return one_line(tidy("".join(pieces)))


def _octets(encoding: str, encoded: str) -> bytes:
    raw = encoded.encode("ascii", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    return base64(raw)


def base64(raw: bytes) -> bytes:
    """Return what base64 says, as far as it does: letters that are none are passed over, a missing end is added."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
