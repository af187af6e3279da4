"""A process of its own that runs once, to be killed while it sends. Arguments: database URL, port, job id."""

import asyncio
import sys

import asyncpg

from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.smtp import Account
from jobrunner.services.reminders.compose import Letterhead
from jobrunner.services.reminders.run import Run


async def main(url: str, port: str, job_id: str) -> None:
    letterhead = Letterhead(Mailbox(parse_address("system@example.com")), "https://crm.example.com")
    account = Account("127.0.0.1", int(port), "none")
    async with asyncpg.create_pool(url, min_size=0, max_size=4) as pool:
        await Run(pool.acquire, account, letterhead, job_id=int(job_id)).send()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
