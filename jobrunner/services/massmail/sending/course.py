"""How the sending of one mass e-mail goes, for all who take part in it: until it is stopped, and what was done."""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from jobrunner.services.massmail.sending.buffer import Buffer


@dataclass
class Sent:
    """What was done with one mass e-mail, by number of items."""

    counts: Counter[str] = field(default_factory=Counter)
    wait: timedelta | None = None
    """Until its account may be asked again, where that stopped it."""
    has_more: bool = False
    """Items are due still: time or portion ran out."""


class Course:
    """It goes on until `stop` is called, or nothing comes any more."""

    def __init__(self, name: str, buffer: Buffer, ends_at: float, log: logging.Logger) -> None:
        """`name` of the mass e-mail; `buffer`: where its letters lie ready; `ends_at`: monotonic time of its end."""
        self.sent = Sent()
        self.buffer = buffer
        self.ends_at = ends_at
        self.log = log
        self.stopped: str | None = None
        """Why nothing more is to be taken."""
        self.halted = False
        """Whether what is marked already is not to be begun, either."""
        self.error: BaseException | None = None
        """What goes on to whoever started it."""
        self.reached = asyncio.Event()
        """Whether the mail server has answered, or the first connection is done: until then one is enough."""
        self.over = asyncio.Event()
        """Set with `stopped`."""
        self._name = name

    def say(self, what: str) -> None:
        """Log what happens to it."""
        self.log.info("mass e-mail %r: %s", self._name, what)

    def stop(self, reason: str, *, halted: bool = False) -> None:
        """Take nothing more; what is under way is finished. `halted`: what is marked already is not begun, either."""
        self.halted = self.halted or halted
        if self.stopped is None:
            self.stopped = reason
            self.say(reason)
        self.buffer.clear()
        self.reached.set()
        self.over.set()

    def fail(self, error: BaseException) -> None:
        """Stop, since something happened that ends the run."""
        self.error = self.error or error
        self.stop(f"it cannot go on: {error or type(error).__name__}", halted=True)
