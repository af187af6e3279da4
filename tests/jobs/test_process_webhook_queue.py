"""The job ProcessWebhookQueue: its definition, and the way of an event from its commit to the endpoint in a daemon."""

import asyncio
import statistics
import subprocess
import sys
import time
from typing import Any

from jobrunner.definitions import registry
from tests.services.webhooks.stage import KEY, staged
from tests.support.daemons import DaemonProcess, until


def test_its_definition():
    registry.load()
    definition = registry.find("process-webhook-queue")

    assert definition.name == "ProcessWebhookQueue"
    assert definition.crontab == "*/2 * * * *"
    assert definition.often
    assert not definition.blocking
    assert not definition.has_data
    assert definition.deadline is not None


def test_a_run_loads_no_client_until_there_is_something_to_send():
    """An installation without webhooks saves its 9 MB."""
    code = "import sys, jobrunner.services.webhooks.sending.run; print('aiohttp' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout == "False\n"


async def test_what_is_committed_arrives_at_once(database_url: str, connection: Any):
    """The emit wakes the job; nobody waits for the schedule. With two daemons each event arrives once, in order."""
    daemons = [
        await DaemonProcess(database_url, imports="jobrunner.jobs", name=name, secret_key=KEY).ready()
        for name in ("one", "two")
    ]
    waits = []
    try:
        async with staged(database_url) as stage:
            await stage.webhook(format="standard")
            for number in range(40):
                await stage.emit(number)
                began = time.monotonic()
                await stage.endpoints.until(lambda number=number: len(stage.endpoints.arrivals) > number)
                waits.append(time.monotonic() - began)
                await asyncio.sleep(0.3 if number % 10 == 0 else 0)  # some find it awake, some asleep
            await until(connection, "SELECT count(*) = 40 FROM jobrunner.webhook_delivery WHERE status = 'Success'")
            assert stage.endpoints.numbers("/a") == list(range(40))
            await until(
                connection,
                "SELECT sum((result->>'delivered')::integer) = 40 FROM jobrunner.job_history"
                " WHERE name = 'ProcessWebhookQueue'",
            )
    finally:
        codes = await asyncio.gather(*(asyncio.to_thread(daemon.stop) for daemon in daemons))
    assert codes == [0, 0]
    print(f"median {1000 * statistics.median(waits):.1f} ms, longest {1000 * max(waits):.1f} ms")
    assert statistics.median(waits) < 0.5, "not the schedule, not a poll"
