"""A group account that answers, and its mail server."""

import asyncio
import sys
from typing import Any

import asyncpg

from jobrunner.config import Configuration, load
from jobrunner.services.mail.importing.storing import AccountRef
from jobrunner.services.mailbox.replies.run import Report, Run
from tests.services.mailbox.desk import Desk

KEY = "q83vEjRWeJC6qrq6qrq6qrq6qrq6qrq6qrq6qrq6qro="


def configuration(url: str, port: int) -> Configuration:
    smtp = {"host": "127.0.0.1", "port": port, "security": "none", "from_address": "system@example.org"}
    return load(database_url=url, secret_key=KEY, smtp=smtp)


async def template(desk: Desk, **columns: Any) -> int:
    values = {"name": "Thanks", "subject": "We got it", "body": "Thank you.", "is_html": False} | columns
    id: int = await desk.insert("email_template", **values)
    return id


async def answering(desk: Desk, **columns: Any) -> AccountRef:
    """A group account that answers with a template of these: those that are of `email_template` go to that."""
    own = {name: columns.pop(name) for name in ("subject", "body", "plain_body", "is_html") if name in columns}
    return await desk.group(reply=True, reply_email_template_id=await template(desk, **own), **columns)


async def send(desk: Desk, account: AccountRef, port: int, **options: Any) -> Report:
    async with asyncpg.create_pool(desk.url, min_size=0, max_size=6) as pool:
        return await Run(pool.acquire, configuration(desk.url, port), account.id, **options).send()


async def main(url: str, port: str, account: str, job: str) -> None:
    """Run once, in a process of its own that is to be killed."""
    async with asyncpg.create_pool(url, min_size=0, max_size=6) as pool:
        await Run(pool.acquire, configuration(url, int(port)), int(account), job_id=int(job)).send()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
