"""One attempt: what a daemon keeps in memory about a job while it runs."""

import asyncio
from contextvars import ContextVar
from typing import Any

from jobrunner.definitions import Definition
from jobrunner.execution.loglines import LineCap, LogLine
from jobrunner.execution.progress import Progress, progress_of

current_attempt: ContextVar["Attempt"] = ContextVar("jobrunner_attempt")
"""The attempt on whose behalf the running coroutine works: log lines find their job by it."""

CANCEL, TIMEOUT, STOP, LOST = "cancel", "timeout", "stop", "lost"
"""Why an attempt was asked to stop: a person, its deadline, its daemon's end, or its lease."""


class HeldClaim:
    """A claim as its daemon keeps it: how many of its jobs are still to be stored."""

    __slots__ = ("id", "made_at", "open")

    def __init__(self, claim_id: int, made_at: float, jobs: int) -> None:
        self.id = claim_id
        self.made_at = made_at
        """Monotonic time at which the claim was answered: a renewal that began later has seen it."""
        self.open = jobs


class Attempt:
    """A claimed job that runs, and in the end how it ended."""

    __slots__ = (
        "claim",
        "completed",
        "deadline_at",
        "definition",
        "discarded",
        "error",
        "fresh_lines",
        "given_up",
        "idle",
        "job_id",
        "line_cap",
        "more",
        "number",
        "progress",
        "progress_is_fresh",
        "reason",
        "result",
        "row",
        "started_at",
        "status",
        "targets",
        "task",
    )

    def __init__(self, row: Any, claim: HeldClaim, definition: Definition) -> None:
        self.row = row
        self.job_id: int = row["id"]
        self.number: int = row["attempt"]
        self.claim = claim
        self.definition = definition
        self.task: asyncio.Task[None] | None = None
        self.started_at = 0.0
        self.deadline_at: float | None = None
        """Monotonic time at which something is to be done about it."""
        self.reason: str | None = None
        """Why it was asked to stop, if it was."""
        self.completed = False
        """Its Success was stored by itself, in the transaction of its own writes."""
        self.given_up = False
        """It did not stop when asked to: whatever it still does is not waited for."""
        self.more = False
        """It said that more work is left."""
        self.idle = False
        """It said that it found nothing to do."""
        self.discarded = False
        """No row of it is left."""
        self.status = "Success"
        """Success, Failed or Cancelled; or, where the job goes on, the attempt's outcome."""
        self.error: str | None = None
        self.result: str | None = None
        self.targets: list[Any] | None = None
        """What a preparator yielded."""
        self.line_cap: LineCap | None = None
        self.fresh_lines: list[LogLine] | None = None
        self.progress: Progress | None = None
        self.progress_is_fresh = False

    @property
    def label(self) -> str:
        """How the daemon's own log names it."""
        return f"job {self.job_id} ({self.definition.name}), attempt {self.number}"

    @property
    def may_leave_no_row(self) -> bool:
        """Whether it came from a firing, ended well, found nothing to do and left nothing to be done."""
        return (
            self.idle
            and not (self.more or self.completed or self.targets)
            and self.status == "Success"
            and self.row["scheduled_job_id"] is not None
            and self.row["firing"] is not None
        )

    @property
    def prepared(self) -> bool:
        """Whether its end places a job for each target."""
        return self.targets is not None and self.status == "Success" and not self.discarded

    def keep(self, lines: list[LogLine]) -> None:
        """Keep lines of its log until they are written; of endless ones the oldest and newest."""
        if self.line_cap is None:
            self.line_cap = LineCap()
        self.keep_capped(self.line_cap.add(lines))

    def keep_capped(self, lines: list[LogLine]) -> None:
        """Keep lines whose number is bounded already."""
        if self.fresh_lines is None:
            self.fresh_lines = []
        self.fresh_lines.extend(lines)

    def last_lines(self) -> None:
        """Let out what was held back, at the end of the attempt."""
        if self.line_cap is not None:
            self.keep_capped(self.line_cap.finish())
            self.line_cap = None

    def note_progress(self, fraction: float, message: str | None) -> None:
        """Keep how far it is, for the next write."""
        self.progress = progress_of(fraction, message)
        self.progress_is_fresh = True
