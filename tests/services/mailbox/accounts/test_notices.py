"""Who is told that an account cannot be read: after ten minutes, once a day."""

import json
from datetime import timedelta
from typing import Any

import pytest

from jobrunner.queue.settings import set_setting
from jobrunner.services.mail.imap import Fault, MailboxError
from jobrunner.services.mail.importing.storing.outcome import AccountRef
from jobrunner.services.mailbox.accounts.state import Held, note_failure, note_success
from tests.services.mail.imap.scripted_server import CLOSE, ScriptedServer
from tests.services.mailbox.conftest import PostOffice

TEN = timedelta(minutes=10)


async def told(office: PostOffice) -> list[tuple[str, Any]]:
    rows = await office.connection.fetch("SELECT user_id, type, data FROM jobrunner.notification ORDER BY number")
    assert {row["type"] for row in rows} <= {"EmailAccountTrouble"}
    return [(row["user_id"], json.loads(row["data"])) for row in rows]


async def pass_time(office: PostOffice, by: timedelta) -> None:
    await office.connection.execute(
        "UPDATE jobrunner.mail_account_state SET failing_since = failing_since - $1::interval,"
        " notified_at = notified_at - $1, connected_at = connected_at - $1, last_trouble_at = last_trouble_at - $1",
        by,
    )


async def fail(office: PostOffice, ref: AccountRef, fault: Fault = Fault.LOST) -> Held:
    held = await note_failure(office.connection, ref, "the line was lost", fault=fault, folder="INBOX")
    assert held is not None
    return held


async def test_an_owner_is_told_after_ten_minutes_and_once_a_day(office: PostOffice):
    """By a real run against a server that drops the line: who just read it well a minute ago is told nothing."""
    async with ScriptedServer({"SELECT": CLOSE}) as server:
        id = await office.account("ann", port=server.port)
        ref = AccountRef("Personal", id, 0)
        await note_success(office.connection, ref)
        for _ in range(2):
            with pytest.raises(MailboxError):
                await office.fetch(id)
        assert await told(office) == []
        await pass_time(office, TEN)
        for _ in range(2):
            with pytest.raises(MailboxError):
                await office.fetch(id)
    ((user, data),) = await told(office)
    assert user == "ann"
    assert "was lost at the opening" in data["reason"]
    assert (data["account"], data["folder"], data["paused"]) == ("of ann", "INBOX", False)
    assert data["nextTryAt"] > data["since"]
    assert data["connectedAt"] is not None
    await pass_time(office, timedelta(days=1))
    assert (await fail(office, ref)).told == 1


async def test_one_that_is_read_again_begins_anew(office: PostOffice):
    ref = AccountRef("Personal", await office.account("ann"), 0)
    await fail(office, ref)
    await pass_time(office, TEN)
    await note_success(office.connection, ref)
    assert (await fail(office, ref)).told == 0, "it has failed for a moment, however long ago it failed before"
    assert (await fail(office, ref)).told == 0


async def test_of_a_group_account_the_administrators_are_told(office: PostOffice):
    ref = AccountRef("Group", await office.account("help", kind="Group"), 0)
    await office.connection.execute(
        "INSERT INTO jobrunner.app_user (id, name, active) VALUES ('bob', 'Bob', true), ('cid', 'Cid', true),"
        " ('dan', 'Dan', false), ('eve', 'Eve', true)"
    )
    await fail(office, ref)
    await pass_time(office, TEN)
    assert (await fail(office, ref)).told == 0, "nobody is an administrator"
    await office.connection.execute("UPDATE jobrunner.mail_account_state SET notified_at = NULL")
    await set_setting(office.connection, "administrators", "cid, bob, dan, nobody", "test")
    assert (await fail(office, ref, Fault.LOGIN)).told == 2
    assert [user for user, _ in await told(office)] == ["bob", "cid"]
    assert (await fail(office, ref)).told == 0


async def test_an_owner_who_is_gone_is_told_nothing_and_the_account_waits_all_the_same(office: PostOffice):
    ref = AccountRef("Personal", await office.account("ann"), 0)
    await fail(office, ref)
    await pass_time(office, TEN)
    await office.connection.execute("UPDATE jobrunner.app_user SET active = false")
    held = await fail(office, ref)
    assert (held.told, held.paused) == (0, False)
