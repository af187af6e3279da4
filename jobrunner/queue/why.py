"""Why is this job not running: every reason that there is, the most decisive first."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobrunner.db.clock import database_time
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import nearest
from jobrunner.queue.fleet import DaemonRow, list_daemons
from jobrunner.queue.record import FINISHED, JobRecord, find_job
from jobrunner.queue.settings import Settings, load_settings
from jobrunner.queue.wording import count, listed, moment, paused_since, span

FIND_OPEN_IN_GROUP = load(__package__, "find_open_in_group")
COUNT_BEFORE_IN_GROUP = load(__package__, "count_before_in_group")
COUNT_BEFORE_IN_QUEUE = load(__package__, "count_before_in_queue")
COUNT_RUNNING_IN_QUEUE = load(__package__, "count_running_in_queue")

MOST_COUNTED = 10_000
"""How many jobs before this one are counted; more are said to be more."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, as a sentence and for programs."""

    code: str
    sentence: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Why:
    """What keeps a job; of a job that runs or has ended, where or how."""

    job_id: int
    name: str
    status: str
    reasons: list[Reason]

    @property
    def sentence(self) -> str:
        """The most decisive reason."""
        return self.reasons[0].sentence


async def why(connection: Queryable, job_id: int) -> Why:
    """Say why a job does not run.

    Raises:
        NotFound: there is no job of that id, or it is not kept any more.
    """
    job = await find_job(connection, job_id)
    now = await database_time(connection)
    if job.status in FINISHED:
        reasons = [_finished(job)]
    elif job.status == "Running":
        reasons = list(_running(job, now, await list_daemons(connection)))
    else:
        reasons = [reason async for reason in _Waiting(connection, job, now).reasons()]
    return Why(job.id, job.name, job.status, reasons)


def _finished(job: JobRecord) -> Reason:
    assert job.finished_at is not None
    how = {"Success": "it succeeded", "Failed": "it failed", "Cancelled": "it was cancelled"}[job.status]
    tries = f" after {count(job.attempt, 'attempt')}" if job.attempt else ""
    error = f": {job.error.splitlines()[0]}" if job.error else ""
    return Reason(
        "Finished",
        f"{how} at {moment(job.finished_at)}{tries}{error}",
        {"status": job.status, "finished_at": job.finished_at, "attempt": job.attempt, "error": job.error},
    )


def _running(job: JobRecord, now: datetime, daemons: list[DaemonRow]) -> Iterator[Reason]:
    assert job.started_at is not None
    daemon = next((one for one in daemons if one.id == job.daemon_id), None)
    place = daemon.place if daemon else job.daemon or "a daemon that is forgotten"
    if job.lease_until is not None and job.lease_until < now:
        since = span((now - job.lease_until).total_seconds())
        back = (
            "the next sweep takes it back"
            if any(one.alive for one in daemons)
            else ("it is taken back as soon as a daemon runs, and none does")
        )
        yield Reason(
            "LeaseRanOut",
            f"it runs no more: the lease of its attempt {job.attempt} on {place} ran out {since} ago; {back}",
            {"daemon": job.daemon, "lease_until": job.lease_until, "attempt": job.attempt},
        )
        return
    far = "" if job.progress is None else f", at {job.progress:.0%}"
    far += f" ({job.progress_message})" if job.progress_message else ""
    lease = "" if job.lease_until is None else f"; its lease holds until {moment(job.lease_until)}"
    yield Reason(
        "Running",
        f"it is running on {place} since {moment(job.started_at)}, for {span((now - job.started_at).total_seconds())}, "
        f"attempt {job.attempt} of {job.max_attempts}{far}{lease}",
        {
            "daemon": job.daemon,
            "started_at": job.started_at,
            "lease_until": job.lease_until,
            "attempt": job.attempt,
            "max_attempts": job.max_attempts,
            "progress": job.progress,
            "progress_message": job.progress_message,
        },
    )
    if job.cancel_requested:
        yield Reason("CancelRequested", "it was asked to stop")
    if daemon is not None and daemon.blocked is not None and daemon.blocked[0] == job.id:
        _, line, seconds = daemon.blocked
        yield Reason(
            "BlocksTheLoop",
            f"it has been blocking the event loop of its daemon for {span(seconds)} at {line}",
            {"line": line, "seconds": seconds},
        )


class _Waiting:
    """The reasons of one Pending job, in the order in which they decide."""

    def __init__(self, connection: Queryable, job: JobRecord, now: datetime) -> None:
        self.connection = connection
        self.job = job
        self.now = now

    async def reasons(self) -> AsyncIterator[Reason]:
        """Yield them."""
        job = self.job
        if job.cancel_requested:
            yield Reason("CancelRequested", "it was asked to be cancelled: it ends as soon as a daemon takes it")
        for reason in (self._time(), await self._group()):
            if reason is not None:
                yield reason
        settings = await load_settings(self.connection)
        if settings.paused:
            yield _paused(settings)
        daemons = [daemon for daemon in await list_daemons(self.connection) if daemon.alive]
        unserved = _unserved(job, daemons)
        if unserved is not None:
            yield unserved
        if job.hold is not None:
            return
        serving = [one for one in daemons if one.takes(job.queue) and job.name in one.definitions]
        if serving and not settings.paused:
            for reason in (await self._concurrency(settings, serving), self._slots(serving)):
                if reason is not None:
                    yield reason
        yield await self._place(served=bool(serving) and not settings.paused)

    def _time(self) -> Reason | None:
        job, wait = self.job, (self.job.execute_at - self.now).total_seconds()
        facts: dict[str, Any] = {"execute_at": job.execute_at, "seconds": wait}
        if job.hold == "Retry":
            facts |= {"attempt": job.attempt + 1, "max_attempts": job.max_attempts, "error": job.error}
            error = f"; attempt {job.attempt} ended with: {job.error.splitlines()[0]}" if job.error else ""
            which = f"attempt {job.attempt + 1} of {job.max_attempts}"
            if wait > 0:
                when = f"it waits until {moment(job.execute_at)}, {span(wait)} more, for {which}"
            else:
                when = f"the time of {which} has come: the next look of a daemon lets it go"
            return Reason("Retry", when + error, facts)
        if job.hold == "Time":
            if wait > 0:
                return Reason("Time", f"it waits for its time, {moment(job.execute_at)}, {span(wait)} more", facts)
            if job.group_name is None:
                return Reason("Time", "its time has come: the next look of a daemon lets it go", facts)
        return None

    async def _group(self) -> Reason | None:
        job = self.job
        if job.group_name is None or job.hold not in ("Group", "Time") or job.execute_at > self.now:
            return None
        facts: dict[str, Any] = {"group": job.group_name}
        group = f"its group {job.group_name!r}"
        if job.scheduled_job is not None and job.group_name.startswith("~"):
            group = f"its scheduled job {job.scheduled_job!r}"  # which never overlaps itself
        rows = await self.connection.fetch(FIND_OPEN_IN_GROUP, job.group_name)
        if not rows:
            when = "sweep" if job.hold == "Group" else "look"
            state = f"no job is open in it: the next {when} of a daemon lets the first one go"
            return Reason("Group", f"{group} runs one job at a time; {state}", facts)
        first = rows[0]
        place = (job.priority, job.execute_at, job.id, MOST_COUNTED + 1)
        before = (await self.connection.fetch(COUNT_BEFORE_IN_GROUP, job.group_name, *place))[0][0]
        facts |= {"open_job": first["id"], "open_job_status": first["status"], "before": before}
        match first["status"], first["hold"]:
            case "Running", _:
                state = f"is running since {moment(first['started_at'])}"
            case _, "Retry":
                state = f"waits until {moment(first['execute_at'])} for its next attempt"
            case _:
                state = f"is Pending and goes first (`jobrunner why {first['id']}`)"
        more = f", and {_many(before)} more {'waits' if before == 1 else 'wait'} before it" if before else ""
        return Reason(
            "Group", f"{group} runs one job at a time: job {first['id']} ({first['name']}) {state}{more}", facts
        )

    async def _concurrency(self, settings: Settings, serving: list[DaemonRow]) -> Reason | None:
        job, allowed = self.job, settings.concurrency(self.job.queue)
        running = {
            row["daemon_id"]: row["jobs"] for row in await self.connection.fetch(COUNT_RUNNING_IN_QUEUE, job.queue)
        }
        if any(running.get(daemon.id, 0) < allowed for daemon in serving):
            return None
        return Reason(
            "Concurrency",
            f"its queue {job.queue!r} is full: {allowed:,} of its jobs run on {_each(serving)}, and no more may "
            f"(queue_{job.queue}_concurrency)",
            {"queue": job.queue, "concurrency": allowed},
        )

    def _slots(self, serving: list[DaemonRow]) -> Reason | None:
        if not self.job.blocking:
            return None
        counts = [(daemon.counter("slots_busy"), daemon.counter("slots")) for daemon in serving]
        if not all(0 < slots <= busy for busy, slots in counts):
            return None
        slots = counts[0][1]
        return Reason(
            "Slots",
            f"it is a blocking job, and all {slots} slots of {_each(serving)} are busy (jobs_pool_concurrency_number)"
            if slots > 1
            else f"it is a blocking job, and the one slot of {_each(serving)} is busy (jobs_run_in_parallel, "
            "jobs_pool_concurrency_number)",
            {"slots": sum(slots for _, slots in counts), "slots_busy": sum(busy for busy, _ in counts)},
        )

    async def _place(self, *, served: bool) -> Reason:
        job = self.job
        place = (job.priority, job.execute_at, job.id, MOST_COUNTED + 1)
        before = (await self.connection.fetch(COUNT_BEFORE_IN_QUEUE, job.queue, job.blocking, *place))[0][0]
        kind = "blocking" if job.blocking else "coroutine"
        facts = {"queue": job.queue, "before": before}
        if before == 1:
            return Reason("Place", f"1 {kind} job of the queue {job.queue!r} is ready and goes before it", facts)
        if before:
            return Reason(
                "Place", f"{_many(before)} {kind} jobs of the queue {job.queue!r} are ready and go before it", facts
            )
        at_once = ": a daemon takes it at any moment" if served else ""
        return Reason("Next", f"it is ready, and first of the {kind} jobs of the queue {job.queue!r}{at_once}", facts)


def _many(number: int) -> str:
    return f"more than {MOST_COUNTED:,}" if number > MOST_COUNTED else f"{number:,}"


def _each(daemons: list[DaemonRow]) -> str:
    return daemons[0].name if len(daemons) == 1 else f"each of {listed([daemon.name for daemon in daemons])}"


def _paused(settings: Settings) -> Reason:
    paused = paused_since(settings.paused_by, settings.paused_since)
    return Reason(
        "Paused",
        f"{paused}: `jobrunner settings set paused false` resumes it",
        {"by": settings.paused_by, "since": settings.paused_since},
    )


def _unserved(job: JobRecord, alive: list[DaemonRow]) -> Reason | None:
    """Return why no daemon would take a job were it ready."""
    if not alive:
        return Reason("NoDaemon", "no daemon is running: `jobrunner daemon` starts one")
    takers = [daemon for daemon in alive if daemon.takes(job.queue)]
    knowers = [daemon for daemon in alive if job.name in daemon.definitions]
    if not takers:
        queues = sorted({queue for daemon in alive for queue in daemon.queues or ()})
        return Reason(
            "NoDaemonTakesQueue",
            f"no daemon takes its queue {job.queue!r}: those that run take {listed(queues)}",
            {"queue": job.queue, "queues": queues},
        )
    if not knowers:
        known = {name for daemon in alive for name in daemon.definitions}
        near = nearest(job.name, known)
        return Reason(
            "NoDaemonKnowsJob",
            f"no daemon knows it: none that runs has a job named {job.name!r}"
            + (near if near.endswith("?") else "; start one with --import and the module that has it"),
            {"name": job.name, "known": sorted(known)},
        )
    if not any(daemon in takers for daemon in knowers):
        return Reason(
            "NoDaemonTakesBoth",
            f"no daemon both knows {job.name!r} and takes the queue {job.queue!r}: "
            f"{listed([one.name for one in knowers])} could run it, {listed([one.name for one in takers])} take it",
            {"name": job.name, "queue": job.queue},
        )
    return None
