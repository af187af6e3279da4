"""How jobrunner does as a whole: one sentence, then what is out of the ordinary, then the numbers.

The cost is bounded: counts stop at a limit and go on as estimates, and of the history only today's tables are read.
"Today" is the day in UTC, since that is how the history is kept.

An exception is Critical when work that is due does not get done: no daemon runs while jobs or schedules are due, or
leases that ran out are not taken back. It is a Warning when somebody should look: processing is paused, no daemon
runs at all, schedules are late or have a problem, a job has waited for long, jobs that no daemon knows or whose queue
none takes, a daemon that polls, has lost a loop, is blocked or dead, jobs that did not stop, a transaction that has
been open for long, problems with modules or settings, a fault that holds up a service (`troubles`), a scheduled job
that fails again and again. Other failed jobs are counted and alarm nobody: they are information.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from jobrunner.config import Configuration
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.queue.fleet import DaemonRow, list_daemons
from jobrunner.queue.repeated_failures import list_repeated_failures
from jobrunner.queue.settings import Settings, load_settings
from jobrunner.queue.troubles import list_troubles
from jobrunner.queue.wording import count, listed, moment, paused_since, span

COUNT_LIVE = load(__package__, "count_live")
COUNT_FINISHED = load(__package__, "count_finished")
COUNT_SCHEDULES = load(__package__, "count_schedules")
LIST_FAILURES = load(__package__, "list_failures")
LIST_FRONTS = load(__package__, "list_fronts")
LIST_SCHEDULE_TROUBLES = load(__package__, "list_schedule_troubles")
LIST_EXPIRED_CLAIMS = load(__package__, "list_expired_claims")
FIND_OLDEST_DUE = load(__package__, "find_oldest_due")
FIND_OLDEST_TRANSACTION = load(__package__, "find_oldest_transaction")

COUNT_LIMIT = 100_000
"""Up to here jobs are counted one by one."""
FRONT = 1000
"""So many ready jobs of each queue are looked at for those that no daemon takes."""
FAILURES = 10_000
"""So many of today's failures are looked at for their reasons."""
SHOWN = 10
"""The most lines of one kind."""
LATE_AFTER = 10.0
"""Seconds after which a firing that did not happen is late."""
STUCK_AFTER = 30.0
"""Seconds after its end after which a lease that nobody took back is stuck; sweeps come every few seconds."""
LONG_WAIT = 300.0
"""Seconds that a due job may wait before somebody should look."""
LONG_TRANSACTION = 300.0
"""Seconds that a transaction may be open before it is named."""

Level = Literal["Well", "Warning", "Critical"]
LEVELS: tuple[Level, ...] = ("Well", "Warning", "Critical")
"""The exit code of `jobrunner status` is the place in this list."""


@dataclass(frozen=True, slots=True)
class Exceptional:
    """One thing out of the ordinary."""

    level: Level
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class JobCounts:
    """How many jobs are in which state; the finished ones since `since`."""

    Pending: int
    Running: int
    Success: int
    Failed: int
    Cancelled: int
    since: datetime
    estimated: list[str]
    """The states whose number is an estimate."""


@dataclass(frozen=True, slots=True)
class ScheduleCounts:
    """How the Active scheduled jobs do."""

    active: int
    late: int
    with_problem: int

    @property
    def on_time(self) -> int:
        """Those that fire as they should."""
        return self.active - self.late - self.with_problem


@dataclass(frozen=True, slots=True)
class Failure:
    """Jobs of one name that failed today with one reason."""

    name: str
    reason: str
    jobs: int
    last_job: int


@dataclass(frozen=True, slots=True)
class OldestDue:
    """The job that could have started longest ago."""

    id: int
    name: str
    queue: str
    since: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class OldTransaction:
    """The oldest open transaction."""

    what: str
    since: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it."""

    sentence: str
    exceptions: list[Exceptional]
    jobs: JobCounts
    schedules: ScheduleCounts
    failures: list[Failure]
    daemons: list[DaemonRow]
    oldest_due: OldestDue | None
    oldest_transaction: OldTransaction | None
    paused_by: str | None = None
    paused_since: datetime | None = None

    @property
    def level(self) -> Level:
        """That of the worst exception."""
        return worst(self.exceptions)


@dataclass(frozen=True, slots=True)
class _Facts:
    settings: Settings
    daemons: list[DaemonRow]
    due: int
    jobs: JobCounts
    schedules: ScheduleCounts
    troubles: Sequence[Any] = field(repr=False)
    fronts: Sequence[Any] = field(repr=False)
    expired: Sequence[Any] = field(repr=False)
    services: Sequence[str]
    failing: Sequence[str]
    oldest_due: OldestDue | None
    oldest_transaction: OldTransaction | None

    @property
    def alive(self) -> list[DaemonRow]:
        return [daemon for daemon in self.daemons if daemon.alive]


def worst(exceptions: Iterable[Exceptional]) -> Level:
    """Return the level of the worst of them."""
    return max((one.level for one in exceptions), key=LEVELS.index, default="Well")


async def overview(connection: Queryable, configuration: Configuration | None = None) -> Overview:
    """Look at everything once; without a configuration those services are not asked that need one."""
    live = (await connection.fetch(COUNT_LIVE, COUNT_LIMIT))[0]
    schedules = ScheduleCounts(**dict((await connection.fetch(COUNT_SCHEDULES, LATE_AFTER))[0]))
    oldest = await connection.fetch(FIND_OLDEST_DUE)
    transaction = await connection.fetch(FIND_OLDEST_TRANSACTION)
    facts = _Facts(
        settings=await load_settings(connection),
        daemons=await list_daemons(connection),
        due=max(live["open"] - live["running"], 0) + live["due"],
        jobs=_job_counts(live, await connection.fetch(COUNT_FINISHED, COUNT_LIMIT)),
        schedules=schedules,
        troubles=await connection.fetch(LIST_SCHEDULE_TROUBLES, LATE_AFTER, SHOWN),
        fronts=await connection.fetch(LIST_FRONTS, FRONT),
        expired=await connection.fetch(LIST_EXPIRED_CLAIMS, STUCK_AFTER, SHOWN),
        services=await list_troubles(connection, configuration),
        failing=await list_repeated_failures(connection, SHOWN),
        oldest_due=OldestDue(**dict(oldest[0])) if oldest else None,
        oldest_transaction=OldTransaction(**dict(transaction[0])) if transaction else None,
    )
    failures = [Failure(**dict(row)) for row in await connection.fetch(LIST_FAILURES, FAILURES, SHOWN)]
    exceptions = sorted(_exceptions(facts), key=lambda one: -LEVELS.index(one.level))
    return Overview(
        sentence=_sentence(facts, exceptions),
        exceptions=exceptions,
        jobs=facts.jobs,
        schedules=schedules,
        failures=failures,
        daemons=facts.daemons,
        oldest_due=facts.oldest_due,
        oldest_transaction=facts.oldest_transaction,
        paused_by=facts.settings.paused_by,
        paused_since=facts.settings.paused_since,
    )


def _job_counts(live: Any, finished: Sequence[Any]) -> JobCounts:
    estimated: list[str] = []
    pending = max(live["live"] - live["running"], 0)
    if live["live"] >= COUNT_LIMIT:
        pending = max(pending, live["estimate"] - live["running"])
        estimated.append("Pending")
    numbers = dict.fromkeys(("Success", "Cancelled", "Failed"), 0)
    for side, statuses in (("done", ("Success", "Cancelled")), ("failed", ("Failed",))):
        rows = [row for row in finished if row["side"] == side]
        counted = sum(row["counted"] for row in rows)
        for row in rows:
            numbers[row["status"]] = row["counted"]
            if counted >= COUNT_LIMIT:
                numbers[row["status"]] = max(row["counted"], round(row["estimate"] * row["counted"] / counted))
        if counted >= COUNT_LIMIT:
            estimated += statuses
    return JobCounts(
        Pending=pending, Running=live["running"], since=finished[0]["midnight"], estimated=estimated, **numbers
    )


def _sentence(facts: _Facts, exceptions: list[Exceptional]) -> str:
    about = "about " if "Failed" in facts.jobs.estimated else ""
    numbers = (
        f"{count(facts.schedules.on_time, 'schedule')} on time, {facts.schedules.late:,} late, "
        f"{about}{facts.jobs.Failed:,} failed today"
    )
    if not exceptions:
        return f"All well: {numbers}"
    more = f" (and {len(exceptions) - 1:,} more)" if len(exceptions) > 1 else ""
    return f"{exceptions[0].level}: {exceptions[0].sentence}{more}; {numbers}"


def _exceptions(facts: _Facts) -> Iterator[Exceptional]:
    yield from _processing(facts)
    yield from _schedules(facts)
    yield from _stuck(facts)
    yield from _unserved(facts)
    for trouble in facts.services[:SHOWN]:
        yield Exceptional("Warning", "ServiceTrouble", trouble)
    for failing in facts.failing:
        yield Exceptional("Warning", "RepeatedFailure", failing)
    for daemon in facts.daemons:
        yield from _daemon(daemon, facts.settings.problems)
    for problem in facts.settings.problems:
        yield Exceptional("Warning", "SettingProblem", problem)
    old = facts.oldest_transaction
    if old is not None and old.seconds > LONG_TRANSACTION:
        yield Exceptional(
            "Warning",
            "OldTransaction",
            f"a transaction has been open for {span(old.seconds)} and keeps the tables from being cleaned: {old.what}",
        )


def _processing(facts: _Facts) -> Iterator[Exceptional]:
    settings = facts.settings
    if settings.paused:
        yield Exceptional("Warning", "Paused", paused_since(settings.paused_by, settings.paused_since))
    if facts.alive:
        return
    due = f"{'more than ' if facts.due >= COUNT_LIMIT else ''}{count(facts.due, 'job is', 'jobs are')} due"
    late = f"{count(facts.schedules.late, 'schedule is', 'schedules are')} late"
    waiting = [text for number, text in ((facts.due, due), (facts.schedules.late, late)) if number]
    if waiting and not settings.paused:
        yield Exceptional("Critical", "NoDaemon", f"no daemon is running while {' and '.join(waiting)}")
    else:
        yield Exceptional("Warning", "NoDaemon", "no daemon is running")


def _schedules(facts: _Facts) -> Iterator[Exceptional]:
    for row in facts.troubles:
        if row["problem"] is not None:
            yield Exceptional("Warning", "ScheduleProblem", f"scheduled job {row['name']!r}: {row['problem']}")
    if facts.schedules.late and facts.alive and not facts.settings.paused:
        late = [
            f"{row['name']} (due {moment(row['next_fire_at'])})"
            if row["next_fire_at"]
            else f"{row['name']} (no next time)"
            for row in facts.troubles
            if row["problem"] is None
        ]
        names = f": {listed(late)}" if late else ""
        yield Exceptional(
            "Warning", "LateSchedules", f"{count(facts.schedules.late, 'schedule is', 'schedules are')} late{names}"
        )


def _stuck(facts: _Facts) -> Iterator[Exceptional]:
    for claim in facts.expired:
        daemon = claim["daemon"] or "a daemon that is forgotten"
        jobs = f"job {claim['first_job']}" + (f" and {claim['jobs'] - 1:,} more" if claim["jobs"] > 1 else "")
        yield Exceptional(
            "Critical",
            "StuckClaim",
            f"{jobs} of {daemon}: the lease ran out at {moment(claim['expires_at'])} and nobody has taken it back",
        )
    oldest = facts.oldest_due
    if oldest is not None and oldest.seconds > LONG_WAIT and facts.alive and not facts.settings.paused:
        yield Exceptional(
            "Warning",
            "LongWait",
            f"job {oldest.id} ({oldest.name}, queue {oldest.queue}) is due and has waited for {span(oldest.seconds)}: "
            f"`jobrunner why {oldest.id}` says for what",
        )


def _unserved(facts: _Facts) -> Iterator[Exceptional]:
    """What stands ready and no daemon that runs would take; where none runs, that is said already."""
    alive = facts.alive
    if not alive:
        return
    untaken: dict[str, int] = {}
    unknown: dict[str, int] = {}
    apart: dict[tuple[str, str], int] = {}
    for row in facts.fronts:
        queue, name, jobs = row["queue"], row["name"], row["jobs"]
        takers = [daemon for daemon in alive if daemon.takes(queue)]
        if not takers:
            untaken[queue] = untaken.get(queue, 0) + jobs
        elif not any(name in daemon.definitions for daemon in alive):
            unknown[name] = unknown.get(name, 0) + jobs
        elif not any(name in daemon.definitions for daemon in takers):
            apart[queue, name] = jobs
    for queue, jobs in list(untaken.items())[:SHOWN]:
        yield Exceptional("Warning", "QueueNotTaken", f"no daemon takes the queue {queue!r}, where {_ready(jobs)}")
    for name, jobs in list(unknown.items())[:SHOWN]:
        yield Exceptional("Warning", "UnknownJob", f"no daemon knows {name!r}, of which {_ready(jobs)}")
    for (queue, name), jobs in list(apart.items())[:SHOWN]:
        yield Exceptional(
            "Warning", "QueueNotTaken", f"no daemon that knows {name!r} takes the queue {queue!r}, where {_ready(jobs)}"
        )


def _ready(jobs: int) -> str:
    return f"{'at least ' if jobs >= FRONT else ''}{count(jobs, 'job waits', 'jobs wait')}"


def _daemon(daemon: DaemonRow, known: Collection[str]) -> Iterator[Exceptional]:
    """What is wrong with a daemon; what it says of the settings, which all of them read, is `known` already."""

    def warn(code: str, sentence: str) -> Exceptional:
        return Exceptional("Warning", code, f"{daemon.place} {sentence}")

    if not daemon.alive:
        yield warn("DeadDaemon", f"has given no sign of life since {moment(daemon.seen_at)}")
        return
    if not daemon.listening:
        yield warn("Polling", "is not reached by notifications and polls: jobs start up to a second later")
    if daemon.unhealthy:
        yield warn("UnhealthyLoop", f"has parts that do not work: {listed(daemon.unhealthy)}")
    if daemon.blocked is not None:
        job, line, seconds = daemon.blocked
        who = f"job {job}" if job is not None else "something that is no job"
        yield warn("BlockedLoop", f"has had its event loop blocked by {who} for {span(seconds)} at {line}")
    if stubborn := daemon.counter("did_not_stop"):
        yield warn("DidNotStop", f"has had {count(stubborn, 'job that did', 'jobs that did')} not stop when asked")
    for problem in [problem for problem in daemon.problems if problem not in known][:SHOWN]:
        yield warn("Problem", f"says: {problem}")
