"""Shows what a job says while it runs: its log lines and, on a terminal, a bar."""

import logging
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from jobrunner.execution.attempt import Attempt
    from jobrunner.execution.loglines import LogLine


class Terminal:
    """Lines go to standard error by the logging set-up; the bar too, and only where that is a terminal."""

    def __init__(self) -> None:
        self._bars: dict[int, Any] = {}
        self._progress: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True), transient=True)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def lines(self, attempt: "Attempt", lines: "list[LogLine]") -> None:
        """Show what a blocking job logged or printed in its process."""
        for line in lines:
            logging.getLogger("jobrunner.child").log(line.level or logging.INFO, "%s", line.message)

    def progress(self, attempt: "Attempt") -> None:
        """Show how far a job is."""
        if self._progress is None or attempt.progress is None:
            return
        from jobrunner.cli.control_characters import clean

        fraction, message = attempt.progress
        words = clean(message or attempt.definition.name)
        if attempt.job_id not in self._bars:
            self._bars[attempt.job_id] = self._progress.add_task(words, total=1.0)
        self._progress.update(self._bars[attempt.job_id], completed=fraction, description=words)
