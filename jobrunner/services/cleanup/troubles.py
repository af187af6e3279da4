"""A disk that is nearly full, for `jobrunner status`."""

import asyncio

from jobrunner.config import Configuration
from jobrunner.db.queryable import Queryable
from jobrunner.services.cleanup.run import NEARLY_FULL, free_share


async def list_disk_troubles(connection: Queryable, configuration: Configuration) -> list[str]:
    """Return a sentence where the disk of this machine with the files is nearly full."""
    folder = configuration.data_dir
    share = await asyncio.to_thread(free_share, folder)
    if share >= NEARLY_FULL:
        return []
    return [
        f"of the disk with {folder} only {100 * share:.1f} % are free: make room, or `jobrunner cleanup run`, which "
        "removes files first then"
    ]
