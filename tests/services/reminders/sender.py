"""A process of its own that runs once, to be killed while it sends. Arguments: database URL, port, job id."""

import asyncio
import sys

import asyncpg

from jobrunner.config import Configuration
from jobrunner.services.reminders.run import Run


async def main(url: str, port: str, job_id: str) -> None:
    smtp = {"host": "127.0.0.1", "port": int(port), "security": "none", "from_address": "system@example.com"}
    configuration = Configuration(smtp=smtp, site_url="https://crm.example.com")  # type: ignore[arg-type]
    async with asyncpg.create_pool(url, min_size=0, max_size=4) as pool:
        await Run(pool.acquire, configuration, job_id=int(job_id)).send()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
