"""What a run had to leave behind is tried again by later ones."""

from typing import Any

import asyncpg
import pytest

from jobrunner.services.mailbox.fetching.again import ask_again
from tests.services.mail.imap.scripted_server import ScriptedServer
from tests.services.mail.importing.letters import letter, rich
from tests.services.mailbox.conftest import PostOffice
from tests.services.mailbox.fetching.test_faults import answers

NOW = "UPDATE jobrunner.mail_fetch_failure SET next_try_at = now()"
FAILURE = """
SELECT m.*, extract(epoch FROM m.next_try_at - m.failed_at) / 3600 AS hours
FROM jobrunner.mail_fetch_failure AS m
"""
FAILURES = "SELECT count(*) FROM jobrunner.mail_fetch_failure"
STATE = "SELECT last_uid FROM jobrunner.mail_folder_state"


async def failure(office: PostOffice) -> Any:
    return await office.connection.fetchrow(FAILURE)


async def test_a_message_that_was_passed_by_is_asked_for_again(office: PostOffice):
    """After 1, 2, 4 … hours; when the server hands it over it becomes a mail, though the checkpoint is beyond it."""
    refuse = answers(lambda uid: "TAG NO damaged" if uid == 2 else None)
    async with ScriptedServer({"FETCH": refuse}) as server:
        id = await office.account("ann", port=server.port)
        for _ in range(3):
            await office.fetch(id)
        assert (await failure(office))["hours"] == 1
        assert (await office.fetch(id)).found_nothing
        assert (await failure(office))["attempts"] == 3  # it is not its time yet

        await office.connection.execute(NOW)
        await office.fetch(id)
        assert ((await failure(office))["attempts"], (await failure(office))["hours"]) == (4, 2)

        server.script = {"FETCH": answers()}
        await office.connection.execute(NOW)
        assert (await office.fetch(id)).messages == {"Imported": 1}
    assert await office.subjects() == ["a", "c", "b"]
    assert await office.connection.fetchval(FAILURES) == 0
    assert await office.connection.fetchval(STATE) == 3


async def test_at_last_only_a_person_asks_again(office: PostOffice):
    refuse = answers(lambda uid: "TAG NO damaged" if uid == 2 else None)
    async with ScriptedServer({"FETCH": refuse}) as server:
        id = await office.account("ann", port=server.port)
        for _ in range(9):
            await office.fetch(id)
            await office.connection.execute(f"{NOW} WHERE next_try_at IS NOT NULL")
        assert ((await failure(office))["attempts"], (await failure(office))["next_try_at"]) == (9, None)
        await office.connection.execute("DELETE FROM jobrunner.job")

        assert await ask_again(office.connection) == 1
        (job,) = await office.connection.fetch("SELECT name, target_id FROM jobrunner.job")
        assert (job["name"], job["target_id"]) == ("CheckEmailAccounts", str(id))
        server.script = {"FETCH": answers()}
        assert (await office.fetch(id)).messages == {"Imported": 1}


async def test_one_that_is_gone_meanwhile_is_forgotten(office: PostOffice):
    refuse = answers(lambda uid: "TAG NO damaged" if uid == 2 else None)
    async with ScriptedServer({"FETCH": refuse}) as server:
        id = await office.account("ann", port=server.port)
        for _ in range(3):
            await office.fetch(id)
        await office.connection.execute(NOW)
        server.script = {"FETCH": "TAG OK gone"}
        assert (await office.fetch(id)).found_nothing
    assert await office.connection.fetchval(FAILURES) == 0


async def test_one_that_came_at_the_second_attempt_leaves_no_failure(office: PostOffice):
    async with ScriptedServer({"FETCH": answers(lambda uid: "TAG NO busy" if uid == 2 else None)}) as server:
        id = await office.account("ann", port=server.port)
        await office.fetch(id)
        assert await office.connection.fetchval(FAILURES) == 1
        server.script = {"FETCH": answers()}
        await office.fetch(id)
    assert await office.subjects() == ["a", "b", "c"]
    assert await office.connection.fetchval(FAILURES) == 0


async def test_what_is_no_fault_of_the_message_is_not_put_on_it(office: PostOffice, user: str):
    """A database that lacks a column (as between two versions), or only reads: the run fails, and nothing is stored."""
    id = await office.account(user)
    office.deliver(user, "a", "b")
    broken = "ALTER TABLE jobrunner.email_recipient RENAME COLUMN name TO other"
    await office.connection.execute(broken)
    with pytest.raises(asyncpg.UndefinedColumnError):
        await office.fetch(id)
    assert await office.subjects() == []
    await office.connection.execute("ALTER TABLE jobrunner.email_recipient RENAME COLUMN other TO name")
    assert (await office.fetch(id)).messages == {"Imported": 2}
    assert await office.connection.fetchval(FAILURES) == 0


async def test_what_the_database_did_not_take_is_read_again(office: PostOffice, user: str):
    """By later runs, from the source that is kept."""
    await office.connection.execute("ALTER TABLE jobrunner.email ADD CONSTRAINT no CHECK (subject <> 'Grüße')")
    id = await office.account(user)
    office.dovecot.deliver(user, [letter(subject="a"), rich()])
    await office.fetch(id)
    row = await failure(office)
    assert (row["stage"], row["hours"]) == ("store", 1)

    await office.connection.execute(NOW)
    await office.fetch(id)
    row = await failure(office)
    assert (row["attempts"], row["hours"]) == (2, 2)
    assert "could not be stored" in row["error"]

    await office.connection.execute("ALTER TABLE jobrunner.email DROP CONSTRAINT no")
    await office.connection.execute(NOW)
    await office.fetch(id)
    assert await office.subjects() == ["a", "Grüße"]
    assert await office.connection.fetchval("SELECT count(*) FROM jobrunner.email WHERE trouble IS NOT NULL") == 0
    assert await office.connection.fetchval(FAILURES) == 0
