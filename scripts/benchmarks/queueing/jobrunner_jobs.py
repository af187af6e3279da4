"""The jobs that the daemon runs."""

from jobrunner.definitions import job
from scripts.benchmarks.queueing.timed import started


@job("Noop")
async def noop() -> None:
    """Does nothing."""


@job("Timed")
async def timed(number: int) -> None:
    """Tells when it started."""
    started(number)
