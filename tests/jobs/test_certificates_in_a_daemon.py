"""The event loop of a daemon never reads the machine's certificates."""

import asyncio
from typing import Any

from tests.services.webhooks.stage import KEY, staged
from tests.support.daemons import DaemonProcess, until

DONE = "SELECT count(*) = $1 FROM jobrunner.job_history WHERE name = 'ProcessWebhookQueue' AND status = 'Success'"


async def test_webhooks_read_them_once_and_in_a_thread(database_url: str, connection: Any) -> None:
    async with staged(database_url) as stage:
        daemon = DaemonProcess(
            database_url,
            imports="tests.jobs.certificates",
            secret_key=KEY,
        )
        try:
            await daemon.ready()
            await connection.fetchval("SELECT jobrunner.enqueue('ProcessWebhookQueue')")
            await until(connection, DONE, 1)
            await stage.webhook()
            await stage.emit(1)
            await stage.endpoints.until(lambda: stage.endpoints.arrivals)
            await until(connection, DONE, 2)
        finally:
            await asyncio.to_thread(daemon.kill)
    told = [line.partition("read in ")[2] for line in daemon.lines if "certificates are read in" in line]
    assert [name.partition("_")[0] for name in told] == ["jobrunner import"]
