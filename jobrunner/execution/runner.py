"""The runner: runs claimed jobs, coroutines on this loop, blocking ones in process slots, until their end is stored."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.connection import Connection
from jobrunner.db.pool import Pool
from jobrunner.definitions import Registry
from jobrunner.errors import InvalidJobData
from jobrunner.execution.attempt import (
    CANCEL,
    LOST,
    STOP,
    TIMEOUT,
    Attempt,
    HeldClaim,
    current_attempt,
)
from jobrunner.execution.attemptlog import LogCapture
from jobrunner.execution.context import Context
from jobrunner.execution.deadlines import Deadlines
from jobrunner.execution.finisher import Finisher
from jobrunner.execution.journal import Journal
from jobrunner.execution.judge import Judge
from jobrunner.execution.loglines import LogLine
from jobrunner.execution.slots import ProcessSlots
from jobrunner.execution.threads import JobThreads
from jobrunner.lifecycle import Service

STOP_LIMIT = 5.0
"""Seconds that a coroutine may go on after it was cancelled; then it is given up."""

log = logging.getLogger("jobrunner.execution")


class Runner(Service):
    """Everything that a claimed job needs until it is finished. Claiming is not its business."""

    stop_limit = None

    def __init__(
        self,
        *,
        registry: Registry,
        configuration: Configuration,
        pool: Pool,
        finishing: Connection,
        journal: Connection,
        daemon: str,
        slots: int,
        scrub: Callable[[str], str] = str,
        on_room: Callable[[], None] = lambda: None,
        on_due: Callable[[float], None] = lambda seconds: None,
        on_lines: Callable[[Attempt, list[LogLine]], None] = lambda attempt, lines: None,
    ) -> None:
        """Callbacks: `on_room` when jobs' ends were stored, `on_due` with the seconds until a job is tried again.

        `on_lines` gets what blocking jobs log. `scrub` takes secrets out of texts.
        """
        super().__init__("runner")
        self._registry = registry
        self._configuration = configuration
        self._pool = pool
        self._daemon = daemon
        self._judge = Judge(scrub)
        self._on_room = on_room
        self._on_due = on_due
        self._on_lines = on_lines
        self.attempts: dict[int, Attempt] = {}
        """Claimed jobs that have not ended, by id."""
        self.claims: dict[int, HeldClaim] = {}
        self.in_queue: Counter[str] = Counter()
        """How many run of each queue."""
        self.blocking = 0
        """How many of them are blocking jobs."""
        self.held = 0
        """How many are claimed and not stored yet."""
        self.did_not_stop = 0
        """Coroutines that went on after they were cancelled and given up."""
        self.slots = ProcessSlots(slots, preload=["jobrunner.definitions", "jobrunner.crontab", "pydantic"])
        self._slots_started = False
        self.journal = Journal(journal, lambda: self.attempts.values(), scrub)
        self.finisher = Finisher(
            finishing, self.journal, daemon, on_stored=self._stored, on_requeued=lambda pause: self._on_due(pause)
        )
        self._deadlines = Deadlines(on_over=lambda attempt: self.interrupt(attempt, TIMEOUT), on_stuck=self.give_up)
        self.answer_for(*self.parts)
        self._capture = LogCapture()
        self._given_up: set[asyncio.Task[None]] = set()

    async def _start(self) -> None:
        asyncio.get_running_loop().set_default_executor(JobThreads())
        logging.getLogger("jobrunner.job").setLevel(logging.INFO)
        logging.getLogger().addHandler(self._capture)
        if any(definition.blocking for definition in self._registry):
            await self.slots.start()
            self._slots_started = True
        await self.finisher.start()
        await self.journal.start()
        await self._deadlines.start()

    async def _stop(self) -> None:
        await self._deadlines.stop()
        await self.journal.stop()
        await self.finisher.stop()
        if self._slots_started:
            self._slots_started = False
            await self.slots.stop()
        logging.getLogger().removeHandler(self._capture)

    @property
    def parts(self) -> Sequence[Service]:
        """The loops inside, for whoever watches health."""
        return (self.finisher, self.journal, self._deadlines)

    def attempt_of(self, task: asyncio.Task[Any] | None) -> Attempt | None:
        """Return the attempt that runs as this task. May be asked from another thread."""
        return next((attempt for attempt in list(self.attempts.values()) if attempt.task is task), None)

    def resize(self, slots: int) -> None:
        """Change how many blocking jobs may run at once."""
        if not self._slots_started:
            self.slots.count = slots
        elif slots != self.slots.count:
            self.slots.resize(slots)

    @property
    def slots_free(self) -> int:
        """How many blocking jobs could start now."""
        return max(self.slots.count - self.blocking, 0) if self._slots_started else 0

    def take(self, claim_id: int, rows: Sequence[Any]) -> None:
        """Start the jobs of a claim whose answer has just come."""
        claim = HeldClaim(claim_id, time.monotonic(), len(rows))
        self.claims[claim_id] = claim
        self.held += len(rows)
        loop = asyncio.get_running_loop()
        for row in rows:
            definition = self._registry.get(row["name"])
            assert definition is not None, "a claim takes known names only"
            attempt = Attempt(row, claim, definition)
            self.attempts[attempt.job_id] = attempt
            self.in_queue[row["queue"]] += 1
            if row["blocking"]:
                self.blocking += 1
            attempt.task = loop.create_task(self._run(attempt))

    async def _run(self, attempt: Attempt) -> None:
        current_attempt.set(attempt)
        definition, row = attempt.definition, attempt.row
        attempt.started_at = time.monotonic()
        if definition.deadline is not None and not row["blocking"]:
            attempt.deadline_at = attempt.started_at + definition.deadline
            self._deadlines.watch(attempt)
        try:
            if row["cancel_requested"]:
                attempt.reason = CANCEL
                raise asyncio.CancelledError
            if row["preparing"] and definition.targets is not None:
                attempt.targets = await definition.targets_for(self._context(attempt))
                return
            data: dict[str, Any] = {} if row["data"] == "{}" else json.loads(row["data"])
            arguments = definition.arguments(data)
            if definition.blocking:
                await self._run_blocking(attempt, data)
            else:
                if definition.takes_context:
                    arguments["ctx"] = self._context(attempt)
                self._judge.returned(attempt, await definition.function(**arguments))
        except InvalidJobData as error:
            self._judge.refused(attempt, error)
        except asyncio.CancelledError:
            if not (attempt.given_up or attempt.completed):
                self._judge.stopped(attempt)
        except BaseException as error:  # a job may raise anything, SystemExit too
            if not attempt.given_up:
                self._judge.raised(attempt, error)
        finally:
            if not attempt.given_up:
                self._leave(attempt)

    def _context(self, attempt: Attempt) -> Any:
        return Context(attempt, self._pool, self._daemon, self._configuration)

    async def _run_blocking(self, attempt: Attempt, data: dict[str, Any]) -> None:
        row, definition = attempt.row, attempt.definition
        result = await self.slots.run(
            definition.module,
            definition.function.__qualname__,
            data,
            {
                "job_id": attempt.job_id,
                "name": definition.name,
                "attempt": attempt.number,
                "max_attempts": row["max_attempts"],
                "target_type": row["target_type"],
                "target_id": row["target_id"],
                "firing": None if row["firing"] is None else row["firing"].isoformat(),
                "data": data,
            },
            deadline=definition.deadline,
            on_log=lambda lines: self._keep_lines(attempt, lines),
            on_progress=attempt.note_progress,
        )
        attempt.more, attempt.idle = result.more, result.idle
        match result.outcome:
            case "success":
                self._judge.returned(attempt, result.value)
            case "timeout":
                self._judge.overran(attempt)
            case "died":
                self._judge.failed(attempt, "Died", result.exit_description or "its process ended")
            case _:
                text = f"{result.error}\n{result.traceback}" if result.traceback else str(result.error)
                self._judge.failed(attempt, "Error", text)

    def _keep_lines(self, attempt: Attempt, lines: list[LogLine]) -> None:
        attempt.keep_capped(lines)
        self._on_lines(attempt, lines)

    def _leave(self, attempt: Attempt) -> None:
        row = attempt.row
        del self.attempts[attempt.job_id]
        self.in_queue[row["queue"]] -= 1
        if row["blocking"]:
            self.blocking -= 1
        if attempt.deadline_at is not None:
            self._deadlines.forget(attempt)
        if attempt.line_cap is not None:
            attempt.last_lines()
        attempt.task = None  # whose context knows the attempt: each would keep the other until a garbage collection
        self.finisher.add(attempt)

    def _stored(self, attempts: Sequence[Attempt]) -> None:
        self.held -= len(attempts)
        for attempt in attempts:
            if attempt.claim.open <= 0:
                self.claims.pop(attempt.claim.id, None)
        self._on_room()

    def interrupt(self, attempt: Attempt, reason: str) -> None:
        """Ask an attempt to stop; one that does not within `STOP_LIMIT` is given up."""
        if attempt.reason is not None and not (reason == LOST and attempt.reason != LOST):
            return
        attempt.reason = reason
        attempt.deadline_at = time.monotonic() + STOP_LIMIT
        self._deadlines.watch(attempt)
        if attempt.task is not None:
            attempt.task.cancel()

    def give_up(self, attempt: Attempt) -> None:
        """Free the place of a coroutine that swallows its cancellation."""
        if self.attempts.get(attempt.job_id) is not attempt:
            return
        attempt.given_up = True
        self.did_not_stop += 1
        log.error("%s did not stop within %g s after it was cancelled: given up", attempt.label, STOP_LIMIT)
        attempt.error = f"did not stop within {STOP_LIMIT:g} s after it was asked to ({attempt.reason})"
        attempt.status = {STOP: "Stopped", LOST: "Lost"}.get(attempt.reason or "", "Failed")
        if attempt.task is not None:
            self._given_up.add(attempt.task)  # else it might be collected while it runs
            attempt.task.add_done_callback(self._given_up.discard)
        self._leave(attempt)

    def cancel(self, job_ids: Iterable[int]) -> None:
        """Stop jobs that somebody asked to cancel."""
        for job_id in job_ids:
            attempt = self.attempts.get(job_id)
            if attempt is not None:
                self.interrupt(attempt, CANCEL)

    def lose(self, claim_ids: Iterable[int]) -> None:
        """Stop the jobs of claims that were taken back: another daemon may be running them."""
        lost = set(claim_ids)
        for attempt in list(self.attempts.values()):
            if attempt.claim.id in lost:
                self.interrupt(attempt, LOST)

    async def wind_down(self, grace: float) -> None:
        """Let what runs end within `grace` seconds, then return the rest to Pending, and store all that."""
        tasks = [attempt.task for attempt in self.attempts.values() if attempt.task is not None]
        if tasks and grace > 0:
            await asyncio.wait(tasks, timeout=grace)
        await self.cut_short()

    async def cut_short(self) -> None:
        """Return all that still runs to Pending; the attempts are not used up."""
        for attempt in list(self.attempts.values()):
            self.interrupt(attempt, STOP)
        tasks = [attempt.task for attempt in self.attempts.values() if attempt.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        for attempt in list(self.attempts.values()):
            self.give_up(attempt)
        try:
            async with asyncio.timeout(1.0):
                await self.finisher.drained()
        except TimeoutError:
            log.warning("%d ends could not be stored: their leases bring the jobs back", self.finisher.waiting)
