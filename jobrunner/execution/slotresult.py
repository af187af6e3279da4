"""How a run in a process slot ends: its result, and the errors that are not the job's."""

from dataclasses import dataclass
from typing import Any, Literal

from jobrunner.errors import JobrunnerError


class SlotLost(JobrunnerError):
    """The slot's process ended before the job began: the job may begin in another slot."""


class SlotsStopped(JobrunnerError):
    """The process slots do not run (any more); a job that ran was killed."""


@dataclass(frozen=True, slots=True)
class SlotResult:
    """How a run ended."""

    outcome: Literal["success", "error", "timeout", "died"]
    value: Any = None
    """The job's result, a JSON value."""
    error: str | None = None
    """Type and text of what it raised, or one sentence about its end."""
    traceback: str | None = None
    """Where it raised; at a deadline or a crash, where it was."""
    exit_description: str | None = None
    """How its process ended, where it did: `its process ended with signal 11 (SIGSEGV)`."""
    more: bool = False
    """It said that more work is left."""
    idle: bool = False
    """It said that it found nothing to do."""
