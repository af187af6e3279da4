"""What is out of the ordinary, and how bad that is.

An exception is Critical when work that is due does not get done: no daemon runs while jobs or schedules are due, or
leases that ran out are not taken back. It is a Warning when somebody should look: processing is paused, no daemon runs
at all, schedules are late or have a problem, a job has waited for long, jobs that no daemon knows or whose queue none
takes, a daemon that polls, has lost a loop, is blocked or dead, jobs that did not stop, a transaction that has been
open for long, a notification queue that fills up, problems with modules or settings, a fault that holds up a service
(`troubles`), a scheduled job that fails again and again. Other failed jobs are counted and alarm nobody: they are
information.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from jobrunner.queue.fleet import DaemonRow
from jobrunner.queue.overview_facts import COUNT_LIMIT, FRONT, SHOWN, Facts
from jobrunner.queue.wording import count, listed, moment, paused_since, span

LONG_WAIT = 300.0
"""Seconds that a due job may wait before somebody should look."""
LONG_TRANSACTION = 300.0
"""Seconds that a transaction may be open before it is named."""
NOTIFY_USAGE = 0.5
"""How full the queue of notifications may be, 0 to 1. A full one fails every transaction that notifies."""

Level = Literal["Well", "Warning", "Critical"]
LEVELS: tuple[Level, ...] = ("Well", "Warning", "Critical")
"""The exit code of `jobrunner status` is the place in this list."""


@dataclass(frozen=True, slots=True)
class Exceptional:
    """One thing out of the ordinary."""

    level: Level
    code: str
    sentence: str


def worst(found: Iterable[Exceptional]) -> Level:
    """Return the level of the worst of them."""
    return max((one.level for one in found), key=LEVELS.index, default="Well")


def exceptions(facts: Facts) -> list[Exceptional]:
    """Return all that is out of the ordinary, the worst first."""
    return sorted(_exceptions(facts), key=lambda one: -LEVELS.index(one.level))


def _exceptions(facts: Facts) -> Iterator[Exceptional]:
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
    if facts.notify_usage > NOTIFY_USAGE:
        yield Exceptional(
            "Warning",
            "NotifyQueue",
            f"the notification queue of the database server is {facts.notify_usage:.0%} full, and once it is full "
            "nothing that wakes a daemon can be committed: end the session that listens and has a transaction open, in "
            "whichever database (the server's log names its process)",
        )


def _processing(facts: Facts) -> Iterator[Exceptional]:
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


def _schedules(facts: Facts) -> Iterator[Exceptional]:
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


def _stuck(facts: Facts) -> Iterator[Exceptional]:
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


def _unserved(facts: Facts) -> Iterator[Exceptional]:
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
