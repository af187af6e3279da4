"""What follows from a mail: durable, and once (mail-in.md, 6; failures of jobs never undo an import)."""

import asyncio
from typing import Any

import asyncpg
import pytest

from jobrunner.definitions import Registry, registry
from jobrunner.services.mailbox.cases import opening
from jobrunner.services.mailbox.emails.rows import read_email
from jobrunner.services.mailbox.follow_ups.step import follow_up
from tests.services.mailbox.desk import PENDING, Desk
from tests.support.daemons import daemon

JOBS = "SELECT name, data, target_id FROM jobrunner.job WHERE name = 'FollowUpMail' ORDER BY id"


async def test_the_import_enqueues_what_follows(desk: Desk):
    help = await desk.group(create_case=True)
    (id,) = await desk.arrive(help, desk.letter())
    (job,) = await desk.connection.fetch(JOBS)
    assert (job["target_id"], str(id) in str(job["data"])) == (str(help.id), True)


async def test_an_account_that_does_nothing_with_its_mail_has_nothing_to_follow(desk: Desk):
    await desk.arrive(await desk.group(), desk.letter())
    await desk.arrive(await desk.personal(await desk.user("ann")), desk.letter())
    assert await desk.connection.fetch(JOBS) == []


async def test_an_import_that_is_undone_enqueues_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    help = await desk.group(create_case=True)
    inner = desk.importer.follow_up

    async def fail(*arguments: Any) -> None:
        assert inner is not None
        await inner(*arguments)
        raise RuntimeError("the power fails")

    object.__setattr__(desk.importer, "follow_up", fail)
    with pytest.raises(RuntimeError):
        await desk.arrive(help, desk.letter())
    assert (await desk.count("email"), await desk.count("job"), await desk.count("mail_follow_up")) == (0, 0, 0)


async def test_once_for_each_mail_and_account(desk: Desk):
    """The mail comes again after a reset, in another folder, and the job runs again."""
    help = await desk.group(create_case=True)
    source = desk.letter()
    (id,) = await desk.arrive(help, source)
    await desk.follow()
    await desk.arrive(help, source, source)
    assert len(await desk.connection.fetch(JOBS)) == 1
    async with desk.connection.transaction():
        assert await follow_up(desk.connection, id, help.id) is None
    assert await desk.count("case_record") == 1


async def test_a_mail_or_an_account_that_is_gone(desk: Desk):
    help = await desk.group(create_case=True)
    first, second = await desk.arrive(help, desk.letter(), desk.letter())
    await desk.connection.execute("DELETE FROM jobrunner.email WHERE id = $1", first)
    async with desk.connection.transaction():
        assert await follow_up(desk.connection, first, help.id) is None
    await desk.connection.execute("DELETE FROM jobrunner.inbound_email")
    async with desk.connection.transaction():
        assert await follow_up(desk.connection, second, help.id) is None


async def test_a_mail_says_what_followed(desk: Desk):
    """And why it was not answered, for whoever is asked that."""
    template = await desk.insert("email_template", name="Thanks", subject="x", body="x", is_html=False)
    help = await desk.group(create_case=True, reply=True, reply_email_template_id=template)
    await desk.arrive(help, desk.letter(), desk.letter(Precedence="bulk"))
    assert (await read_email(desk.connection, 1))["followed_by"] == ["inbound-email Help: not yet"]
    await desk.follow()
    told = [(await read_email(desk.connection, id))["followed_by"] for id in (1, 2)]
    assert told == [
        ["inbound-email Help, it opened case 1, answer to cus@example.com waiting"],
        ["inbound-email Help, it opened case 2, not answered: Precedence is bulk"],
    ]


async def test_killed_between_the_case_and_its_note(desk: Desk):
    """The case is written, and then the connection ends, as where the process is killed: nothing has happened."""
    help = await desk.group(create_case=True)
    (id,) = await desk.arrive(help, desk.letter())
    other = await asyncpg.connect(desk.url)
    await other.execute("BEGIN")
    assert await follow_up(other, id, help.id) is not None
    pid = other.get_server_pid()
    other.terminate()
    async with asyncio.timeout(10):
        while await desk.connection.fetchval("SELECT count(*) FROM pg_catalog.pg_locks WHERE pid = $1", pid):
            await asyncio.sleep(0.01)
    assert await desk.count("case_record") == 0
    (followed,) = await desk.follow()
    assert followed.case is not None
    assert (followed.case.act, await desk.count("case_record")) == ("Opened", 1)


async def test_two_who_run_the_same_step(desk: Desk):
    """A frozen daemon wakes up and goes on while another has taken its job over: one of them does it."""
    help = await desk.group(create_case=True)
    await desk.arrive(help, desk.letter())
    (pending,) = await desk.connection.fetch(PENDING)

    async def follow(pool: Any) -> bool:
        async with pool.acquire() as connection, connection.transaction():
            return await follow_up(connection, *pending.values()) is not None

    async with asyncpg.create_pool(desk.url, min_size=2, max_size=2) as pool:
        assert sorted(await asyncio.gather(follow(pool), follow(pool))) == [False, True]
    assert await desk.count("case_record") == 1


async def test_a_step_that_fails_is_tried_again_and_costs_no_mail(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """In a daemon: the first attempt fails after the case was opened, the second does it all."""
    help = await desk.group(create_case=True, assign_to_user_id=await desk.user("ann"))
    registry.load()
    definition = registry.find("FollowUpMail")
    own = Registry()
    own.add(definition)
    monkeypatch.setattr(definition, "pause", lambda attempt: 0.0)
    real, calls = opening.tell_of_assignment, 0

    async def fails_once(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("a fault of ours")
        await real(*arguments)

    monkeypatch.setattr(opening, "tell_of_assignment", fails_once)
    async with daemon(desk.url, own):
        await desk.arrive(help, desk.letter())
        async with asyncio.timeout(20):
            while not await desk.count("job_history"):
                assert await desk.count("email") == 1
                await asyncio.sleep(0.01)
    assert (calls, await desk.count("case_record"), await desk.count("notification")) == (2, 1, 1)
    (ended,) = await desk.connection.fetch("SELECT status::text, attempt, result FROM jobrunner.job_history")
    assert (ended["status"], ended["attempt"], "Opened" in ended["result"]) == ("Success", 2, True)
