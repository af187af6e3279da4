"""Test mails go at once, by the same path, and change nothing of the mailing."""

from typing import Any

import pytest

from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.mail.accounts import pause
from jobrunner.services.massmail.mass_emails.rows import find_mass_email
from jobrunner.services.massmail.sending.trial import NOBODY, Wanted, send_tests
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import Stage, to


async def try_on(stage: Stage, *wanted: Wanted) -> list[Any]:
    async with stage.connect() as connection:
        return await send_tests(
            connection, stage.configuration, await find_mass_email(connection, str(stage.mailing)), wanted
        )


async def contact(stage: Stage, email: str = "a1@d1.example.net") -> str:
    return await stage.pool.fetchval("SELECT id FROM jobrunner.contact WHERE email = $1", email)


async def test_to_a_target_to_an_address_and_to_an_address_as_a_target_would_get_it(stage: Stage, parse: Any):
    """Draft, its campaign Inactive, start ahead, the hour used up: none of that holds back a test."""
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 3, starts=False)
        await stage.pool.execute("UPDATE jobrunner.campaign SET status = 'Inactive'")
        await stage.pool.execute("UPDATE jobrunner.mass_email SET start_at = now() + interval '1 day'")
        await stage.pool.execute("UPDATE jobrunner.target_list_member SET opted_out = true")
        await stage.set(mass_email_max_per_hour_count=1)
        someone = await contact(stage)
        tested = await try_on(
            stage,
            Wanted(target=("Contact", someone)),
            Wanted("ada@example.com"),
            Wanted("ada@example.com", ("Contact", someone)),
            Wanted("A2@d2.example.net"),
        )

    assert [(one.address, one.taken) for one in tested] == [
        ("a1@d1.example.net", True),
        ("ada@example.com", True),
        ("ada@example.com", True),
        ("A2@d2.example.net", True),
    ]
    mails = [parse(m.data) for m in server.messages]
    assert [mail["Subject"] for mail in mails] == ["News for F1", "News for", "News for F1", "News for F2"]
    assert all(mail["List-Unsubscribe"] for mail in mails)
    rows = await stage.pool.fetch(
        "SELECT target_type::text, target_id, status::text FROM jobrunner.queue_item WHERE is_test ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [
        ("Contact", someone, "Sent"),
        (*NOBODY, "Sent"),
        (*NOBODY, "Sent"),
        ("Contact", await contact(stage, "a2@d2.example.net"), "Sent"),
    ]
    assert await stage.state() == ("Draft", None)
    assert await stage.counts() == {}
    assert await stage.pool.fetchval("SELECT bool_and(is_test) FROM jobrunner.campaign_log")


async def test_they_count_in_the_hour(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 5)
        await stage.set(mass_email_max_per_hour_count=3)
        await try_on(stage, Wanted("ada@example.com"), Wanted("bob@example.com"))
        await stage.run()

    assert await stage.counts() == {"Sent": 1, "Pending": 4}
    assert await stage.state() == ("In Process", None)


async def test_one_that_is_refused_says_why_and_is_not_tried_again(stage: Stage):
    async with ScriptedServer(script={"RCPT": to("ada@example.com", "450 4.2.1 later")}) as server:
        await stage.add_mailing(server.port, 1, starts=False)
        refused, taken = await try_on(stage, Wanted("ada@example.com"), Wanted("bob@example.com"))

    assert (refused.taken, taken.taken) == (False, True)
    assert "4.2.1 later" in str(refused.result)
    item = await stage.item("ada@example.com")
    assert (item["state"], item["is_test"], item["sender_token"]) == ("Failed", True, None)


async def test_what_cannot_be_is_said(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 1, starts=False)
        with pytest.raises(InvalidInput, match="name 1 to 100"):
            await try_on(stage)
        with pytest.raises(InvalidInput, match="is no address"):
            await try_on(stage, Wanted("ada"))
        with pytest.raises(NotFound, match="there is no Lead '7'"):
            await try_on(stage, Wanted(target=("Lead", "7")))
        async with stage.connect() as connection:
            await pause(connection, str(stage.account), "person", "on holiday")
        with pytest.raises(Conflict, match="on holiday"):
            await try_on(stage, Wanted("ada@example.com"))

    assert server.connections == 0
