"""What the job Cleanup removes of mail: files that nothing names any more, and rates that limit nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from jobrunner.config import Configuration
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError
from jobrunner.queue.cleanup_target import AT_ONCE, Amount, CleanupTarget, Occasion, old_rows
from jobrunner.services.mail.importing.storing.files import sweep_files
from jobrunner.services.mail.importing.storing.stray_files import AGE, find_strays, sweep_strays

COUNT_UNUSED_FILES = load("jobrunner.services.mail.importing.storing", "count_unused_files")


MANY = 5000
"""Files that are looked for at a time: to find them may mean to look at all."""


def _root(configuration: Configuration) -> Path:
    return configuration.data_dir / "files"


@contextmanager
def _told() -> Iterator[None]:
    """Say what is wrong with the folder. A fault of the connection has no file name."""
    try:
        yield
    except OSError as fault:
        if fault.filename is None:
            raise
        raise ConfigurationError(
            f"files cannot be removed: {fault.strerror} ({fault.filename}); let the user of the daemon write there"
        ) from fault


@dataclass(frozen=True, slots=True)
class UnusedFiles:
    """Attachments and sources with their rows: a row goes when its file is gone, so that no file is without a row."""

    async def count(self, given: Occasion) -> Amount:
        """Return how many would go, and their size."""
        row = await given.connection.fetchrow(COUNT_UNUSED_FILES)
        return Amount(row["files"], row["octets"])

    async def step(self, given: Occasion) -> Amount:
        """Remove many, a few in each transaction: each is a call to the file system."""
        with _told():
            removed = await sweep_files(given.connection, _root(given.configuration), batch=MANY)
        return Amount(removed, is_last=removed == 0)

    async def remove(self, given: Occasion, most: int) -> Amount:
        """Remove nothing: `step` has done it."""
        return Amount(is_last=True)


@dataclass(frozen=True, slots=True)
class StrayFiles:
    """Files that no row knows."""

    age: timedelta = AGE

    async def count(self, given: Occasion) -> Amount:
        """Return how many would go, and their size."""
        with _told():
            sizes = await find_strays(given.connection, _root(given.configuration), age=self.age)
        return Amount(len(sizes), sum(sizes.values()))

    async def step(self, given: Occasion) -> Amount:
        """Remove many, a few in each transaction; finding them, a look at all files, is done in none."""
        with _told():
            rows, octets = await sweep_strays(given.connection, _root(given.configuration), MANY, self.age)
        return Amount(rows, octets, is_last=rows == 0)

    async def remove(self, given: Occasion, most: int) -> Amount:
        """Remove nothing: `step` has done it."""
        return Amount(is_last=True)


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
    CleanupTarget(
        "files",
        "Files that no mail or case has any more",
        AT_ONCE,
        UnusedFiles(),
        ahead=UnusedFiles(),
        frees_files=True,
    ),
    CleanupTarget(
        "stray-files",
        "Files that the database does not know",
        "2 days",
        StrayFiles(),
        ahead=StrayFiles(),
        frees_files=True,
    ),
    UNUSED_RATES,
)
