"""Cleans in a process of its own, in small batches: `python -m … URL FOLDER`."""

import asyncio
import sys
from pathlib import Path

import asyncpg

from jobrunner.config import Configuration
from jobrunner.queue.cleanup_targets import choose_targets
from jobrunner.services.cleanup.run import Run


async def clean(url: str, folder: str) -> None:
    async with asyncpg.create_pool(url, min_size=0, max_size=2) as pool:
        await Run(pool.acquire, Configuration(data_dir=Path(folder)), choose_targets(None), largest=20).clean()


if __name__ == "__main__":
    asyncio.run(clean(*sys.argv[1:]))
