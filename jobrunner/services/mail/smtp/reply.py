"""A server's replies, taken apart from the octets as they come (RFC 5321, 4.2)."""

import re
from collections import deque
from dataclasses import dataclass

LINE_LIMIT = 8192
"""Octets that one line may have: RFC 5321 grants 512, and some servers take more."""
REPLY_LIMIT = 4 * LINE_LIMIT
"""Octets that a reply of several lines may have."""

ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3} ")


class Nonsense(Exception):
    """What the server sent is no reply, or one that nobody asked for. Its text is what was sent, shortened."""


@dataclass(slots=True)
class Reply:
    """One reply, of one line or several."""

    code: int
    """From 200 to 599."""
    raw: bytes
    """What stands behind the code, without line ends; several lines are joined by LF."""

    @property
    def text(self) -> str:
        """The words; an enhanced code that every line repeats stands in front only."""
        raw = self.raw
        if b"\n" in raw and (found := ENHANCED.match(raw)):
            raw = raw.replace(b"\n" + found[0], b"\n")
        return raw.decode("utf-8", "replace")


class Replies:
    """Takes octets in pieces and gives whole replies, in their order."""

    def __init__(self) -> None:
        self.ready: deque[Reply] = deque()
        self._rest = b""
        self._code = b""
        self._lines: list[bytes] = []

    @property
    def partial(self) -> bool:
        """Whether part of a reply has come and its end has not."""
        return bool(self._rest or self._lines)

    def feed(self, data: bytes) -> None:
        """Take what came.

        Raises:
            Nonsense: that is no reply; the whole ones before it are in `ready`.
        """
        if self._rest:
            data = self._rest + data
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._take(data[start:end])
            start = end + 1
        self._rest = data[start:]
        if len(self._rest) > LINE_LIMIT:
            raise Nonsense("a line without an end")

    def _take(self, line: bytes) -> None:
        if len(line) > LINE_LIMIT:
            raise Nonsense("a line without an end")
        if line.endswith(b"\r"):
            line = line[:-1]
        code, mark = line[:3], line[3:4]
        if len(code) < 3 or not code.isdigit() or code[0] not in b"2345" or mark not in (b" ", b"-", b""):
            raise Nonsense(line[:200].decode("utf-8", "replace"))
        if self._lines and code != self._code:
            raise Nonsense(f"{self._code.decode()} and {code.decode()} in one reply")
        if mark == b"-":
            self._code = code
            self._lines.append(line[4:])
            if sum(map(len, self._lines)) > REPLY_LIMIT:
                raise Nonsense("a reply without an end")
        elif self._lines:
            self.ready.append(Reply(int(code), b"\n".join([*self._lines, line[4:]])))
            self._lines.clear()
        else:
            self.ready.append(Reply(int(code), line[4:]))
