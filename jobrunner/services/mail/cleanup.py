"""What the job Cleanup removes of mail: files that nothing names any more, and rates that limit nothing."""

from dataclasses import dataclass

from jobrunner.db.sql import load
from jobrunner.queue.cleanup_target import AT_ONCE, Amount, CleanupTarget, Occasion, old_rows
from jobrunner.services.mail.importing.storing.files import PORTION, sweep_files

COUNT_UNUSED_FILES = load("jobrunner.services.mail.importing.storing", "count_unused_files")


@dataclass(frozen=True, slots=True)
class UnusedFiles:
    """Attachments and sources with their rows: a row goes when its file is gone, so that no file is without a row."""

    async def count(self, given: Occasion) -> Amount:
        """Return how many would go, and their size."""
        row = await given.connection.fetchrow(COUNT_UNUSED_FILES)
        return Amount(row["files"], row["octets"])

    async def remove(self, given: Occasion, most: int) -> Amount:
        """Remove some: fewer than rows at a time, since each is a call to the file system."""
        removed = await sweep_files(given.connection, given.configuration.data_dir / "files", batch=min(most, PORTION))
        return Amount(removed, is_last=removed == 0)


# A bucket is full again after an hour at most, and is made anew when it is next taken from.
UNUSED_RATES = old_rows(
    "mail-rates",
    "Rates of receiving domains to which nothing goes any more",
    "1 day",
    table="jobrunner.mail_rate",
    time="refreshed_at",
    where="t.scope <> ''",
)

TARGETS: tuple[CleanupTarget, ...] = (
    CleanupTarget("files", "Files that no mail or case has any more", AT_ONCE, UnusedFiles()),
    UNUSED_RATES,
)
