"""Daemons that are killed and frozen while a large folder is fetched: nothing is missing, nothing is there twice."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from jobrunner.services.mail.importing.staging import INCOMING
from jobrunner.services.mail.importing.storing import FileAudit, audit_files, sweep_files
from jobrunner.services.mailbox.fetching import wake_fetch
from tests.services.mail.importing.letters import HEAD, multipart, part
from tests.services.mailbox.conftest import KEY, PostOffice
from tests.support.daemons import DaemonProcess

LONG = os.environ.get("JOBRUNNER_LONG") == "1"
MESSAGES = 5000 if LONG else 1000
KILLS = 20 if LONG else 2
FREEZES = 5 if LONG else 1
LIMIT = 60.0
DELAY = 0.2
"""Seconds at most from a sign of progress to the blow."""
FOLDER = "Box"

RUNS_IN = """
SELECT d.name
FROM jobrunner.job AS j
JOIN jobrunner.claim AS c ON c.id = j.claim_id
JOIN jobrunner.daemon AS d ON d.id = c.daemon_id
WHERE j.name = 'CheckEmailAccounts' AND j.status = 'Running'
"""
PROGRESS = "SELECT f.uid_validity, f.last_uid FROM jobrunner.mail_folder_state AS f"


def message(number: int) -> bytes:
    """A mail with a file of its own, and one that all have in common."""
    head = HEAD.replace("<1@", f"<{number}@").replace("Hello", f"n {number}").encode()
    own = part(b"%d " % number * 100, "application/pdf", Content_Disposition="attachment; filename=own.pdf")
    return head + multipart(part(b"Hello"), own, part(b"logo" * 200, "image/png"))


class Pair:
    """Two daemons, either of which may fetch from the account."""

    def __init__(self, office: PostOffice, account: int) -> None:
        self.office = office
        self.account = account
        self.daemons: dict[str, DaemonProcess] = {}
        self.struck = 0
        """Blows that met one which fetched."""

    async def start(self, name: str) -> None:
        self.daemons[name] = DaemonProcess(
            self.office.url,
            imports="jobrunner.jobs",
            name=name,
            secret_key=KEY,
            data_dir=self.office.configuration.data_dir,
        )
        await self.daemons[name].ready()

    async def stop(self) -> None:
        for daemon in self.daemons.values():
            if daemon.process.poll() is None:
                daemon.send(signal.SIGCONT)
        await asyncio.gather(*(asyncio.to_thread(daemon.stop) for daemon in self.daemons.values()))

    async def busy(self) -> str:
        """The one that fetches; another one, if none does at this moment."""
        name: str | None = await self.office.connection.fetchval(RUNS_IN)
        self.struck += name is not None and not await self.has_all()
        return name or random.choice(list(self.daemons))

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        """Wait; whatever became of earlier runs, there is always one to come."""
        async with asyncio.timeout(LIMIT):
            while not await condition():
                await wake_fetch(self.office.connection, "Personal", self.account)
                await asyncio.sleep(0.05)

    async def progress(self) -> Any:
        return await self.office.connection.fetchrow(PROGRESS)

    async def kill(self, delay: float) -> None:
        """Once it has gone on, at a moment of chance, kill -9; and begin anew."""
        await self.gone_on()
        await asyncio.sleep(delay)
        name = await self.busy()
        await asyncio.to_thread(self.daemons[name].kill)
        await self.start(name)

    async def freeze(self, delay: float) -> None:
        """Stop the one that fetches until the other one does; then let it go on as if nothing had been."""
        await self.gone_on()
        await asyncio.sleep(delay)
        frozen = await self.busy()
        self.daemons[frozen].send(signal.SIGSTOP)
        # If it holds the folder's row, the other one waits for it: that comes to an end, too.
        with suppress(TimeoutError):
            async with asyncio.timeout(8):
                await self.until(self.other_than(frozen))
        self.daemons[frozen].send(signal.SIGCONT)

    def other_than(self, name: str) -> Callable[[], Awaitable[bool]]:
        async def runs() -> bool:
            return await self.office.connection.fetchval(RUNS_IN) not in (None, name)

        return runs

    async def gone_on(self) -> None:
        before = await self.progress()

        async def further() -> bool:
            return await self.progress() != before or await self.has_all()

        await self.until(further)

    async def has_all(self) -> bool:
        count: int = await self.office.connection.fetchval("SELECT count(*) FROM jobrunner.email")
        return count == MESSAGES


@asynccontextmanager
async def pair(office: PostOffice, account: int) -> AsyncIterator[Pair]:
    both = Pair(office, account)
    try:
        await asyncio.gather(both.start("one"), both.start("two"))
        yield both
    finally:
        await both.stop()


async def is_whole(office: PostOffice) -> None:
    """Each message is there once, with its files, and its user told once; no file without row, no row without file."""
    root: Path = office.configuration.data_dir / "files"
    assert sorted(await office.subjects()) == sorted(f"n {number}" for number in range(MESSAGES))
    for table, count in (("email_copy", 1), ("email_user", 1), ("email_attachment", 2)):
        assert await office.connection.fetchval(f"SELECT count(*) FROM jobrunner.{table}") == count * MESSAGES
    assert await office.connection.fetchval("SELECT count(*) FROM jobrunner.mail_fetch_failure") == 0
    told = await office.connection.fetch(
        "SELECT n.related_id::bigint FROM jobrunner.notification AS n"
        " WHERE n.user_id = 'ann' AND n.type = 'EmailReceived'"
    )
    ids = await office.connection.fetch("SELECT e.id FROM jobrunner.email AS e")
    assert sorted(row[0] for row in told) == sorted(row[0] for row in ids)
    await office.connection.execute("UPDATE jobrunner.stored_file SET pinned_until = now() - interval '1 s'")
    for waiting in (root / INCOMING).iterdir():
        os.utime(waiting, (0, 0))
    while await sweep_files(office.connection, root):
        pass
    assert await audit_files(office.connection, root) == FileAudit((), ())
    assert list((root / INCOMING).iterdir()) == []
    assert await office.connection.fetchval("SELECT count(*) FROM jobrunner.stored_file") == MESSAGES + 1


@pytest.mark.timeout(1800 if LONG else 180)
async def test_killed_and_frozen_at_random_moments(office: PostOffice, user: str):
    """F51, F52: two daemons on one account. JOBRUNNER_LONG=1 kills twenty times during 5,000."""
    chance = random.Random(52)
    office.dovecot.deliver_files(user, map(message, range(MESSAGES)), FOLDER)
    account = await office.account(user, monitored_folders=[FOLDER])
    async with pair(office, account) as both:
        turns = [both.kill] * KILLS + [both.freeze] * FREEZES
        chance.shuffle(turns)
        for turn in turns:
            await turn(chance.uniform(0, DELAY))
        while not await both.has_all():
            await both.gone_on()
    await is_whole(office)
    print(f"{both.struck} of {len(turns)} met one that fetched")
    assert both.struck >= len(turns) // 2


@pytest.mark.timeout(1800 if LONG else 180)
async def test_numbered_anew_and_killed(office: PostOffice, user: str):
    """F52, another UIDVALIDITY: another folder takes its place, with the same messages in another order, and more."""
    chance = random.Random(53)
    office.dovecot.deliver_files(user, map(message, range(MESSAGES * 3 // 4)), FOLDER)
    office.dovecot.deliver_files(user, map(message, reversed(range(MESSAGES))), "New")
    account = await office.account(user, monitored_folders=[FOLDER])
    async with pair(office, account) as both:
        for _ in range(max(1, KILLS // 4)):
            await both.kill(chance.uniform(0, DELAY))
        before = (await both.progress())["uid_validity"]
        await asyncio.to_thread(replace, office, user)
        for _ in range(max(1, KILLS // 4)):
            await both.kill(chance.uniform(0, DELAY))
        while not await both.has_all():
            await both.gone_on()
        await both.until(lambda: is_new(both, before))
    await is_whole(office)


async def is_new(both: Pair, before: int) -> bool:
    """Whether the new folder is read to its end."""
    now = await both.progress()
    return now["uid_validity"] != before and now["last_uid"] == MESSAGES


def replace(office: PostOffice, user: str) -> None:
    with office.dovecot.client(user) as client:
        for folder in (FOLDER, "New"):
            client.select(folder, readonly=True)
        client.unselect()
        assert client.delete(FOLDER)[0] == "OK"
        assert client.rename("New", FOLDER)[0] == "OK"
