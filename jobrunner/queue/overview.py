"""How jobrunner does as a whole: one sentence, then what is out of the ordinary, then the numbers.

The cost is bounded: counts stop at a limit and go on as estimates, and of the history only today's tables are read.
"Today" is the day in UTC, since that is how the history is kept.

What is an exception, and of which level, is said in `exceptional`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.queue.exceptional import Exceptional, Level, exceptions, worst
from jobrunner.queue.fleet import DaemonRow, list_daemons
from jobrunner.queue.overview_facts import (
    COUNT_LIMIT,
    FRONT,
    SHOWN,
    Facts,
    JobCounts,
    OldestDue,
    OldTransaction,
    ScheduleCounts,
)
from jobrunner.queue.repeated_failures import list_repeated_failures
from jobrunner.queue.settings import load_settings
from jobrunner.queue.troubles import list_troubles
from jobrunner.queue.wording import count

COUNT_LIVE = load(__package__, "count_live")
COUNT_FINISHED = load(__package__, "count_finished")
COUNT_SCHEDULES = load(__package__, "count_schedules")
LIST_FAILURES = load(__package__, "list_failures")
LIST_FRONTS = load(__package__, "list_fronts")
LIST_SCHEDULE_TROUBLES = load(__package__, "list_schedule_troubles")
LIST_EXPIRED_CLAIMS = load(__package__, "list_expired_claims")
FIND_OLDEST_DUE = load(__package__, "find_oldest_due")
FIND_OLDEST_TRANSACTION = load(__package__, "find_oldest_transaction")
FIND_NOTIFY_USAGE = load(__package__, "find_notify_usage")

FAILURES = 10_000
"""So many of today's failures are looked at for their reasons."""
LATE_AFTER = 10.0
"""Seconds after which a firing that did not happen is late."""
STUCK_AFTER = 30.0
"""Seconds after its end after which a lease that nobody took back is stuck; sweeps come every few seconds."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Jobs of one name that failed today with one reason."""

    name: str
    reason: str
    jobs: int
    last_job: int


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


async def overview(connection: Queryable, configuration: Configuration | None = None) -> Overview:
    """Look at everything once; without a configuration those services are not asked that need one."""
    live = (await connection.fetch(COUNT_LIVE, COUNT_LIMIT))[0]
    schedules = ScheduleCounts(**dict((await connection.fetch(COUNT_SCHEDULES, LATE_AFTER))[0]))
    oldest = await connection.fetch(FIND_OLDEST_DUE)
    transaction = await connection.fetch(FIND_OLDEST_TRANSACTION)
    facts = Facts(
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
        notify_usage=(await connection.fetch(FIND_NOTIFY_USAGE))[0]["usage"],
    )
    failures = [Failure(**dict(row)) for row in await connection.fetch(LIST_FAILURES, FAILURES, SHOWN)]
    found = exceptions(facts)
    return Overview(
        sentence=_sentence(facts, found),
        exceptions=found,
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


def _sentence(facts: Facts, found: list[Exceptional]) -> str:
    about = "about " if "Failed" in facts.jobs.estimated else ""
    numbers = (
        f"{count(facts.schedules.on_time, 'schedule')} on time, {facts.schedules.late:,} late, "
        f"{about}{facts.jobs.Failed:,} failed today"
    )
    if not found:
        return f"All well: {numbers}"
    more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
    return f"{found[0].level}: {found[0].sentence}{more}; {numbers}"
