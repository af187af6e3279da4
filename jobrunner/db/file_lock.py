"""A lock on a file (flock) that never blocks the event loop and is freed by the death of its holder.

Each `FileLock` opens the file anew, so two of them exclude each other in one process as they do in two.
"""

import asyncio
import fcntl
import os
from pathlib import Path

from jobrunner.db.data_folder import refused
from jobrunner.errors import DatabaseUnavailable, LimitExceeded

PAUSE = 0.02
"""Seconds between two looks at a lock that somebody else holds."""


class FileLock:
    """One open lock file. It is not deleted when the lock is given back: that would split the lock in two."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def try_exclusive(self) -> bool:
        """Take it, or turn it into, a lock held alone; False when anybody else holds it.

        After False nothing is held any more, whatever was held before: a file lock is not turned in one step.
        """
        return self._try(fcntl.LOCK_EX)

    async def shared(self, limit: float) -> None:
        """Take it, or turn it into, a lock held with others; wait while somebody holds it alone.

        For at most `limit` seconds, then LimitExceeded.
        """
        await self._wait(fcntl.LOCK_SH, limit)

    async def exclusive(self, limit: float) -> None:
        """Wait for `try_exclusive`, for at most `limit` seconds, then LimitExceeded."""
        await self._wait(fcntl.LOCK_EX, limit)

    def release(self) -> None:
        """Give it back; harmless when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    async def _wait(self, kind: int, limit: float) -> None:
        try:
            async with asyncio.timeout(limit):
                while not self._try(kind):  # noqa: ASYNC110  no event tells of another process's lock
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            raise LimitExceeded(
                f"another process has held {self.path} for over {limit:g} s (limit of waiting for this lock)"
            ) from None

    def _try(self, kind: int) -> bool:
        if self._descriptor is None:
            self._descriptor = self._open()
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            return False
        except OSError as error:
            self.release()
            raise DatabaseUnavailable(
                f"{self.path} cannot be locked ({error.strerror}): choose a data folder on a local disk"
                " with JOBRUNNER_DATA_DIR"
            ) from error
        return True

    def _open(self) -> int:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            # What root makes in another account's folder must stay usable for that account.
            owner = self.path.parent.stat()
            if os.geteuid() == 0 and owner.st_uid != 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
        except OSError as error:
            raise refused(self.path, error) from error
        return descriptor
