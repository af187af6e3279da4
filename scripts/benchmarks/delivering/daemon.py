"""A daemon, and webhooks in it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from jobrunner.services.webhooks.settings import load_webhook_settings
from jobrunner.services.webhooks.table import Format, WebhookEntry, add_webhook
from scripts.benchmarks import daemon

QUIET_LIMIT = 90.0
"""Seconds until what hangs has been given up."""
IS_BUSY = "SELECT EXISTS (SELECT FROM jobrunner.job AS j WHERE j.name = 'ProcessWebhookQueue' AND j.status = 'Running')"
EMPTY = """
TRUNCATE jobrunner.webhook_event, jobrunner.webhook_delivery, jobrunner.webhook_batch, jobrunner.webhook_attempt
"""


class Daemon(daemon.Daemon):
    """With webhooks."""

    async def add_webhooks(self, events: Sequence[str], urls: Sequence[str], form: Format) -> None:
        """Have each event told to a URL."""
        settings = await load_webhook_settings(self.connection)
        for event, url in zip(events, urls, strict=True):
            await add_webhook(self.connection, self.keyring, settings, WebhookEntry(event=event, url=url, format=form))

    async def remove_webhooks(self) -> None:
        """Wait until nothing is sent any more, and remove all."""
        async with asyncio.timeout(QUIET_LIMIT):
            while await self.connection.fetchval(IS_BUSY):
                self.check()
                await asyncio.sleep(0.1)
        await self.connection.execute("DELETE FROM jobrunner.webhook")
        await self.connection.execute(EMPTY)
        await self.connection.execute("VACUUM ANALYZE")


@asynccontextmanager
async def running(url: str) -> AsyncIterator[Daemon]:
    """Run a daemon on a database."""
    async with daemon.lent(Daemon, url) as started:
        await started.set("webhook_allowed_hosts", "127.0.0.0/8")  # what is on this machine must be allowed
        await started.start()
        yield started
