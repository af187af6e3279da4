"""All that a client does, but for `Client.sync`: the blocking client stands on this one."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

from jobrunner.db.secrets import Keyring
from jobrunner.definitions import Definition, Target
from jobrunner.imports import alone
from jobrunner.queue.carrier import portion_for, run
from jobrunner.queue.control import cancel_job
from jobrunner.queue.emit import emit_event
from jobrunner.queue.enqueue import PORTION, Batch, enqueue_all, enqueue_one
from jobrunner.queue.lines import Line, Lines, OwnConnections, PoolOfApplication
from jobrunner.queue.new_job import NO_DATA, NewJob
from jobrunner.queue.popup_token import LIFETIME, popup_token
from jobrunner.queue.record import JobRecord, find_job
from jobrunner.queue.refusal import refusals

POOL_SIZE = 4
LIMIT = 30.0


class AsyncClient:
    """Enqueues jobs, asks after them, cancels them. It connects when it is used; the tasks of a loop may share it."""

    def __init__(
        self,
        database_url: str | None = None,
        *,
        pool: Any = None,
        pool_size: int = POOL_SIZE,
        limit: float = LIMIT,
        pooled: bool = False,
    ) -> None:
        """Nothing is connected yet.

        Args:
            database_url: the database; by default the daemons' own: what JOBRUNNER_DATABASE_URL or the configuration
                file names, else the embedded server of the data folder while a daemon keeps it running.
            pool: an asyncpg pool of the application to use instead; it is not closed with the client.
            pool_size: the most connections that the client opens.
            limit: seconds that the wait for a connection, and each statement, may take.
            pooled: the URL leads to a transaction pooler such as PgBouncer.
        """
        own = OwnConnections(database_url, size=pool_size, pooled=pooled)
        # A function, whose representation does not show the URL's password.
        self._load_keyring = lambda: _load_keyring(database_url)
        self._keyring: Keyring | None = None
        self._lines = Lines(own if pool is None else PoolOfApplication(pool), limit)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the client's own connections; may be called twice. It cannot be used afterwards."""
        await self._lines.close()

    async def enqueue(
        self,
        job: str | Definition,
        data: Mapping[str, Any] = NO_DATA,
        *,
        queue: str | None = None,
        group: str | None = None,
        priority: int = 0,
        delay: float | timedelta | None = None,
        execute_at: datetime | None = None,
        target: Target | tuple[str | None, str | int | None] | None = None,
        max_attempts: int | None = None,
        unique_key: str | None = None,
        connection: Any = None,
    ) -> int:
        """Enqueue one job and return its id.

        Args:
            job: the name of the job's definition, or the definition.
            data: its arguments. Where this process knows the definition they are checked by its annotations.
            queue: the queue; by default the definition's, else main.
            group: jobs of one group run one after another, in order of priority, time and id.
            priority: the smaller, the sooner.
            delay: seconds, or a timedelta, before which it does not start.
            execute_at: the time, with its zone, before which it does not start.
            target: the record it is about, a `Target` or (type, id).
            max_attempts: how often it is tried, from 1 to 1000; by default as its definition says, else 3.
            unique_key: while a Pending or Running job has the same key, nothing is added and that job's id returned.
            connection: the caller's own, of asyncpg or psycopg 3: the job is added in its transaction.

        Raises:
            InvalidJobData: the data or an option cannot be held; nothing was written.
            DatabaseUnavailable, LimitExceeded: where only the answer was lost, the job is there all the same; with a
                unique key it may be enqueued again without harm.
        """
        new_job = NewJob(
            job=job,
            data=data,
            queue=queue,
            group=group,
            priority=priority,
            delay=delay,
            execute_at=execute_at,
            target=target,
            max_attempts=max_attempts,
            unique_key=unique_key,
        )
        if connection is not None:
            with refusals():
                return await run(connection, enqueue_one(new_job))
        return await self._lines.work(lambda line: run(line, enqueue_one(new_job)))

    async def enqueue_many(self, jobs: Iterable[NewJob], *, connection: Any = None) -> list[int]:
        """Enqueue many jobs, all or none, and return their ids in the order given.

        Where a unique key is taken, also by an earlier one of these jobs, the id is that of the job which has it.

        Args:
            jobs: the jobs.
            connection: the caller's own, of asyncpg or psycopg 3: the jobs are added in its transaction.

        Raises:
            InvalidJobData: with the index of the job that is refused; nothing was written.
            DatabaseUnavailable, LimitExceeded: as with `enqueue`.
        """
        if connection is not None:
            with refusals():
                return await run(connection, enqueue_all(jobs, portion=portion_for(connection)))
        batch = Batch(jobs)
        return await self._lines.work(lambda line: _add(line, batch))

    async def emit(
        self,
        event: str,
        data: Mapping[str, Any] = NO_DATA,
        *,
        target: Target | tuple[str | None, str | int | None] | None = None,
        user: str | int | None = None,
        connection: Any = None,
    ) -> int | None:
        """Tell the webhooks that listen of an event and return its number; None, and nothing written, where none do.

        Args:
            event: what has happened: `Account.create`.
            data: what is told of it.
            target: the record it is about, a `Target` or (type, id).
            user: id of who caused it.
            connection: the caller's own, of asyncpg or psycopg 3: the event is told when its transaction commits.

        Raises:
            InvalidInput: the name or the data cannot be; nothing was written.
            DatabaseUnavailable, LimitExceeded: where only the answer was lost, the event may be told all the same.
        """
        if connection is not None:
            with refusals():
                return await run(connection, emit_event(event, data, target, user))
        return await self._lines.work(lambda line: run(line, emit_event(event, data, target, user)))

    async def popup_token(self, user: str | int, *, lifetime: timedelta = LIFETIME) -> str:
        """Return a token by which a page of the application shows the popups of a user: see docs/popups.md.

        It is signed by a key that the daemons' secret key opens, so this process needs that one, too
        (JOBRUNNER_SECRET_KEY, or the configuration file; with the embedded server it is in the data folder).

        Args:
            user: id of whoever is signed in.
            lifetime: how long it may be used to connect; at most an hour, and rather a minute.

        Raises:
            InvalidInput: there can be no such user.
            ConfigurationError, SecretUnreadable: the secret key is not at hand, or not the daemons'.
            DatabaseUnavailable, LimitExceeded: the database is away.
        """
        keyring = await self._keys()
        return await self._lines.work(lambda line: popup_token(line, keyring, user, lifetime))

    async def _keys(self) -> Keyring:
        if self._keyring is None:
            self._keyring = await asyncio.to_thread(self._load_keyring)
        return self._keyring

    async def cancel(self, job_id: int, *, by: str | None = None) -> Literal["Cancelled", "Requested"]:
        """Cancel a job: a Pending one is Cancelled at once, the daemon of a Running one is asked to stop it.

        Raises:
            NotFound: there is no such job.
            Conflict: it is finished.
        """
        return await self._lines.work(lambda line: cancel_job(line, job_id, by=by))

    async def job(self, job_id: int) -> JobRecord:
        """Return a job with its status and all that is known about it.

        Raises:
            NotFound: there is no job of that id, or it is not kept any more.
        """
        return await self._lines.work(lambda line: find_job(line, job_id))


def _load_keyring(database_url: str | None) -> Keyring:
    """Return the keys of the configuration; those of the embedded server only where no database is named."""
    with alone("jobrunner.config"):
        from jobrunner.config import load  # slow to import, and most clients need no keys

    return Keyring.from_configuration(load() if database_url is None else load(database_url=database_url))


async def _add(line: Line, batch: Batch) -> list[int]:
    """Add a batch on a line of our own: in one statement, or in several that a transaction makes one whole."""
    await run(line, batch.complete())
    if len(batch) <= PORTION:
        return await _add_parts(line, batch)
    async with line.transaction():
        return await _add_parts(line, batch)


async def _add_parts(line: Line, batch: Batch) -> list[int]:
    """Add one part after the other; while PostgreSQL stores one, the next is encoded."""
    ids: list[int] = []
    sent: asyncio.Task[list[int]] | None = None
    try:
        for part in batch.parts():
            if sent is not None:
                ids += await sent
            sent = asyncio.create_task(run(line, part.add()))
            await asyncio.sleep(0)  # now its statement is on the way
        return ids if sent is None else ids + await sent
    except asyncio.CancelledError:
        if sent is not None:
            sent.cancel()
        raise
    finally:
        if sent is not None and not sent.done():
            await asyncio.wait({sent})  # the line carries one statement at a time; this one has a limit
