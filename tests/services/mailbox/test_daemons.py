"""Mail in with daemons as they are started: IDLE, two of them on one account, and one that is killed."""

import asyncio
import time
from typing import Any

from jobrunner.services.mail.imap import Limits
from jobrunner.services.mailbox.fetching import wake_fetch
from tests.services.mail.imap.scripted_server import SILENT, ScriptedServer
from tests.services.mailbox.conftest import KEY, PostOffice
from tests.support.daemons import DaemonProcess, until

WATCHED = "SELECT count(*) = 1 FROM jobrunner.mail_account_state WHERE watched_at > now() - interval '1 min'"
ARRIVED = "SELECT count(*) >= $1 FROM jobrunner.email"
MESSAGES = 300


async def start(office: PostOffice, name: str, **settings: Any) -> DaemonProcess:
    data = office.configuration.data_dir
    daemon = DaemonProcess(office.url, imports="jobrunner.jobs", name=name, secret_key=KEY, data_dir=data, **settings)
    return await daemon.ready()


async def stop(*daemons: DaemonProcess) -> None:
    codes = await asyncio.gather(*(asyncio.to_thread(daemon.stop) for daemon in daemons))
    assert codes == [0] * len(daemons)


async def test_under_idle_a_mail_is_there_at_once(office: PostOffice, user: str):
    """The server tells of it half a second late; the schedule, once a minute, would be later."""
    await office.account(user)
    daemon = await start(office, "one")
    try:
        await until(office.connection, WATCHED)
        await until(office.connection, "SELECT count(*) = 0 FROM jobrunner.job WHERE name = 'CheckEmailAccounts'")
        took: list[float] = []
        for number in range(5):
            office.deliver(user, f"n {number}")
            began = time.monotonic()
            await until(office.connection, ARRIVED, number + 1, limit=20)
            took.append(time.monotonic() - began)
        print("seconds from delivery to row, the server's half included:", [f"{one:.2f}" for one in took])
        assert sorted(took)[2] < 10
    finally:
        await stop(daemon)
    assert await office.connection.fetchval("SELECT count(*) FROM jobrunner.mail_watch") == 0


async def test_two_daemons_on_one_account_and_one_is_killed(office: PostOffice, user: str):
    """F52, kill -9 during the import: nothing is missing, nothing twice, and the other one goes on."""
    await office.account(user)
    office.deliver(user, *(f"n {number}" for number in range(MESSAGES)))
    first, second = await asyncio.gather(start(office, "one"), start(office, "two"))
    try:
        await until(office.connection, ARRIVED, 1)
        runs_in = await office.connection.fetchval(
            "SELECT d.name FROM jobrunner.job AS j JOIN jobrunner.claim AS c ON c.id = j.claim_id"
            " JOIN jobrunner.daemon AS d ON d.id = c.daemon_id"
            " WHERE j.target_id IS NOT NULL AND j.status = 'Running'"
        )
        killed, left = (second, first) if runs_in == "two" else (first, second)
        await asyncio.to_thread(killed.kill)
        await until(office.connection, ARRIVED, MESSAGES, limit=90)
    finally:
        await stop(left)
    assert await office.subjects() == [f"n {number}" for number in range(MESSAGES)]
    assert await office.connection.fetchval("SELECT count(*) FROM jobrunner.email_copy") == MESSAGES


async def test_accounts_whose_servers_are_silent_delay_no_other(office: PostOffice, user: str):
    """Thirty of them are waited for, a quarter of a minute each; the mail of the last one is there before."""
    async with ScriptedServer({"GREETING": SILENT}) as server:
        ids = [await office.account(f"silent {n}", port=server.port, email_address="s@example.org") for n in range(30)]
        ids.append(await office.account(user))
        office.deliver(user, "a")
        for id in ids:
            await wake_fetch(office.connection, "Personal", id)
        daemon = await start(office, "one", grace=0.1)
        try:
            await until(office.connection, ARRIVED, 1, limit=Limits().connect - 3)
            running = "SELECT count(*) FROM jobrunner.job WHERE status = 'Running' AND target_id IS NOT NULL"
            assert await office.connection.fetchval(running) >= len(ids) - 1
        finally:
            await stop(daemon)
