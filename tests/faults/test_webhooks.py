"""Daemons that send webhooks are killed again and again: nothing is lost, what is doubled has the same webhook-id."""

import asyncio
import os
import random
from collections import Counter
from typing import Any

import pytest
from aiohttp import web

from tests.services.webhooks.stage import KEY, Arrival, Stage, staged
from tests.support.daemons import DaemonProcess

LONG = os.environ.get("JOBRUNNER_LONG") == "1"
EVENTS = 20_000 if LONG else 600
WEBHOOKS = 50 if LONG else 8
TOGETHER = 20
"""Events of one transaction."""
KILLS = 10 if LONG else 3
LIMIT = 600 if LONG else 90


async def sending_daemon(database_url: str) -> DaemonProcess:
    """A daemon whose claims are lost within two seconds of its death."""
    return await DaemonProcess(
        database_url, imports="jobrunner.jobs", secret_key=KEY, lease=2, heartbeat_interval=0.3
    ).ready()


async def until_done(stage: Stage) -> None:
    """Wake the job now and then: one that was lost twice is tried again after 10 s, 30 s … only (the engine's rule)."""
    async with asyncio.timeout(LIMIT):
        while await stage.pool.fetchval(
            "SELECT EXISTS (SELECT FROM jobrunner.webhook_event WHERE fanned_out_at IS NULL)"
            " OR EXISTS (SELECT FROM jobrunner.webhook_delivery WHERE status = 'Pending')"
        ):
            await stage.pool.execute("SELECT jobrunner.wake_webhooks()")
            await asyncio.sleep(0.5)


@pytest.mark.timeout(2 * LIMIT)
@pytest.mark.parametrize("format", ["standard", "array"] if LONG else ["standard"])
async def test_killed_again_and_again_it_goes_on(database_url: str, connection: Any, format: str):
    """F02: kill -9 amid sending. Read from the receivers: each event arrives, in order; of each webhook one request at
    most was doubled by each kill, and with the same id and body."""
    chance = random.Random(7)
    async with staged(database_url) as stage:
        received = 0

        async def slowly(arrival: Arrival) -> web.Response:
            nonlocal received
            received += len(arrival.numbers)  # counted here: to read all of them at each one takes longer than to send
            await asyncio.sleep(0.002)
            return web.Response()

        for number in range(WEBHOOKS):
            stage.endpoints.answers[f"/{number}"] = slowly
            await stage.webhook(f"E{number}.create", f"/{number}", format=format)
        await stage.setting("webhook_batch_size", 10)
        daemon = await sending_daemon(database_url)
        emitting = asyncio.create_task(emit_all(stage))
        try:
            for kill in range(KILLS):
                wanted = EVENTS * (kill + chance.random()) / (KILLS + 1)
                await stage.endpoints.until(lambda wanted=wanted: received >= wanted, LIMIT)
                daemon.kill()
                daemon = await sending_daemon(database_url)
                await stage.pool.execute("SELECT jobrunner.wake_webhooks()")
            await emitting
            await until_done(stage)
        finally:
            emitting.cancel()
            code = await asyncio.to_thread(daemon.stop)
        assert code == 0
        doubled = 0
        for number in range(WEBHOOKS):
            arrivals = stage.endpoints.at(f"/{number}")
            times = Counter(one.message_id for one in arrivals)
            assert sum(times.values()) - len(times) <= KILLS, "one request by each kill at most"
            doubled += sum(times.values()) - len(times)
            bodies = {one.message_id: one for one in arrivals}
            assert all(one.body == bodies[one.message_id].body for one in arrivals), "the same id, the same body"
            numbers = [n for one in bodies.values() for n in one.numbers]
            assert numbers == list(range(number, EVENTS, WEBHOOKS)), "all of them, in order, once"
    print(f"{KILLS} kills amid {EVENTS} events for {WEBHOOKS} webhooks ({format}): {doubled} requests doubled")


async def emit_all(stage: Stage) -> None:
    for first in range(0, EVENTS, TOGETHER):
        await stage.pool.execute(
            "SELECT jobrunner.emit('E' || n % $3 || '.create', jsonb_build_object('n', n))"
            " FROM generate_series($1::integer, $2::integer) AS n",
            first,
            first + TOGETHER - 1,
            WEBHOOKS,
        )
