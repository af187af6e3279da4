"""How far a job is: one meaning, whatever runs the job."""

import math

from jobrunner.execution.outcome import shortened

MESSAGE_LIMIT = 1000
"""Characters that are kept of a message."""

Progress = tuple[float, str | None]
"""The share that is done, from 0 to 1, and a message."""


def progress_of(fraction: float, message: str | None) -> Progress:
    """Return what is kept of what a job says of itself (see `JobContext.progress`). No job fails of its arithmetic."""
    share = float(fraction)
    kept = 0.0 if math.isnan(share) else min(max(share, 0.0), 1.0)
    return kept, None if message is None else shortened(str(message), MESSAGE_LIMIT)
