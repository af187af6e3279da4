"""What the job Cleanup removes of files: attachments and sources that no mail, case or failure names any more."""

from dataclasses import dataclass

from jobrunner.db.sql import load
from jobrunner.queue.cleanup_target import AT_ONCE, Amount, CleanupTarget, Occasion
from jobrunner.services.mail.importing.storing.files import PORTION, sweep_files

COUNT_UNUSED_FILES = load("jobrunner.services.mail.importing.storing", "count_unused_files")


@dataclass(frozen=True, slots=True)
class UnusedFiles:
    """Files and their rows: a row goes when its file is gone, so that no file is without a row."""

    async def count(self, given: Occasion) -> Amount:
        """Return how many would go, and their size."""
        row = await given.connection.fetchrow(COUNT_UNUSED_FILES)
        return Amount(row["files"], row["octets"])

    async def remove(self, given: Occasion, most: int) -> Amount:
        """Remove some: fewer than rows at a time, since each is a call to the file system."""
        removed = await sweep_files(given.connection, given.configuration.data_dir / "files", batch=min(most, PORTION))
        return Amount(removed, is_last=removed == 0)


TARGETS: tuple[CleanupTarget, ...] = (
    CleanupTarget("files", "Files that no mail or case has any more", AT_ONCE, UnusedFiles()),
)
