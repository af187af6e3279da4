"""The journal: writes the captured log and the progress of running attempts, once a second."""

from collections.abc import Callable, Iterable, Sequence

from jobrunner.db.connection import Connection
from jobrunner.db.loop import DatabaseLoop
from jobrunner.db.sql import load
from jobrunner.execution.attempt import Attempt

WRITE_LOG = load("jobrunner.queue", "write_log")
WRITE_PROGRESS = load("jobrunner.queue", "write_progress")
LINES_KEPT = 4000
"""Lines of one attempt that wait in memory at most, while the database is away."""


class Journal(DatabaseLoop):
    """Lines and progress carry the claim: those of an attempt that lost it change nothing."""

    def __init__(
        self, connection: Connection, running: Callable[[], Iterable[Attempt]], scrub: Callable[[str], str]
    ) -> None:
        """`scrub` takes known secrets out of a line."""
        super().__init__("journal", interval=0.5)
        self._connection = connection
        self._running = running
        self._scrub = scrub

    async def once(self) -> None:
        """Write what is fresh."""
        attempts = list(self._running())
        await self.write_lines([attempt for attempt in attempts if attempt.fresh_lines])
        fresh = [attempt for attempt in attempts if attempt.progress_is_fresh and attempt.progress]
        if not fresh:
            return
        for attempt in fresh:
            attempt.progress_is_fresh = False
        await self._connection.fetch(
            WRITE_PROGRESS,
            [attempt.job_id for attempt in fresh],
            [attempt.claim.id for attempt in fresh],
            [attempt.progress[0] if attempt.progress else 0.0 for attempt in fresh],
            [
                self._scrub(attempt.progress[1]) if attempt.progress and attempt.progress[1] else None
                for attempt in fresh
            ],
        )

    async def write_lines(self, attempts: Sequence[Attempt]) -> None:
        """Write the fresh lines of these attempts; if that fails they are fresh again."""
        taken = [(attempt, attempt.fresh_lines or []) for attempt in attempts]
        if not taken:
            return
        for attempt, _ in taken:
            attempt.fresh_lines = None
        try:
            lines = [(attempt, line) for attempt, of_attempt in taken for line in of_attempt]
            await self._connection.fetch(
                WRITE_LOG,
                [attempt.job_id for attempt, _ in lines],
                [attempt.claim.id for attempt, _ in lines],
                [attempt.number for attempt, _ in lines],
                [line.at for _, line in lines],
                [line.level for _, line in lines],
                [line.logger for _, line in lines],
                [self._scrub(line.message) for _, line in lines],
            )
        except BaseException:
            for attempt, of_attempt in taken:
                attempt.fresh_lines = [*of_attempt, *(attempt.fresh_lines or [])][-LINES_KEPT:]
            raise
