"""A fetch borrows the connection of the watcher in its process: no further login, and none where that cannot be."""

import asyncio
from typing import Any

import pytest

from jobrunner.services.mail.imap import Fault, MailboxError
from jobrunner.services.mail.imap.account import Account
from jobrunner.services.mailbox import lending
from jobrunner.services.mailbox.fetching import run as run_module
from jobrunner.services.mailbox.watching import Watcher
from tests.services.mail.imap.scripted_server import CLOSE, SILENT, ScriptedServer
from tests.services.mailbox.conftest import PostOffice
from tests.services.mailbox.watching.test_watcher import JOBS, WATCHED, take_jobs, true, watcher
from tests.support.daemons import until


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> list[Account]:
    """The connections that fetches make of their own."""
    made: list[Account] = []
    connect = run_module.connect

    async def noted(account: Account) -> Any:
        made.append(account)
        return await connect(account)

    monkeypatch.setattr(run_module, "connect", noted)
    return made


async def watched(office: PostOffice, running: Watcher, id: int) -> None:
    await until(office.connection, WATCHED)
    await until(office.connection, f"{JOBS.replace('count(*)', 'count(*) = 1')}", str(id))
    await take_jobs(office)


async def test_a_fetch_uses_the_connection_that_stands(office: PostOffice, user: str, logins: list[Account]):
    """Again and again; and what comes while it is lent, or as IDLE begins anew, is not missed."""
    id = await office.account(user)
    async with watcher(office) as running:
        await watched(office, running, id)
        for number in range(3):
            office.deliver(user, f"n {number}")
            await until(office.connection, f"{JOBS.replace('count(*)', 'count(*) > 0')}", str(id))
            await take_jobs(office)
            assert (await office.fetch(id)).messages == {"Imported": 1}
        assert logins == []
        assert (await office.fetch(id)).found_nothing
        # Nothing new: no further job comes of it, or it would go on for ever.
        (watch,) = running.watches.values()
        await true(lambda: lending._lines[asyncio.get_running_loop()][("Personal", id)]._waiting is None)
        await running.passed()
        assert await office.connection.fetchval(JOBS, str(id)) == 0
        assert watch.alive
        office.deliver(user, "last")
        await until(office.connection, f"{JOBS.replace('count(*)', 'count(*) > 0')}", str(id))
    assert (await office.fetch(id)).messages == {"Imported": 1}
    assert len(logins) == 1, "without a watcher it makes its own"


async def test_what_comes_while_it_is_lent_starts_another_fetch(
    office: PostOffice, user: str, monkeypatch: pytest.MonkeyPatch
):
    id = await office.account(user)
    folders = run_module.FetchRun._folders

    async def slow(run: Any, *arguments: Any) -> None:
        await folders(run, *arguments)
        office.deliver(user, "meanwhile")

    async with watcher(office) as running:
        await watched(office, running, id)
        monkeypatch.setattr(run_module.FetchRun, "_folders", slow)
        assert (await office.fetch(id)).found_nothing
        monkeypatch.undo()
        await until(office.connection, f"{JOBS.replace('count(*)', 'count(*) > 0')}", str(id))
        assert (await office.fetch(id)).messages == {"Imported": 1}


async def test_two_at_a_time_one_makes_its_own(office: PostOffice, user: str, logins: list[Account]):
    id = await office.account(user)
    office.deliver(user, "a", "b")
    async with watcher(office) as running:
        await watched(office, running, id)
        reports = await asyncio.gather(office.fetch(id), office.fetch(id))
    assert sum(report.messages.get("Imported", 0) for report in reports) == 2
    assert len(logins) == 1
    assert await office.subjects() == ["a", "b"]


async def test_a_fetch_goes_on_when_watching_ends(office: PostOffice, user: str, monkeypatch: pytest.MonkeyPatch):
    """The account was edited, or the daemon comes to its end: whoever has the connection ends it."""
    id = await office.account(user)
    office.deliver(user, "a", "b", "c")
    folders = run_module.FetchRun._folders

    async def stepped(run: Any, desk: Any, mailbox: Any, report: Any) -> None:
        await running.stop()
        await folders(run, desk, mailbox, report)
        assert mailbox.usable
        boxes.append(mailbox)

    boxes: list[Any] = []
    async with watcher(office) as running:
        await watched(office, running, id)
        monkeypatch.setattr(run_module.FetchRun, "_folders", stepped)
        assert (await office.fetch(id)).messages == {"Imported": 3}
    assert [box.usable for box in boxes] == [False], "nothing is left open"


async def test_another_account_of_that_id_gets_none(office: PostOffice, user: str, logins: list[Account]):
    """It was edited a moment ago: the connection leads elsewhere."""
    id = await office.account(user)
    async with watcher(office, interval=3600.0, lease=3600.0):
        await until(office.connection, f"{JOBS.replace('count(*)', 'count(*) = 1')}", str(id))
        other = office.dovecot.new_user()
        office.deliver(other, "of another")
        await office.connection.execute("UPDATE jobrunner.email_account SET username = $1", other)
        assert (await office.fetch(id)).messages == {"Imported": 1}
    assert len(logins) == 1


@pytest.mark.parametrize("answer", [SILENT, CLOSE])
async def test_a_line_that_is_dead_costs_a_moment(
    office: PostOffice, answer: Any, logins: list[Account], monkeypatch: pytest.MonkeyPatch
):
    """F51: nobody says that it is; the end of IDLE is not answered, and the fetch makes its own."""
    monkeypatch.setattr(lending, "HAND_OVER_LIMIT", 0.3)
    async with ScriptedServer({"DONE": answer, "SEARCH": "* SEARCH\r\nTAG OK none"}) as server:
        id = await office.account("ann", port=server.port)
        async with watcher(office) as running:
            await watched(office, running, id)
            assert (await office.fetch(id)).troubles == []
        assert len(logins) == 1
        assert (await office.state(id))["failures"] == 0


async def test_after_a_fetch_that_broke_off_the_account_is_not_watched_while_it_waits(office: PostOffice):
    async with ScriptedServer({"SELECT": CLOSE}) as server:
        id = await office.account("ann", port=server.port)
        async with watcher(office) as running:
            await watched(office, running, id)
            with pytest.raises(MailboxError) as lost:
                await office.fetch(id)
            assert lost.value.fault is Fault.LOST
            await true(lambda: not running.watches)
            assert server.connections == 1
