"""Watching at a real Dovecot: a push places the job; one daemon watches an account, and another takes over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from jobrunner.db.connection import Connection
from jobrunner.queue.settings import set_setting
from jobrunner.services.mailbox.watching import Watcher
from tests.services.mail.imap.conftest import QUICK
from tests.services.mail.imap.scripted_server import ScriptedServer
from tests.services.mailbox.conftest import PostOffice
from tests.support.daemons import until

WATCHED = "SELECT watched_at IS NOT NULL FROM jobrunner.mail_account_state"
REFUSED = "SELECT failures = 1 FROM jobrunner.mail_account_state WHERE account_kind = 'Group'"
JOBS = "SELECT count(*) FROM jobrunner.job WHERE name = 'CheckEmailAccounts' AND target_id = $1::text"


@asynccontextmanager
async def watcher(office: PostOffice, name: str = "one", **options: Any) -> AsyncIterator[Watcher]:
    connection = Connection(office.url, f"mail {name}")
    options = {"lease": 2.0, "interval": 0.1, "limits": QUICK, **options}
    try:
        async with Watcher(connection, office.configuration, name, **options) as running:
            yield running
    finally:
        await connection.close()


async def true(condition: Callable[[], bool], limit: float = 10.0) -> None:
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.01)


async def take_jobs(office: PostOffice) -> None:
    await office.connection.execute("DELETE FROM jobrunner.job")


async def test_watching_begins_with_a_fetch_and_each_push_is_one(office: PostOffice, user: str):
    id = await office.account(user)
    async with watcher(office):
        await until(office.connection, WATCHED)
        assert await office.connection.fetchval(JOBS, str(id)) == 1
        await take_jobs(office)
        office.deliver(user, "a", "b", "c")
        await until(office.connection, f"{JOBS.replace('count(*)', 'count(*) > 0')}", str(id))
        assert await office.connection.fetchval(JOBS, str(id)) == 1  # one that waits is enough
    assert await office.connection.fetchval("SELECT count(*) FROM jobrunner.mail_watch") == 0


async def test_one_daemon_watches_and_another_takes_over(office: PostOffice, user: str):
    """F52: two daemons, one account."""
    await office.account(user)
    async with watcher(office, "one") as first:
        await true(lambda: len(first.watches) == 1)
        async with watcher(office, "two") as second:
            for _ in range(3):
                await second.passed()
            assert not second.watches
            await first.stop()
            await true(lambda: len(second.watches) == 1)


async def test_a_lease_that_is_not_renewed_runs_out(office: PostOffice, user: str):
    id = await office.account(user)
    await office.connection.execute(
        "INSERT INTO jobrunner.mail_watch (account_kind, account_id, token, daemon, expires_at)"
        " VALUES ('Personal', $1, 1, 'dead', clock_timestamp() + interval '0.5 s')",
        id,
    )
    async with watcher(office) as running:
        await running.passed()
        assert not running.watches
        await true(lambda: len(running.watches) == 1)
        await office.connection.execute("UPDATE jobrunner.mail_watch SET token = 1")
        await true(lambda: not running.watches)  # it is another one's now


async def test_what_is_not_to_be_watched_is_not(office: PostOffice, user: str):
    await office.account(user, idle=False)
    paused = await office.account(office.dovecot.new_user())
    await office.connection.execute(
        "INSERT INTO jobrunner.mail_account_state (account_kind, account_id, retry_at)"
        " VALUES ('Personal', $1, now() + interval '1 h')",
        paused,
    )
    active = await office.account(office.dovecot.new_user(), kind="Group")
    async with watcher(office) as running:
        await running.passed()
        assert list(running.watches) == [("Group", active)]
        await set_setting(office.connection, "mail_idle", "no", "test")
        await running.passed()
        assert not running.watches


async def test_the_most_connections(office: PostOffice):
    for _ in range(3):
        await office.account(office.dovecot.new_user())
    await set_setting(office.connection, "mail_idle_max_connections", "2", "test")
    async with watcher(office, "one") as first:
        await true(lambda: len(first.watches) == 2)
        async with watcher(office, "two") as second:
            await true(lambda: len(second.watches) == 1)


async def test_a_lost_line_is_made_anew_and_a_refused_login_waits(office: PostOffice, user: str):
    """F51: the server says BYE to IDLE: noticed at once, made anew, fetched."""
    from tests.services.mail.imap.scripted_server import ThenClose

    async with ScriptedServer({"IDLE": [ThenClose("* BYE not now\r\n"), "+ idling"]}) as server:
        id = await office.account("ann", port=server.port)
        async with watcher(office):
            await until(office.connection, WATCHED)
            assert server.connections == 2
            assert await office.connection.fetchval(JOBS, str(id)) == 1
    await office.account(user, password="wrong", kind="Group")
    async with watcher(office):
        await until(
            office.connection, "SELECT failures = 1 FROM jobrunner.mail_account_state WHERE account_kind = 'Group'"
        )


async def test_a_server_without_idle_is_left_to_the_schedule(office: PostOffice):
    async with ScriptedServer(capabilities="IMAP4rev1 SASL-IR AUTH=PLAIN") as server:
        await office.account("ann", port=server.port)
        async with watcher(office) as running:
            await server.until("CLOSED")
            await true(lambda: not running.watches)
            await running.passed()
            assert not running.watches
            assert server.connections == 1
