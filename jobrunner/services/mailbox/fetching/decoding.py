"""The encodings of parts (RFC 2045, 6), undone piece by piece."""

import binascii
from typing import Protocol

BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
NOT_BASE64 = bytes(set(range(256)) - set(BASE64))


class Decoder(Protocol):
    """One encoding."""

    def feed(self, octets: bytes) -> bytes:
        """Return what can be decoded with these."""
        ...

    def end(self) -> bytes:
        """Return what is left at the end."""
        ...


class _Base64:
    """Whatever is none of its characters is left out, as the RFC asks for; the padding too."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        text = self._rest + octets.translate(None, NOT_BASE64)
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        return binascii.a2b_base64(text[:whole])

    def end(self) -> bytes:
        rest, self._rest = self._rest, b""
        return binascii.a2b_base64(rest + b"=" * (-len(rest) % 4)) if len(rest) > 1 else b""


class _QuotedPrintable:
    """By whole lines; a line without end is taken in pieces, of which none begins within an escape."""

    LONGEST = 64 * 1024

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        text = self._rest + octets
        end = text.rfind(b"\n") + 1
        if not end and len(text) > self.LONGEST:
            escape = text.rfind(b"=", -3)
            end = escape if escape >= 0 else len(text)
        self._rest = text[end:]
        return binascii.a2b_qp(text[:end])

    def end(self) -> bytes:
        rest, self._rest = self._rest, b""
        return binascii.a2b_qp(rest)


class _Plain:
    def feed(self, octets: bytes) -> bytes:
        return octets

    def end(self) -> bytes:
        return b""


def decoder(encoding: str) -> Decoder:
    """Return a new one; what has no known encoding stays as it is."""
    match encoding.strip().lower():
        case "base64":
            return _Base64()
        case "quoted-printable":
            return _QuotedPrintable()
    return _Plain()
