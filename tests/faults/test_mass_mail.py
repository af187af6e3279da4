"""Daemons that send mass mail are killed again and again: nobody is left out, nobody gets two."""

import asyncio
import os
import random
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import KEY, SITE, Stage
from tests.support.daemons import DaemonProcess

LONG = os.environ.get("JOBRUNNER_LONG") == "1"
PEOPLE = 10_000 if LONG else 600
KILLS = 10 if LONG else 3
CONNECTIONS = 8
LIMIT = 600 if LONG else 90


async def sending_daemon(database_url: str) -> DaemonProcess:
    """A daemon whose claims are lost within two seconds of its death."""
    return await DaemonProcess(
        database_url, imports="jobrunner.jobs", secret_key=KEY, site_url=SITE, lease=2, heartbeat_interval=0.3
    ).ready()


async def go_on_until(connection: Any, reached: Callable[[], Any]) -> None:
    """Wake the job now and then: one that was lost twice is tried again after 10 s, 30 s … only (the engine's rule)."""
    woken = 0.0
    async with asyncio.timeout(LIMIT):
        while not await reached():
            if time.monotonic() - woken > 1:
                woken = time.monotonic()
                await connection.execute("SELECT jobrunner.wake_job('ProcessMassEmail', ARRAY[now()])")
            await asyncio.sleep(0.001)


@pytest.mark.timeout(2 * LIMIT)
async def test_killed_again_and_again_it_is_continued(database_url: str, connection: Any):
    """F02: kill -9 amid a mailing. Read from the receiver: everybody has one mail at most, and who has none is
    Uncertain, of whom there is at most one for each connection and kill."""
    chance = random.Random(3)
    async with (
        asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool,
        ScriptedServer(pipelining=True) as server,
    ):
        stage = Stage(pool, database_url)
        daemon = await sending_daemon(database_url)
        try:
            await stage.add_mailing(server.port, PEOPLE, account={"max_connections": CONNECTIONS})
            for kill in range(KILLS):
                wanted = PEOPLE * (kill + chance.random()) / (KILLS + 1)

                async def is_far_enough(wanted: float = wanted) -> bool:
                    return len(server.messages) >= wanted

                await go_on_until(connection, is_far_enough)
                daemon.kill()
                daemon = await sending_daemon(database_url)
            await go_on_until(
                connection, lambda: connection.fetchval("SELECT status = 'Complete' FROM jobrunner.mass_email")
            )
        finally:
            code = await asyncio.to_thread(daemon.stop)
        counts = await stage.counts()

    assert code == 0
    rows = await connection.fetch("SELECT email_address FROM jobrunner.queue_item WHERE status = 'Uncertain'")
    uncertain = {f"<{row['email_address']}>" for row in rows}
    received = [message.recipients[0] for message in server.messages]
    assert len(received) == len(set(received)), "nobody twice"
    assert set(received) | uncertain == {f"<a{n}@d{n}.example.net>" for n in range(PEOPLE)}, "nobody left out"
    assert counts == {"Sent": PEOPLE - len(uncertain), **({"Uncertain": len(uncertain)} if uncertain else {})}
    assert len(uncertain) <= CONNECTIONS * KILLS
    print(f"{KILLS} kills amid {PEOPLE}: {len(uncertain)} uncertain, {len(received)} received")
    logged = await connection.fetchval("SELECT count(*) FROM jobrunner.campaign_log WHERE action = 'Sent'")
    assert logged == counts["Sent"]


@pytest.mark.skipif(not LONG, reason="takes minutes (JOBRUNNER_LONG=1)")
@pytest.mark.timeout(2 * LIMIT)
async def test_memory_does_not_grow_with_the_number_of_recipients(database_url: str, connection: Any):
    """What the daemon holds after 30,000 more is what it held after 1,000, but for a few megabytes."""
    import psutil

    async with (
        asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool,
        ScriptedServer(pipelining=True) as server,
    ):
        stage = Stage(pool, database_url)
        daemon = await sending_daemon(database_url)
        held = []
        try:
            for number, people in enumerate((1_000, 30_000)):
                emails = [f"m{number}p{n}@d{n % 500}.example.net" for n in range(people)]
                options = {"name": f"news {number}", "max_connections": CONNECTIONS}
                mailing = await stage.add_mailing(server.port, emails, name=f"mailing {number}", account=options)
                await go_on_until(
                    connection,
                    lambda mailing=mailing: connection.fetchval(
                        "SELECT status = 'Complete' FROM jobrunner.mass_email WHERE id = $1", mailing
                    ),
                )
                server.messages.clear()
                held.append(psutil.Process(daemon.process.pid).memory_info().rss)
        finally:
            await asyncio.to_thread(daemon.stop)

    print(f"held: {[f'{size / 1e6:.0f} MB' for size in held]}")
    assert held[1] < held[0] + 20e6
