"""What changes between the building of the queue and the handing over of a mail is looked at, at the last moment."""

import asyncio

import pytest

from jobrunner.services.massmail.sending.buffer import Buffer
from jobrunner.services.massmail.sending.letters import Letter
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import HoldingServer, Stage

VICTIM = "a5@d5.example.net"
WHO = "(SELECT id FROM jobrunner.contact WHERE email = $1)"
CHANGES = {
    "opted out of the list": (
        f"UPDATE jobrunner.target_list_member SET opted_out = true WHERE target_id = {WHO}",
        "opted out of the list",
    ),
    "opted out of the list by address": (
        f"WITH gone AS (DELETE FROM jobrunner.target_list_member WHERE target_id = {WHO} RETURNING target_list_id)"
        " INSERT INTO jobrunner.target_list_opt_out (target_list_id, address_key) SELECT target_list_id, $1 FROM gone",
        "opted out of the list",
    ),
    "opted out": (
        "UPDATE jobrunner.email_address SET opted_out = true WHERE key = $1",
        "opted out of all mass mail",
    ),
    "invalid": ("UPDATE jobrunner.email_address SET invalid = true WHERE key = $1", "the address is invalid"),
    "gone": ("UPDATE jobrunner.contact SET deleted = true WHERE email = $1", "the target is gone"),
    "erased": (
        "UPDATE jobrunner.contact SET email = 'ERASED:1' WHERE email = $1",
        "the target is erased",
    ),
    "no address": ("UPDATE jobrunner.contact SET email = NULL WHERE email = $1", "the target has no address"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
async def test_a_change_while_the_item_is_leased_holds_it_back(stage: Stage, change: str, reason: str):
    """Stepped: all ten are leased to the run, the first one's mail waits for its answer, and then it changes."""
    async with HoldingServer("DOT") as server:
        await stage.add_mailing(server.port, 10, account={"max_connections": 5, "messages_per_connection": 100})
        running = asyncio.create_task(stage.run())
        await server.held.wait()
        leased = await stage.pool.fetchval("SELECT count(*) FROM jobrunner.queue_item WHERE sender_token IS NOT NULL")
        await stage.pool.execute(change, VICTIM)
        server.goes_on.set()
        await running

    assert leased == 10
    item = await stage.item(VICTIM)
    assert (item["state"], item["reason"]) == ("Skipped", reason)
    assert len(server.messages) == 9
    assert await stage.state() == ("Complete", None)


async def test_a_lease_that_runs_out_before_its_turn_makes_no_second_letter(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    """Stepped: eight are leased, the first one's mail waits for its answer until the leases of the others are over."""
    laid: list[int] = []

    def put(buffer: Buffer, letters: list[Letter]) -> None:
        laid.extend(letter.item.id for letter in letters)
        lay(buffer, letters)

    lay = Buffer.put
    monkeypatch.setattr(Buffer, "put", put)
    async with HoldingServer("DOT") as server:
        await stage.add_mailing(server.port, 8)
        running = asyncio.create_task(stage.run())
        await server.held.wait()
        assert (
            await stage.pool.execute(
                "UPDATE jobrunner.queue_item SET sender_until = now() - interval '1 s' WHERE status = 'Pending'"
            )
            == "UPDATE 7"
        )
        server.goes_on.set()
        await running

    assert len(laid) == len(set(laid)) == len(server.messages) == 8
    assert await stage.counts() == {"Sent": 8}


async def test_informational_mail_goes_all_the_same_but_not_to_what_is_invalid(stage: Stage):
    async with HoldingServer("DOT") as server:
        await stage.add_mailing(server.port, 10, campaign="Informational Email", account={"max_connections": 5})
        running = asyncio.create_task(stage.run())
        await server.held.wait()
        await stage.pool.execute("UPDATE jobrunner.email_address SET opted_out = true")
        await stage.pool.execute("UPDATE jobrunner.target_list_member SET opted_out = true")
        await stage.pool.execute("UPDATE jobrunner.email_address SET invalid = true WHERE key = $1", VICTIM)
        server.goes_on.set()
        await running

    assert await stage.counts() == {"Sent": 9, "Skipped": 1}


async def test_who_comes_to_be_excluded_gets_none_by_person_or_by_address(stage: Stage):
    from jobrunner.services.massmail.lists.members import add_members
    from jobrunner.services.massmail.lists.rows import add_target_list
    from jobrunner.services.records import add_lead

    async with ScriptedServer() as server, stage.connect() as connection:
        excluding = await add_target_list(connection, "none", by="ada")
        await stage.add_mailing(server.port, 10, excluding_lists=["none"])
        await stage.pool.fetch("SELECT * FROM jobrunner.build_mailing($1)", stage.mailing)
        contact = await connection.fetchval("SELECT id FROM jobrunner.contact WHERE email = $1", VICTIM)
        lead = await add_lead(connection, "An", "Other", "A6@d6.example.net")
        await add_members(connection, excluding.id, "Contact", [contact])
        await add_members(connection, excluding.id, "Lead", [lead])
        await stage.run()

    assert await stage.counts() == {"Sent": 8, "Skipped": 2}
    assert (await stage.item(VICTIM))["reason"] == (await stage.item("a6@d6.example.net"))["reason"] == "excluded"


async def test_an_item_follows_its_target_to_another_address_but_not_to_one_that_gets_it_already(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 10)
        await stage.pool.fetch("SELECT * FROM jobrunner.build_mailing($1)", stage.mailing)
        await stage.pool.execute("UPDATE jobrunner.contact SET email = 'New@example.org' WHERE email = $1", VICTIM)
        await stage.pool.execute(
            "UPDATE jobrunner.contact SET email = 'A7@d7.example.net' WHERE email = 'a6@d6.example.net'"
        )
        await stage.run()

    recipients = sorted(m.recipients[0] for m in server.messages)
    assert "<New@example.org>" in recipients
    assert len(recipients) == len(set(recipients)) == 9
    assert (await stage.item("a6@d6.example.net"))["state"] == "Skipped"
    assert await stage.state() == ("Complete", None)


async def test_an_item_whose_address_changes_while_it_is_leased_follows_it_in_the_same_run(stage: Stage):
    """Stepped: all twenty are leased, the first one's mail waits for its answer, and then one has another address."""
    async with HoldingServer("DOT") as server:
        await stage.add_mailing(server.port, 20, account={"max_connections": 5, "messages_per_connection": 100})
        running = asyncio.create_task(stage.run())
        await server.held.wait()
        assert (await stage.item(VICTIM))["sender_token"] is not None
        await stage.pool.execute("UPDATE jobrunner.contact SET email = 'new@example.org' WHERE email = $1", VICTIM)
        server.goes_on.set()
        await running

    recipients = [m.recipients[0] for m in server.messages]
    assert "<new@example.org>" in recipients
    assert f"<{VICTIM}>" not in recipients
    assert len(recipients) == len(set(recipients)) == 20
    assert await stage.state() == ("Complete", None)


ENDS: dict[str, tuple[str, str]] = {
    "paused": ("UPDATE jobrunner.mass_email SET status = 'Paused', paused_at = now()", "Pending"),
    "aborted": ("SELECT jobrunner.end_mailing(id, 'Aborted', 'enough') FROM jobrunner.mass_email", "Skipped"),
    "campaign inactive": ("UPDATE jobrunner.campaign SET status = 'Inactive'", "Pending"),
}


@pytest.mark.parametrize(("change", "state"), ENDS.values(), ids=ENDS)
async def test_an_end_while_it_runs_is_seen_before_the_next_mail(stage: Stage, change: str, state: str):
    async with HoldingServer("DOT") as server:
        await stage.add_mailing(server.port, 300)
        running = asyncio.create_task(stage.run())
        await server.held.wait()
        await stage.pool.execute(change)
        server.goes_on.set()
        await running

    assert len(server.messages) == 1, "what was on its way is finished, nothing else is begun"
    assert await stage.counts() == {"Sent": 1, state: 299}
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.queue_item WHERE sender_token IS NOT NULL") == 0
