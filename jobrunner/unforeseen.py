"""Words for an error that nobody foresaw: one sentence for a user; where it happened, for who looks for the fault."""

import os
from pathlib import Path
from types import TracebackType

from jobrunner.errors import JobrunnerError

HINT = "JOBRUNNER_DEBUG=1 shows where"
OURS = Path(__file__).parent
"""The folder of this package."""


def is_debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get("JOBRUNNER_DEBUG") == "1"


def sentence(error: BaseException) -> str:
    """Return an error in one line; one of ours is its own sentence."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:  # its own text names no cause
        error = error.exceptions[0]
    words = " ".join(str(error).split())
    if isinstance(error, JobrunnerError) and words:
        return words
    return f"unexpected {type(error).__name__}: {words or 'no message'} ({HINT})"


def place(traceback: TracebackType | None) -> str | None:
    """Return the innermost line of ours in a traceback, `queue/sweep.py:41`; another's where there is none of ours."""
    found: str | None = None
    is_ours = False
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        within = path.is_relative_to(OURS)
        if within or not is_ours:
            found = f"{path.relative_to(OURS) if within else path.name}:{traceback.tb_lineno}"
            is_ours = within
        traceback = traceback.tb_next
    return found
