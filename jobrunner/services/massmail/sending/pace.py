"""How far a run is, how fast, and how long it takes still."""

import time
from collections.abc import Callable

INTERVAL = 0.5
"""Seconds between two reports."""


class Pace:
    """Counts what is done, and reports it now and then."""

    def __init__(self, total: int, done: int, report: Callable[[float, str], None]) -> None:
        self._total = total
        self._done = done
        self._before = done
        self._report = report
        self._began = time.monotonic()
        self._reported = 0.0

    def add(self, number: int) -> None:
        """So many more are done."""
        self._done += number
        moment = time.monotonic()
        if moment - self._reported >= INTERVAL:
            self._reported = moment
            self.report()

    def report(self) -> None:
        """Report now."""
        if self._total:
            self._report(self._done / self._total, self.words)

    @property
    def words(self) -> str:
        """`1,200 of 10,000 mails, 2,100/s, 4 s left`."""
        passed = time.monotonic() - self._began
        rate = (self._done - self._before) / passed if passed > 0 else 0.0
        return progress_in_words(self._done, self._total, rate)


def progress_in_words(done: int, total: int, rate: float) -> str:
    """Return how far something is, at so many a second."""
    text = f"{done:,} of {total:,} mails"
    if rate <= 0 or done >= total:
        return text
    speed = f"{rate:,.0f}/s" if rate >= 10 else f"{60 * rate:,.1f}/min"
    return f"{text}, {speed}, {_span((total - done) / rate)} left"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} days"
