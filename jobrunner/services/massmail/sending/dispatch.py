"""Sends one mass e-mail for a while: puts its parts together, and ends them (see the package)."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from jobrunner.db.line import PATIENCE, Line
from jobrunner.db.queryable import Connect
from jobrunner.db.sql import load
from jobrunner.services.mail.accounts import Outgoing
from jobrunner.services.mail.accounts.outgoing import LOOK_INTERVAL
from jobrunner.services.mail.smtp import Pool
from jobrunner.services.massmail.sending.buffer import Buffer
from jobrunner.services.massmail.sending.course import Course, Sent
from jobrunner.services.massmail.sending.feeding import Feeder
from jobrunner.services.massmail.sending.hour import HourLimit, Portion
from jobrunner.services.massmail.sending.items import Items
from jobrunner.services.massmail.sending.lanes import Lanes
from jobrunner.services.massmail.sending.ledger import Ledger
from jobrunner.services.massmail.sending.letters import Writer
from jobrunner.services.massmail.sending.preparing import Prepared
from jobrunner.services.massmail.sending.results import Results

LEASED_PER_CONNECTION = 8
"""Beside the one that is being sent."""
LAST_LIMIT = 0.5
"""Seconds for which a run that was cancelled waits for mails under way: little time is left to it."""


class Dispatch:
    """Sends what is due of one mass e-mail; `send` is called once."""

    def __init__(
        self,
        prepared: Prepared,
        account: Outgoing,
        pool: Pool,
        connect: Connect,
        side: Line,
        *,
        job_id: int | None,
        hour: HourLimit,
        portion: Portion,
        ends_at: float,
        cancelled: Callable[[], bool],
        on_settled: Callable[[int], None],
        log: logging.Logger,
    ) -> None:
        """Prepare it.

        Args:
            prepared: which.
            account: its account.
            pool: of the connections of that.
            connect: lends a connection to the database, for the ledger.
            side: the line for all else.
            job_id: on whose behalf items are leased.
            hour: the limit of the hour.
            portion: what the run may send.
            ends_at: monotonic time at which it comes to its end.
            cancelled: tells whether to come to an end before.
            on_settled: hears how many items were finished.
            log: where it tells what happens.
        """
        by = prepared.account
        connections = max(1, min(by.limits.max_connections, pool.max_connections))
        buffer = Buffer(low=connections, domain_concurrency=by.limits.domain_concurrency)
        self._items = Items(
            prepared.id,
            secrets.randbits(63),
            job_id,
            timedelta(seconds=by.smtp.send_limit + 2 * PATIENCE),
            by,
            prepared.sender.address.domain,
            prepared.is_informational,
            prepared.has_excluding,
            prepared.with_lists,
        )
        self._prepared = prepared
        self._account = account
        self._side = side
        self._connect = connect
        self._own = Line(connect)
        self._is_cancelled = cancelled
        self._course = Course(prepared.name, buffer, ends_at, log)
        self._results = Results(prepared, account, self._course, hour, side, on_settled)
        self._ledger = Ledger(self._items, self._own, hour, self._results.note_answer)
        self._feeder = Feeder(
            by,
            self._items,
            self._course,
            self._results,
            self._ledger,
            side,
            portion,
            most=LEASED_PER_CONNECTION * connections,
        )
        self._lanes = Lanes(pool, self._course, self._results, self._ledger, self._items, side)
        self._connections = connections

    async def send(self) -> Sent:
        """Send what is due until nothing is, or time, portion or account end it.

        Raises:
            Exception: the database is away.
        """
        await self._results.read_earlier()
        await self._skip_excluded()
        self._ledger.start()
        try:
            async with Writer(self._prepared, self._course.log) as writer:
                await self._run([self._feeder.run(writer), *map(self._lanes.run, range(self._connections))])
            if self._course.error is not None:
                raise self._course.error
            await self._results.pause_if_all_are_refused()
        finally:
            await self._ledger.close()
            await self._own.close()
        return self._course.sent

    async def _skip_excluded(self) -> None:
        if not self._prepared.has_excluding:
            return
        async with self._connect() as connection:  # planned for these lists, and without a limit
            rows = await connection.fetch(load(__package__, "skip_excluded_items"), self._prepared.id)
        self._results.note_skipped(len(rows))

    async def _run(self, parts: list[Coroutine[Any, Any, None]]) -> None:
        course = self._course
        tasks = {asyncio.create_task(part) for part in parts}
        looking = asyncio.create_task(self._look())
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            course.stop("stopped before its end", halted=True)
            await asyncio.wait(tasks, timeout=LAST_LIMIT)
            raise
        finally:
            looking.cancel()
            left = [task for task in tasks if not task.done()]
            for task in left:
                task.cancel()
            await asyncio.wait([looking, *tasks])
            await self._give_up_leases(LAST_LIMIT if left or self._is_cancelled() else PATIENCE)
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                course.error = course.error or task.exception()

    async def _look(self) -> None:
        """Come to the end when it is time, or when asked to."""
        course = self._course
        while not self._is_cancelled() and time.monotonic() < course.ends_at:  # noqa: ASYNC110 nobody tells of it
            await asyncio.sleep(min(LOOK_INTERVAL, max(0.0, course.ends_at - time.monotonic())))
        course.sent.has_more = course.sent.has_more or not course.buffer.is_drained
        course.stop("its time is over, the rest follows" if not self._is_cancelled() else "the run is to end")

    async def _give_up_leases(self, limit: float) -> None:
        """Store the last results, and free what was not handed over."""
        try:
            await self._ledger.written(limit)
            async with asyncio.timeout(limit):
                await self._items.release(self._side, sorted(self._results.leased - self._results.in_doubt))
        except Exception as error:
            self._course.log.warning(
                "mass e-mail %r: what was leased could not be given back, the next run takes it: %s",
                self._prepared.name,
                error or type(error).__name__,
            )
