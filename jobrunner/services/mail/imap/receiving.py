"""Octets into answers: lines, and literals of announced length between them; nothing without a limit (failures H23).

The library's own receiver calls itself once for each line, so that 1,500 short lines in one read end it; looks at an
endless line from its beginning with each read; and takes a literal of any size.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jobrunner.services.mail.imap.fault import Fault, LineBroken, one_line

Pieces = list[bytes]
"""One answer: a line without its end; where a literal follows, that, and the next part of the line; and so on."""

KIB, MIB = 1024, 1024 * 1024

LITERAL = re.compile(rb"\{(\d+)\+?\}$")
STATUS = re.compile(rb"(?:\+|\S+ (?:OK|NO|BAD|BYE|PREAUTH)\b)", re.IGNORECASE)
"""Lines whose end is free text, in which braces mean nothing."""
BLANK_LINES = 100


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that may come in answer to one command."""

    octets: int = 8 * MIB
    """In all."""
    line: int = 64 * KIB
    literal: int = 64 * KIB
    """One literal; refused when it is announced."""
    answers: int = 200_000
    """Lines, with the literals in them. So many, since a server may report with any command that many were deleted."""


UNASKED = Caps()
"""What may come between two commands."""
PIECES_LIMIT = 1000
"""Parts of lines and literals of one answer."""


class Receiver:
    """What a connection receives, read as it comes."""

    def __init__(self, caps: Caps = UNASKED) -> None:
        self._line_limit = self._literal_limit = self._octets_left = self._answers_left = 0
        self.allow(caps)
        self._partial = bytearray()
        self._pieces: Pieces = []
        self._wanted = 0
        self._literal = bytearray()
        self._blank = 0

    @property
    def between_answers(self) -> bool:
        """Whether all that came were whole answers."""
        return not self._partial and not self._pieces

    def allow(self, caps: Caps, *, more: bool = False) -> None:
        """Set what may come from now on; with `more` on top of what may come already."""
        self._octets_left = caps.octets + (self._octets_left if more else 0)
        self._answers_left = caps.answers + (self._answers_left if more else 0)
        self._line_limit = max(caps.line, self._line_limit if more else 0)
        self._literal_limit = max(caps.literal, self._literal_limit if more else 0)

    def feed(self, data: bytes) -> Iterator[Pieces]:
        """Yield the answers that are whole with what came now.

        Raises:
            LineBroken: it is more than may come.
        """
        self._octets_left -= len(data)
        if self._octets_left < 0:
            raise LineBroken(Fault.FLOOD, "its answer did not end")
        at, end = 0, len(data)
        while at < end:
            if self._wanted:
                at = self._take_literal(data, at)
                continue
            line_end = data.find(b"\n", at)
            if line_end < 0:
                self._partial += data[at:]
                self._check_line(len(self._partial))
                return
            line = data[at:line_end]
            at = line_end + 1
            if self._partial:
                line = bytes(self._partial) + line
                self._partial.clear()
            self._check_line(len(line))
            if line.endswith(b"\r"):
                line = line[:-1]
            self._pieces.append(line)
            if line.endswith(b"}") and self._announces_literal(line):
                continue
            pieces, self._pieces = self._pieces, []
            if len(pieces) == 1 and not line:
                self._blank += 1
                if self._blank > BLANK_LINES:
                    raise LineBroken(Fault.NONSENSE, "blank lines")
                continue
            self._answers_left -= 1
            if self._answers_left < 0:
                raise LineBroken(Fault.FLOOD, "its answer did not end")
            yield pieces

    def _take_literal(self, data: bytes, at: int) -> int:
        chunk = data[at : at + self._wanted]
        self._wanted -= len(chunk)
        if self._wanted or self._literal:
            self._literal += chunk
            if not self._wanted:
                self._pieces.append(bytes(self._literal))
                self._literal = bytearray()
        else:
            self._pieces.append(chunk)  # it came whole
        return at + len(chunk)

    def _announces_literal(self, line: bytes) -> bool:
        announced = LITERAL.search(line)
        if announced is None or (len(self._pieces) == 1 and STATUS.match(line)):
            return False
        digits = announced[1]
        size = int(digits) if len(digits) < 20 else self._literal_limit + 1
        if size > self._literal_limit:
            raise LineBroken(Fault.FLOOD, f"a part of {one_line(digits)[:20]} octets")
        if len(self._pieces) > PIECES_LIMIT:
            raise LineBroken(Fault.FLOOD, f"an answer in more than {PIECES_LIMIT} parts")
        if size:
            self._wanted = size
        else:
            self._pieces.append(b"")
        return True

    def _check_line(self, length: int) -> None:
        if length > self._line_limit:
            raise LineBroken(Fault.FLOOD, f"a line of more than {self._line_limit} octets")
