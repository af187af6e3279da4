"""The processes that take messages apart, shared by all runs of this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from jobrunner.config import Configuration
from jobrunner.services.mail.importing.reader import MailReader


@dataclass
class _Shared:
    reader: MailReader
    users: int = 0


_readers: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Path, _Shared]]" = WeakKeyDictionary()


def files_root(configuration: Configuration) -> Path:
    """Return the folder of files: attachments and sources by their hash. All who use one database share one."""
    return configuration.data_dir / "files"


@asynccontextmanager
async def shared_reader(root: Path) -> AsyncIterator[MailReader]:
    """Lend the processes for that folder; they end when the last context is left."""
    shared = _readers.setdefault(asyncio.get_running_loop(), {})
    entry = shared.get(root)
    if entry is None:
        entry = shared[root] = _Shared(MailReader(root))
    entry.users += 1
    try:
        yield entry.reader
    finally:
        entry.users -= 1
        if not entry.users:
            del shared[root]
            await entry.reader.close()
