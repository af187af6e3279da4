"""A process of its own that runs once, to be killed while it sends. Arguments: database URL, job id."""

import asyncio
import sys

import asyncpg

from tests.services.massmail.sending.stage import Stage


async def main(url: str, job_id: str) -> None:
    async with asyncpg.create_pool(url, min_size=0, max_size=8) as pool:
        await Stage(pool, url).run(job_id=int(job_id))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
