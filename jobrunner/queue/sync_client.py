"""The client for programs without an event loop: the same methods, which block."""

import asyncio
import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Literal, TypeVar

from jobrunner.definitions import Definition, Target
from jobrunner.errors import InvalidInput
from jobrunner.queue.async_client import LIMIT, POOL_SIZE, AsyncClient
from jobrunner.queue.carrier import portion_for, run_blocking
from jobrunner.queue.emit import emit_event
from jobrunner.queue.enqueue import enqueue_all, enqueue_one
from jobrunner.queue.new_job import NO_DATA, NewJob
from jobrunner.queue.popup_token import LIFETIME
from jobrunner.queue.record import JobRecord
from jobrunner.queue.refusal import refusals

Result = TypeVar("Result")

_clients: "weakref.WeakSet[SyncClient]" = weakref.WeakSet()


class SyncClient:
    """A `Client` on an event loop and thread of its own, which start when it is first used.

    So there is one implementation, and no second driver to install. Threads may share it. The child of a fork has its
    own thread and connections.
    """

    def __init__(
        self,
        database_url: str | None = None,
        *,
        pool_size: int = POOL_SIZE,
        limit: float = LIMIT,
        pooled: bool = False,
    ) -> None:
        """See `Client`."""
        self._make: Callable[[], AsyncClient] = lambda: AsyncClient(
            database_url, pool_size=pool_size, limit=limit, pooled=pooled
        )
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: AsyncClient | None = None
        _clients.add(self)

    def __enter__(self) -> "SyncClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def enqueue(
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
        """Enqueue one job and return its id: see `Client.enqueue`. A connection is one of psycopg 3."""
        options: dict[str, Any] = {
            "queue": queue,
            "group": group,
            "priority": priority,
            "delay": delay,
            "execute_at": execute_at,
            "target": target,
            "max_attempts": max_attempts,
            "unique_key": unique_key,
        }
        if connection is not None:
            with refusals():
                return run_blocking(connection, enqueue_one(NewJob(job, data, **options)))
        return self._wait_for(lambda client: client.enqueue(job, data, **options))

    def enqueue_many(self, jobs: Iterable[NewJob], *, connection: Any = None) -> list[int]:
        """Enqueue many jobs, all or none: see `Client.enqueue_many`. A connection is one of psycopg 3."""
        if connection is not None:
            with refusals():
                return run_blocking(connection, enqueue_all(jobs, portion=portion_for(connection)))
        new_jobs = list(jobs)  # an iterator of the caller runs in the caller's thread
        return self._wait_for(lambda client: client.enqueue_many(new_jobs))

    def emit(
        self,
        event: str,
        data: Mapping[str, Any] = NO_DATA,
        *,
        target: Target | tuple[str | None, str | int | None] | None = None,
        user: str | int | None = None,
        connection: Any = None,
    ) -> int | None:
        """Tell webhooks of an event: see `Client.emit`. A connection is one of psycopg 3."""
        if connection is not None:
            with refusals():
                return run_blocking(connection, emit_event(event, data, target, user))
        return self._wait_for(lambda client: client.emit(event, data, target=target, user=user))

    def popup_token(self, user: str | int, *, lifetime: timedelta = LIFETIME) -> str:
        """Return a token by which a page shows the popups of a user: see `Client.popup_token`."""
        return self._wait_for(lambda client: client.popup_token(user, lifetime=lifetime))

    def cancel(self, job_id: int, *, by: str | None = None) -> Literal["Cancelled", "Requested"]:
        """Cancel a job: see `Client.cancel`."""
        return self._wait_for(lambda client: client.cancel(job_id, by=by))

    def job(self, job_id: int) -> JobRecord:
        """Return a job with its status: see `Client.job`."""
        return self._wait_for(lambda client: client.job(job_id))

    def close(self) -> None:
        """Close the connections and end the thread; may be called twice, and the client used again afterwards."""
        with self._lock:
            loop, thread, client = self._loop, self._thread, self._client
            self._loop = self._thread = self._client = None
        if loop is None or thread is None or client is None:
            return
        asyncio.run_coroutine_threadsafe(client.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _wait_for(self, work: Callable[[AsyncClient], Coroutine[Any, Any, Result]]) -> Result:
        loop, client = self._start()
        if threading.current_thread() is self._thread:
            raise InvalidInput("a blocking client cannot be used on its own event loop: use Client there")
        future = asyncio.run_coroutine_threadsafe(work(client), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C: what is under way is not waited for
            raise

    def _start(self) -> tuple[asyncio.AbstractEventLoop, AsyncClient]:
        with self._lock:
            if self._loop is None or self._client is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="jobrunner client", daemon=True)
                self._thread.start()
                self._client = self._make()
            return self._loop, self._client

    def _begin_anew(self) -> None:
        """Forget what the parent process has: its thread is not here, and its connections are not ours.

        They must not even be cleaned up here: to close them would take them off the selector, which a child shares with
        its parent. So they are kept for as long as the child lives.
        """
        self._lock = threading.Lock()
        for inherited in (self._client, self._loop):
            if inherited is not None:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))
        self._loop = self._thread = self._client = None


def _begin_anew() -> None:
    for client in list(_clients):
        client._begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
