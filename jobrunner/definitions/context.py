"""What a running job may use, whatever runs it."""

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from jobrunner.definitions.target import Target


class JobContext(Protocol):
    """What a running job may use.

    In a blocking job, which runs in another process, `configuration`, `connection` and `complete_in_transaction` are
    not there, and `cancelled` is never true: it is stopped by ending its process.
    """

    job_id: int
    name: str
    attempt: int
    """1 for the first attempt."""
    max_attempts: int
    target: Target | None
    data: Mapping[str, Any]
    firing: datetime | None
    """The firing that this job stands for, the latest of those folded into it; None for an enqueued job."""
    configuration: Any
    """The daemon's configuration (`jobrunner.config.Configuration`)."""
    log: logging.Logger
    """Kept per attempt and streamed to `jobrunner logs -f`."""

    @property
    def cancelled(self) -> bool:
        """True once the job was asked to stop: cancelled, past its deadline, or its daemon stops."""
        ...

    def progress(self, fraction: float, message: str | None = None) -> None:
        """Say how far the job is: the share that is done, from 0 to 1, and perhaps a message.

        What is outside counts as the nearer end, NaN as 0; of a message 1,000 characters are kept. The latest is
        written twice a second at most; it is shown while the attempt runs, and is nothing that is left of it.
        """
        ...

    def more(self) -> None:
        """Say that more work is left: a scheduled job of `* * * * *` then goes again at once."""
        ...

    def nothing_to_do(self) -> None:
        """Say that the run found nothing to do: if a firing started it, it leaves no row in the history.

        What it returned and logged goes with the row. It is kept all the same where it is news: the first Success of
        that scheduled job and target after another end, or within a day.
        """
        ...

    def connection(self) -> AbstractAsyncContextManager[Any]:
        """A connection of the daemon's pool (asyncpg), with jsonb decoded."""
        ...

    def complete_in_transaction(self) -> AbstractAsyncContextManager[Any]:
        """A connection in a transaction that commits what the job writes together with the job's Success.

        If the claim was lost, leaving the block raises `LeaseLost` and nothing is written. Nothing of the job should
        follow the block.
        """
        ...
