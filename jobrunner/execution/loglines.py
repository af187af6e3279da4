"""Lines of a running job's log, and the limits on what is kept of them."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from logging import WARNING

MESSAGE_LIMIT = 4 * 1024
"""Characters that are kept of one line's message."""
KEPT_OLDEST = 1000
"""Lines of a run that are kept from its beginning."""
KEPT_NEWEST = 1000
"""Lines of a run that are kept from its end."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a job logged or printed."""

    at: float
    """Seconds since the epoch."""
    level: int
    """As in `logging`."""
    logger: str
    """The logger's name; `stdout`, `stderr` for what was printed, `output` for what came from outside Python."""
    message: str


OnLog = Callable[[list[LogLine]], None]
OnProgress = Callable[[float, str | None], None]


def after_return(line: str) -> str:
    """Return what a terminal shows of a line with carriage returns, as progress bars print them."""
    return line.rstrip("\r").rpartition("\r")[2]


class LineCap:
    """Keeps the oldest and the newest lines of one run; in their middle stands one line that counts the rest.

    The oldest pass at once. Of those after them nobody can know yet whether they are among the newest: they are held
    back, and given out by `finish`.
    """

    def __init__(self, oldest: int = KEPT_OLDEST, newest: int = KEPT_NEWEST) -> None:
        self._room = oldest
        self._newest: deque[LogLine] = deque(maxlen=newest)
        self._left_out = 0

    def add(self, lines: Iterable[LogLine], left_out: int = 0) -> list[LogLine]:
        """Take lines, and the number of those that were left out before them; return those to give out now."""
        self._left_out += left_out
        passing: list[LogLine] = []
        for line in lines:
            if self._room > 0:
                self._room -= 1
                passing.append(line)
            else:
                if len(self._newest) == self._newest.maxlen:
                    self._left_out += 1
                self._newest.append(line)
        return passing

    def finish(self) -> list[LogLine]:
        """Return what was held back, after a line that says how many are missing before it."""
        held = list(self._newest)
        self._newest.clear()
        if self._left_out:
            at = held[0].at if held else time.time()
            held.insert(0, LogLine(at, WARNING, "jobrunner", f"… {self._left_out:,} lines left out here …"))
            self._left_out = 0
        return held
