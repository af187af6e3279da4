"""What a server offers in its answer to EHLO, as far as a transaction makes use of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Extensions:
    """The offers of one server."""

    pipelining: bool = False
    """Commands may be sent without waiting for the replies to those before (RFC 2920)."""
    size: int | None = None
    """The octets that a message may have; 0 where it names no number, None where SIZE is not offered (RFC 1870)."""
    eight_bit: bool = False
    """8BITMIME (RFC 6152)."""
    smtputf8: bool = False
    """Addresses and headers in other alphabets (RFC 6531)."""
    dsn: bool = False
    """Notifications of delivery as they are wished (RFC 3461)."""

    @classmethod
    def from_hello(cls, offers: Mapping[str, str]) -> Self:
        """Read them from keywords in lower case and their parameters."""
        size = offers.get("size")
        if size is not None:
            size = size.strip()
        return cls(
            pipelining="pipelining" in offers,
            size=None if size is None else int(size) if size.isascii() and size.isdigit() and len(size) < 20 else 0,
            eight_bit="8bitmime" in offers,
            smtputf8="smtputf8" in offers,
            dsn="dsn" in offers,
        )
