"""One run: walks over the targets, removes what is over of each, and tells how far it is."""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from jobrunner.config import Configuration
from jobrunner.db.connection import SHORT_OF, TRANSIENT
from jobrunner.db.queryable import Connect
from jobrunner.errors import ConfigurationError, JobrunnerError
from jobrunner.queue.cleanup_target import CleanupTarget, NotATable
from jobrunner.queue.cleanup_targets import problems_of_targets
from jobrunner.queue.settings import SettingRow
from jobrunner.queue.wording import count
from jobrunner.services.cleanup.batches import LARGEST, Batches, TooSlow
from jobrunner.services.cleanup.report import Report, TargetReport
from jobrunner.services.cleanup.settings import TIME_LIMIT, kept, load_periods
from jobrunner.services.cleanup.vacuum import vacuum_thinned

KEPT_FOR_EVER = "kept for ever"
NEARLY_FULL = 0.05
"""Share of the disk with the files: if less is free, files go before all else."""


class CleanupFailed(JobrunnerError):
    """Of some targets something could not be removed; the others were cleaned."""


def free_share(folder: Path) -> float:
    """Return how much of the disk with this folder is free, from 0 to 1; 1 where that is not known."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 1.0
    return usage.free / usage.total if usage.total else 1.0


class Run:
    """Removes what is old; `clean` is called once."""

    def __init__(
        self,
        connect: Connect,
        configuration: Configuration,
        targets: Sequence[CleanupTarget],
        *,
        cancelled: Callable[[], bool] = lambda: False,
        progress: Callable[[float, str | None], None] = lambda fraction, message: None,
        log: logging.Logger | None = None,
        largest: int = LARGEST,
        free: Callable[[Path], float] = free_share,
    ) -> None:
        """Prepare a run.

        Args:
            connect: lends an asyncpg connection, for one batch at a time.
            configuration: of this process; where files lie.
            targets: what is cleaned, in this order.
            cancelled: tells whether to come to an end after the batch under way.
            progress: is told how far it is.
            log: where it tells what went.
            largest: rows of a batch, at most.
            free: tells how much of the disk with a folder is free, from 0 to 1.
        """
        self.report = Report()
        self._connect = connect
        self._configuration = configuration
        self._targets = targets
        self._cancelled = cancelled
        self._progress = progress
        self._log = log or logging.getLogger("jobrunner.cleanup")
        self._largest = largest
        self._free = free
        self._ends_at = float("inf")
        self._done = 0.0

    async def clean(self) -> Report:
        """Remove what is over of every target, and return what was done.

        Raises:
            CleanupFailed: of some targets something could not be removed; names them.
        """
        async with self._connect() as connection:
            rows = await load_periods(connection)
        minutes = rows[TIME_LIMIT.name].value
        assert isinstance(minutes, int)
        self._ends_at = time.monotonic() + 60 * minutes
        for problem in problems_of_targets():
            self._log.warning("%s", problem)
        order = [*await self._first(), *self._targets]
        for place, target in enumerate(order):
            if not self._goes_on():
                self.report.has_more = True
                break
            self._done = place / len(order)
            self._tell(target)
            await self._clean(target, rows)
        if not self._cancelled():
            async with self._connect() as connection:
                await vacuum_thinned(connection, self._thinned(), self._log)
        if self.report.has_more and not self._cancelled():
            self._log.warning("the time limit of %d min is over: the next run goes on (%s)", minutes, TIME_LIMIT.name)
        self._log.info("%s removed", count(self.report.rows, "row"))
        if self.report.failed:
            names = ", ".join(one.target for one in self.report.failed)
            raise CleanupFailed(f"not all could be cleaned: {names}; {self.report.failed[0].error}")
        return self.report

    def _tell(self, target: CleanupTarget) -> None:
        self._progress(self._done, f"{target.name}; {count(self.report.rows, 'row')} so far")

    def _goes_on(self) -> bool:
        return not self._cancelled() and time.monotonic() < self._ends_at

    async def _first(self) -> list[CleanupTarget]:
        """Return what goes before all else, and once more in its place: what others free for it."""
        files = [target for target in self._targets if target.frees_files]
        folder = self._configuration.data_dir
        if not files or (share := await asyncio.to_thread(self._free, folder)) >= NEARLY_FULL:
            return []
        self._log.warning("of the disk with %s only %.1f %% are free: files go first", folder, 100 * share)
        return files

    def _thinned(self) -> list[tuple[CleanupTarget, TargetReport]]:
        reports = {report.target: report for report in self.report.targets}
        return [(target, reports[target.name]) for target in self._targets if target.name in reports]

    async def _clean(self, target: CleanupTarget, rows: dict[str, SettingRow]) -> None:
        report = next((one for one in self.report.targets if one.target == target.name), None)
        if report is None:
            report = TargetReport(target.name, target.what, None)
            self.report.targets.append(report)
        report.note = report.error = None
        before = report.seconds
        began = time.monotonic()
        try:
            report.kept = kept(target, rows)
            if report.kept is None:
                report.note = KEPT_FOR_EVER
                return
            batches = Batches(
                self._connect,
                self._configuration,
                target,
                report.kept,
                self._goes_on,
                report,
                self._largest,
                lambda: self._tell(target),
            )
            if not await batches.run():
                self.report.has_more = True
        except NotATable as reason:
            report.note = f"left alone: {reason}"
        except (ConfigurationError, TooSlow) as error:
            report.error = str(error)
            self._log.error("%s", error)
        except SHORT_OF as error:  # a full disk, say: another target may be what makes room
            report.error = " ".join(str(error).split())[:500]
            self._log.error("%s could not be cleaned: %s", target.name, report.error)
        except TRANSIENT:  # the database is away: so it is for the others
            raise
        except Exception as error:  # one target's fault holds up no other
            report.error = " ".join(str(error).split())[:500] or type(error).__name__
            self._log.exception("%s could not be cleaned", target.name)
        finally:
            report.seconds = before + time.monotonic() - began
            if report.rows or report.referred or report.note not in (None, KEPT_FOR_EVER):
                self._log.info("%s: %s", target.name, report)
