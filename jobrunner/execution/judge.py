"""What an attempt came to: its status, and its result or its error."""

import logging
from collections.abc import Callable
from typing import Any

from jobrunner.errors import InvalidJobData
from jobrunner.execution.attempt import CANCEL, LOST, STOP, Attempt
from jobrunner.execution.outcome import error_text, kept_result, shortened, traceback_text

ERROR_LIMIT = 16 * 1024
"""Characters that are kept of an error with its traceback."""

log = logging.getLogger("jobrunner.execution")


class Judge:
    """Notes it on the attempt."""

    def __init__(self, scrub: Callable[[str], str]) -> None:
        """`scrub` takes secrets out of texts."""
        self._scrub = scrub

    def returned(self, attempt: Attempt, result: Any) -> None:
        """Note what the job returned."""
        if result is not None:
            attempt.result = kept_result(result)

    def stopped(self, attempt: Attempt) -> None:
        """Note that it was cancelled, for whatever reason."""
        match attempt.reason:
            case "cancel":
                attempt.status, attempt.error = "Cancelled", "cancelled while it ran"
            case "stop":
                attempt.status, attempt.error = "Stopped", None
            case "lost":
                attempt.status = "Lost"
            case "timeout":
                self.overran(attempt)
            case _:
                self.failed(attempt, "Error", "the job cancelled itself (asyncio.CancelledError)")

    def overran(self, attempt: Attempt) -> None:
        """Note that it did not end within its deadline."""
        self.failed(attempt, "Timeout", f"it did not end within its deadline of {attempt.definition.deadline:g} s")

    def raised(self, attempt: Attempt, error: BaseException) -> None:
        """Note what the job raised; of one that was asked to stop that is how it stopped."""
        if attempt.reason == LOST:
            attempt.status = "Lost"
        elif attempt.completed:
            log.warning("%s raised after it had completed in a transaction: %s", attempt.label, error)
        elif attempt.reason in (STOP, CANCEL):
            self.stopped(attempt)
        else:
            self.failed(attempt, "Error", f"{error_text(error)}\n{traceback_text(error, skip=1)}")

    def refused(self, attempt: Attempt, error: InvalidJobData) -> None:
        """Note that its data does not fit: another attempt would meet the same data."""
        attempt.status, attempt.error = "Failed", str(error)
        log.warning("%s failed and is not tried again: %s", attempt.label, error)

    def failed(self, attempt: Attempt, outcome: str, text: str) -> None:
        """Note a failure, after which it is tried again (`outcome`) while attempts are left."""
        attempt.error = shortened(self._scrub(text), ERROR_LIMIT)
        attempt.result = None
        attempt.targets = None
        if attempt.number >= attempt.row["max_attempts"]:
            attempt.status = "Failed"
            if outcome == "Died" and attempt.number > 1:
                attempt.error = f"its process ended {attempt.number} times: {attempt.error}"
            log.warning("%s failed, no attempt is left: %s", attempt.label, attempt.error.partition("\n")[0])
        else:
            attempt.status = outcome
            log.info("%s failed and is tried again: %s", attempt.label, attempt.error.partition("\n")[0])
