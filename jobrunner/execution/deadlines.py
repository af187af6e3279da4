"""One timer for all deadlines: stops attempts whose time is over, gives up those that do not stop."""

import time
from collections.abc import Callable

from jobrunner.execution.attempt import Attempt
from jobrunner.lifecycle import Loop


class Deadlines(Loop):
    """Minds the `deadline_at` of attempts: first that of the job, then that of its stop."""

    def __init__(self, *, on_over: Callable[[Attempt], None], on_stuck: Callable[[Attempt], None]) -> None:
        """`on_over` gets an attempt that is past its deadline, `on_stuck` one that was asked to stop and did not."""
        super().__init__("deadlines", interval=0.1)
        self._on_over = on_over
        self._on_stuck = on_stuck
        self._watched: set[Attempt] = set()

    def watch(self, attempt: Attempt) -> None:
        """Mind the attempt's `deadline_at`."""
        self._watched.add(attempt)

    def forget(self, attempt: Attempt) -> None:
        """The attempt has ended."""
        self._watched.discard(attempt)

    async def once(self) -> None:
        """Look at the clock once."""
        now = time.monotonic()
        for attempt in [a for a in self._watched if a.deadline_at is not None and a.deadline_at <= now]:
            if attempt.reason is None:
                self._on_over(attempt)
            else:
                self._watched.discard(attempt)
                self._on_stuck(attempt)
