"""What a coroutine gets: see `jobrunner.definitions.JobContext`."""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Any, NoReturn

from jobrunner.config import Configuration
from jobrunner.db.pool import Pool
from jobrunner.definitions import Definition, Target
from jobrunner.errors import JobrunnerError, LeaseLost
from jobrunner.execution.attempt import Attempt
from jobrunner.queue.finish import finish_one


class TargetsContext:
    """What a preparator gets where its targets are asked for by a person (`run-job`): there is no job yet."""

    job_id = 0
    attempt = max_attempts = 1
    data: Mapping[str, Any] = MappingProxyType({})
    firing: datetime | None = None
    cancelled = False

    def __init__(
        self, definition: Definition, pool: Pool, configuration: Configuration, target: Target | None = None
    ) -> None:
        """`target` is the only one that is asked for, where that is so."""
        self.name = definition.name
        self.target = target
        self.configuration = configuration
        self.log = logging.getLogger(f"jobrunner.job.{self.name}")
        self.connection = pool.connection

    def progress(self, fraction: float, message: str | None = None) -> None:
        """Nobody asks how far it is."""

    def more(self) -> None:
        """There is nothing that could go again."""

    def nothing_to_do(self) -> None:
        """There is no row that could be left out."""

    def complete_in_transaction(self) -> NoReturn:
        """Not there without a job."""
        raise JobrunnerError("there is no job to complete: the targets of one are being asked for")


class Context:
    """The context of one attempt."""

    def __init__(self, attempt: Attempt, pool: Pool, daemon: str, configuration: Configuration) -> None:
        self._attempt = attempt
        self._pool = pool
        self._daemon = daemon
        self._data: dict[str, Any] | None = None
        self.configuration = configuration
        self.job_id = attempt.job_id
        self.name = attempt.definition.name
        self.attempt = attempt.number
        self.max_attempts: int = attempt.row["max_attempts"]
        self.firing: datetime | None = attempt.row["firing"]
        self.log = logging.getLogger(f"jobrunner.job.{self.name}")

    @property
    def target(self) -> Target | None:
        """The record that the job is about."""
        kind, identifier = self._attempt.row["target_type"], self._attempt.row["target_id"]
        return None if kind is None and identifier is None else Target(kind, identifier)

    @property
    def data(self) -> Mapping[str, Any]:
        """The job's data as it was queued."""
        if self._data is None:
            self._data = json.loads(self._attempt.row["data"])
        return self._data

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop."""
        return self._attempt.reason is not None

    def progress(self, fraction: float, message: str | None = None) -> None:
        """Say how far the job is, from 0 to 1."""
        self._attempt.note_progress(fraction, message)

    def more(self) -> None:
        """Say that more work is left."""
        self._attempt.more = True

    def nothing_to_do(self) -> None:
        """Say that the run found nothing to do."""
        self._attempt.idle = True

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the daemon's pool."""
        async with self._pool.connection() as connection:
            yield connection

    @asynccontextmanager
    async def complete_in_transaction(self) -> AsyncIterator[Any]:
        """A transaction that commits the job's own writes together with its Success.

        Raises:
            LeaseLost: on leaving the block, if the claim does not hold any more; nothing is written then.
        """
        attempt = self._attempt
        async with self._pool.connection() as connection:
            async with connection.transaction():
                yield connection
                if not await finish_one(connection, attempt.job_id, attempt.claim.id, self._daemon):
                    raise LeaseLost(
                        f"job {attempt.job_id} lost its claim before it could complete: nothing of it was written"
                    )
            attempt.completed = True
