"""What the overview is made from: numbers and rows, as they were at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobrunner.queue.fleet import DaemonRow
from jobrunner.queue.settings import Settings

COUNT_LIMIT = 100_000
"""Up to here jobs are counted one by one."""
FRONT = 1000
"""So many ready jobs of each queue are looked at for those that no daemon takes."""
SHOWN = 10
"""The most lines of one kind."""


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
class Facts:
    """All that is looked at."""

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
    notify_usage: float
    """How full the server's queue of notifications is, 0 to 1."""

    @property
    def alive(self) -> list[DaemonRow]:
        """The daemons that run."""
        return [daemon for daemon in self.daemons if daemon.alive]
