"""A body of which only some values vary: its fixed pieces are encoded once, the values for each message.

Between a piece and a value the line goes on as long as it is not over 75 octets; else a soft line break stands between
them. So a piece may begin in any column without being encoded anew, and the text that a reader decodes is the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.body import OPEN_LINE, SOFT_BREAK, quoted_printable_piece

PLAIN = re.compile(r"([ -<>-~]*[!-<>-~])?")
"""A value that is its own encoding, but for the length of lines."""


Segments = Sequence[object]
"""A text in order: strings are its fixed pieces, whatever else stands there is the place of a value. A line end does
not span a border of two of them."""


@dataclass(frozen=True, slots=True)
class _Step:
    """The fixed piece behind a value."""

    piece: bytes
    begin: int
    """Octets of the piece's first line."""
    end: int | None
    """Octets of its last line; None if it has only one."""


class Body:
    """A text as quoted-printable, compiled."""

    def __init__(self, segments: Segments) -> None:
        texts = [""]
        for segment in segments:
            if isinstance(segment, str):
                texts[-1] += segment
            else:
                texts.append("")
        first, *pieces = [quoted_printable_piece(text) for text in texts]
        self._first = first
        self._column = _last_line(first)
        self._steps = [
            _Step(piece, _first_line(piece), _last_line(piece) if b"\n" in piece else None) for piece in pieces
        ]

    def encode(self, values: Sequence[str]) -> bytes:
        """Return the text with the values in their places, in order, ending with a line end.

        Raises:
            InvalidInput: there are more or fewer values than places.
        """
        if len(values) != len(self._steps):
            raise InvalidInput(f"the text has places for {len(self._steps)} values, got {len(values)}")
        encoded = [self._first]
        column = self._column
        for step, value in zip(self._steps, values, strict=True):
            if PLAIN.fullmatch(value) and (width := column + len(value) + step.begin) <= OPEN_LINE:
                encoded += (value.encode(), step.piece)
                column = width if step.end is None else step.end
            else:
                column = _append(encoded, column, quoted_printable_piece(value))
                column = _append(encoded, column, step.piece)
        body = b"".join(encoded)
        return body if body.endswith(b"\n") else body + b"\r\n"


def _append(encoded: list[bytes], column: int, piece: bytes) -> int:
    """Append a piece to a line of which `column` octets are written; return how many then are."""
    if column + _first_line(piece) > OPEN_LINE and column:
        encoded.append(SOFT_BREAK)
        column = 0
    encoded.append(piece)
    return _last_line(piece) if b"\n" in piece else column + len(piece)


def _first_line(piece: bytes) -> int:
    end = piece.find(b"\r")
    return len(piece) if end < 0 else end


def _last_line(piece: bytes) -> int:
    return len(piece) - (piece.rfind(b"\n") + 1)
