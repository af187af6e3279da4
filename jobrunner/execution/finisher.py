"""The finisher: stores how attempts ended, in batches that grow by themselves.

There is no timer: whatever ended while the last batch was on its way is the next batch, so at light load a batch is
one job, stored at once. While the database is away the ended attempts wait here; each is stored when it is back, if
its claim still holds then.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import asyncpg

from jobrunner.db.connection import TRANSIENT, Connection
from jobrunner.db.loop import DatabaseLoop
from jobrunner.execution.attempt import Attempt
from jobrunner.execution.journal import Journal
from jobrunner.queue.finish import (
    Finishes,
    Requeues,
    advance_groups,
    discard_jobs,
    end_claims,
    find_finished,
    finish_jobs,
    finish_one,
    requeue_jobs,
)
from jobrunner.queue.placing import fan_out, fire_again

BATCH = 1000
"""The most attempts that one statement stores."""
LOCK_LIMIT = "SET LOCAL lock_timeout = '50ms'"
"""For the end of a preparing job, which needs its scheduled job as it stays: all other ends wait meanwhile."""
HELD_PAUSE = 1.0
"""Seconds until an end is tried again whose scheduled job is being edited in an open transaction."""
FINAL = frozenset({"Success", "Failed", "Cancelled"})
JOB_ID = attrgetter("job_id")

log = logging.getLogger("jobrunner.execution")


class Finisher(DatabaseLoop):
    """Takes ended attempts and stores them."""

    def __init__(
        self,
        connection: Connection,
        journal: Journal,
        daemon: str,
        *,
        on_stored: Callable[[Sequence[Attempt]], None],
        on_requeued: Callable[[float], None],
    ) -> None:
        """`on_stored` gets attempts that are done with; `on_requeued` in how many seconds a job goes on."""
        super().__init__("finisher", interval=None)
        self._connection = connection
        self._journal = journal
        self._daemon = daemon
        self._on_stored = on_stored
        self._on_requeued = on_requeued
        self._waiting: list[Attempt] = []
        self._held: list[Attempt] = []
        """Preparing jobs that ended while an open transaction had their scheduled job; they are tried again."""
        self._doubtful = False
        """The answer to the last statement was lost: it may have been stored."""
        self._drained = asyncio.Event()
        self._drained.set()
        self.fenced = 0
        """Ends that changed nothing, since another daemon had taken the job over."""
        self.stored = 0
        self.returned = 0
        """Jobs that the end of this process put back into the queue."""
        self.discarded = 0
        """Runs that found nothing to do and of which no row is left; among those stored."""

    def add(self, attempt: Attempt) -> None:
        """Take an attempt that ended."""
        self._waiting.append(attempt)
        self._drained.clear()
        self.wake()

    @property
    def waiting(self) -> int:
        """How many ended attempts are not stored yet."""
        return len(self._waiting) + len(self._held)

    async def drained(self) -> None:
        """Wait until everything that ended is stored."""
        await self._drained.wait()

    async def once(self) -> None:
        """Store one batch."""
        batch = self._waiting[:BATCH]
        if not batch:
            self._note_drained()
            return
        with_lines = [attempt for attempt in batch if attempt.fresh_lines and not attempt.may_leave_no_row]
        if with_lines:
            await self._journal.write_lines(with_lines)
        try:
            stored = await self._store(batch)
        except TRANSIENT:
            self._doubtful = True
            raise
        except asyncpg.PostgresError as error:
            if len(batch) == 1:
                self._plain(batch[0], error)
            else:
                log.error("a batch of ends could not be stored, they are stored one by one: %s", error)
                await self._store_singly(batch)
            self.wake()
            return
        self._done(stored)
        self.wake()

    async def _store_singly(self, batch: Sequence[Attempt]) -> None:
        """One row that the database cannot hold must not keep the others from being stored."""
        for attempt in batch:
            try:
                stored = await self._store([attempt])
            except TRANSIENT:
                self._doubtful = True
                raise
            except asyncpg.PostgresError as fault:
                self._plain(attempt, fault)
                stored = await self._store([attempt])
            self._done(stored)

    def _done(self, batch: list[Attempt]) -> None:
        self._doubtful = False
        if self._waiting[: len(batch)] == batch:
            del self._waiting[: len(batch)]
        else:
            gone = set(map(id, batch))
            self._waiting = [attempt for attempt in self._waiting if id(attempt) not in gone]
        self._note_drained()
        self.stored += len(batch)
        self._on_stored(batch)

    def _note_drained(self) -> None:
        if not self.waiting:
            self._drained.set()

    def _hold(self, attempts: Sequence[Attempt]) -> None:
        """Let ends wait beside the others, which are stored meanwhile."""
        if not self._held:
            asyncio.get_running_loop().call_later(HELD_PAUSE, self._release)
        self._held += attempts
        self._waiting = [attempt for attempt in self._waiting if attempt not in attempts]

    def _release(self) -> None:
        self._waiting += self._held
        self._held.clear()
        self.wake()

    @staticmethod
    def _plain(attempt: Attempt, error: Exception) -> None:
        log.error("%s: what it left cannot be stored (%s), only its end is", attempt.label, error)
        attempt.result = None
        attempt.error = (
            None if attempt.status == "Success" else f"its error could not be stored: {type(error).__name__}"
        )

    async def _store(self, batch: Sequence[Attempt]) -> list[Attempt]:
        """Store ends and return those that are: all but the ones that are held."""
        finishes, requeues, groups, again = Finishes(), Requeues(), set[str](), list[int]()
        closing: dict[int, int] = {}
        in_order = sorted(batch, key=JOB_ID)  # rows are locked in id order, see finish_jobs.sql
        idle = [attempt for attempt in in_order if attempt.may_leave_no_row]
        if idle:
            await self._discard([attempt for attempt in idle if not attempt.discarded])
        held = [one for one in in_order if one.prepared and not await self._finish_preparing(one)]
        if held:
            self._hold(held)
            in_order = [attempt for attempt in in_order if attempt not in held]
        for attempt in in_order:
            claim = attempt.claim
            closing[claim.id] = closing.get(claim.id, claim.open) - 1
            if attempt.discarded or attempt.prepared or attempt.completed or attempt.status == "Lost":
                pass
            elif attempt.status in FINAL:
                finishes.add(attempt.job_id, claim.id, attempt.status, attempt.error, attempt.result)
            else:
                pause = 0.0 if attempt.status == "Stopped" else attempt.definition.pause(attempt.number)
                requeues.add(attempt.job_id, claim.id, attempt.status, attempt.error, pause)
            row = attempt.row
            if row["group_name"] is not None and attempt.status in FINAL:
                groups.add(row["group_name"])
            if attempt.more and attempt.status == "Success" and row["scheduled_job_id"] is not None:
                again.append(attempt.job_id)
        ended_claims = [claim_id for claim_id, left in closing.items() if left == 0]
        if finishes.ids:
            stored = await finish_jobs(self._connection, finishes, ended_claims, self._daemon)
            if len(stored) < len(finishes.ids):
                await self._note_fenced(finishes.ids, finishes.claims, stored | self._perhaps_gone(idle))
        if requeues.ids:
            stored = await requeue_jobs(self._connection, requeues, ended_claims, self._daemon)
            if len(stored) < len(requeues.ids) and not self._doubtful:
                self._count_fenced(set(requeues.ids) - stored)
            self.returned += sum(one.status == "Stopped" and one.job_id in stored for one in in_order)
            self._on_requeued(min(requeues.pauses))
        if ended_claims and not finishes.ids and not requeues.ids:
            await end_claims(self._connection, ended_claims)
        if groups:
            await advance_groups(self._connection, sorted(groups))
        if again:
            await fire_again(self._connection, again)
        for attempt in in_order:
            attempt.claim.open -= 1
        return [attempt for attempt in batch if attempt not in held] if held else list(batch)

    async def _discard(self, idle: Sequence[Attempt]) -> None:
        """Remove jobs that found nothing to do. Of those that stay all the same, the log is written."""
        gone = await discard_jobs(
            self._connection, [attempt.job_id for attempt in idle], [attempt.claim.id for attempt in idle]
        )
        for attempt in idle:
            attempt.discarded = attempt.job_id in gone
        self.discarded += len(gone)
        await self._journal.write_lines([attempt for attempt in idle if attempt.fresh_lines and not attempt.discarded])

    def _perhaps_gone(self, attempts: Sequence[Attempt]) -> set[int]:
        """Return which may have been removed by a try whose answer was lost: of them nothing can be found."""
        return {attempt.job_id for attempt in attempts if attempt.may_leave_no_row} if self._doubtful else set()

    async def _finish_preparing(self, attempt: Attempt) -> bool:
        """End a preparing job and insert its children in one transaction, or neither; False where that has to wait."""

        async def work(raw: Any) -> bool:
            await raw.execute(LOCK_LIMIT)
            if not await fan_out(raw, attempt.job_id, attempt.claim.id, attempt.targets or []):
                return False
            return await finish_one(raw, attempt.job_id, attempt.claim.id, self._daemon)

        try:
            stored = await self._connection.transaction(work)
        except asyncpg.exceptions.LockNotAvailableError:
            return False
        if not stored:
            await self._note_fenced([attempt.job_id], [attempt.claim.id], self._perhaps_gone([attempt]))
        return True

    async def _note_fenced(self, ids: list[int], claims: list[int], stored: set[int]) -> None:
        missing = [(job_id, claim) for job_id, claim in zip(ids, claims, strict=True) if job_id not in stored]
        if self._doubtful:  # perhaps the first try had been stored, and only its answer was lost
            found = await find_finished(self._connection, [job for job, _ in missing], [claim for _, claim in missing])
            missing = [pair for pair in missing if pair[0] not in found]
        self._count_fenced({job_id for job_id, _ in missing})

    def _count_fenced(self, ids: set[int]) -> None:
        self.fenced += len(ids)
        for job_id in sorted(ids):
            log.warning("job %s ended here after its claim was gone: what it left is not stored", job_id)
