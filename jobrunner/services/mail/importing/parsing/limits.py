"""What a message may have before it is taken apart; one that has more is stored as it is, with the reason.

A message of a thousand nested parts or a header of ten megabytes is no letter that anybody reads: it costs memory and
time out of all proportion (failures H07). It is kept whole all the same, as a file beside the header fields that are in
reach.
"""

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each; sizes are octets of the source."""

    depth: int = 50
    """Levels of parts within parts."""
    parts: int = 1_000
    header: int = MIB
    """The header of the message, and those of its parts together."""
    fields: int = 5_000
    """Header fields, in all parts together."""
    field: int = 256 * KIB
    """One header field with its continuation lines."""
    addresses: int = 2_000
    """From, To, Cc and Reply-To together."""
    body: int = MIB
    """Characters of text, and of HTML, that are kept as the body; what is longer is kept whole as a file, too."""


DEFAULT = Limits()


class TooMuch(Exception):
    """The message exceeds a limit; the text says which."""
