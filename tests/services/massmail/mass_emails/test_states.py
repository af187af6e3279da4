"""The states of a mass e-mail, and what becomes of its items."""

import asyncio

import asyncpg
import pytest

from jobrunner.errors import Conflict
from jobrunner.services.email_templates.rows import add_email_template, remove_email_template
from jobrunner.services.massmail.lists.members import add_members
from jobrunner.services.massmail.mass_emails import states
from jobrunner.services.massmail.mass_emails.building import build_mailing
from jobrunner.services.massmail.mass_emails.items import (
    count_items,
    count_old_items,
    count_reasons,
    list_items,
    thin_items,
)
from jobrunner.services.massmail.mass_emails.rows import (
    add_mass_email,
    edit_mass_email,
    find_mass_email,
    remove_mass_email,
)

ALL = ("Draft", "Pending", "In Process", "Paused", "Complete", "Failed", "Aborted")
ACTIONS = {
    "start": lambda connection, found: states.start(connection, found),
    "start the rest": lambda connection, found: states.start(connection, found, again="rest"),
    "pause": lambda connection, found: states.pause(connection, found, "why"),
    "resume": states.resume,
    "abort": lambda connection, found: states.abort(connection, found, "why"),
    "fail": lambda connection, found: states.fail(connection, found.id, "why"),
    "complete": lambda connection, found: states.complete(connection, found.id),
    "remove": remove_mass_email,
    "edit": lambda connection, found: edit_mass_email(connection, found, by="bob", from_name="N"),
    "lists": lambda connection, found: edit_mass_email(connection, found, by="ann", target_lists=[]),
}
LEADS_TO = {
    ("start", "Draft"): "Pending",
    **{("start the rest", state): "Pending" for state in ("Draft", "Complete", "Failed", "Aborted")},
    **{("pause", state): "Paused" for state in ("Pending", "In Process")},
    ("resume", "Paused"): "In Process",
    **{("abort", state): "Aborted" for state in ("Pending", "In Process", "Paused")},
    **{("fail", state): "Failed" for state in ("Pending", "In Process")},
    **{("remove", state): None for state in ("Draft", "Paused", "Complete", "Failed", "Aborted")},
    **{("edit", state): state for state in ALL if state != "In Process"},
    **{("lists", state): state for state in ("Draft", "Pending", "Complete", "Failed", "Aborted")},
}


@pytest.fixture
async def mass_email(connection, person, make_list):
    target = await make_list("L", *[("Lead", await person("Lead", f"{name}@x.org")) for name in "abc"])
    await add_email_template(connection, "T", by="ada", subject="S", body="B")
    return await add_mass_email(connection, "M", by="ada", email_template="T", target_lists=[str(target)])


async def bring_to(connection, mass_email, state):
    if state != "Draft":
        await states.start(connection, mass_email)
    if state not in ("Draft", "Pending"):
        await build_mailing(connection, mass_email.id)
    match state:
        case "Paused":
            await states.pause(connection, mass_email, "why")
        case "Failed":
            await states.fail(connection, mass_email.id, "why")
        case "Aborted":
            await states.abort(connection, mass_email, "why")
        case "Complete":
            await connection.execute("DELETE FROM jobrunner.queue_item")
            assert await states.complete(connection, mass_email.id)
    found = await find_mass_email(connection, "M")
    assert found.status == state
    return found


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("action", ACTIONS)
async def test_what_leads_where(connection, mass_email, action, state):
    found = await bring_to(connection, mass_email, state)
    expected = LEADS_TO.get((action, state), "refused")
    if expected != "refused":
        assert await ACTIONS[action](connection, found) is not False
    elif action in ("fail", "complete"):
        assert await ACTIONS[action](connection, found) is False
    else:
        with pytest.raises(Conflict, match="'M'"):
            await ACTIONS[action](connection, found)
    after = await connection.fetchval("SELECT status FROM jobrunner.mass_email")
    assert after == (state if expected == "refused" else expected)


async def test_paused_before_its_queue_is_built_it_is_resumed_to_that(connection, mass_email):
    await states.start(connection, mass_email)
    await states.pause(connection, mass_email, "why")
    assert await build_mailing(connection, mass_email.id) is None
    assert (await states.resume(connection, mass_email)).status == "Pending"


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [("abort", "Skipped", "the mass e-mail was aborted"), ("fail", "Failed", "why")],
)
async def test_what_waits_ends_with_it(connection, mass_email, end, status, reason):
    await bring_to(connection, mass_email, "In Process")
    await connection.execute(
        """
        UPDATE jobrunner.queue_item SET status = 'Sending', sender_token = 1 WHERE email_address = 'a@x.org'
        """
    )
    await connection.execute("UPDATE jobrunner.queue_item SET sender_token = 1 WHERE email_address = 'b@x.org'")
    await ACTIONS[end](connection, mass_email)
    rows = await connection.fetch(
        "SELECT status, reason, sender_token FROM jobrunner.queue_item ORDER BY email_address"
    )
    assert [tuple(row) for row in rows] == [("Sending", None, 1), (status, reason, None), (status, reason, None)]
    counts = await count_items(connection, mass_email.id)
    assert (counts.total, counts.sending, counts.skipped + counts.failed) == (3, 1, 2)
    (most,) = await count_reasons(connection, mass_email.id)
    assert (most.status, most.reason, most.items) == (status, reason, 2)
    with pytest.raises(Conflict, match="under way"):
        await remove_mass_email(connection, mass_email)


async def test_items_are_locked_in_the_order_of_their_ids_when_it_ends(connection, mass_email, database_url):
    await bring_to(connection, mass_email, "In Process")
    first, second, _ = [row["id"] for row in await connection.fetch("SELECT id FROM jobrunner.queue_item ORDER BY id")]
    # Behind the others on the disk and in every index but that of ids.
    await connection.execute(
        """
        UPDATE jobrunner.queue_item
        SET next_attempt_at = now() + interval '1 hour',
            target_id = 'z',
            email_address = 'z@x.org',
            address_key = 'z@x.org'
        WHERE id = $1
        """,
        first,
    )
    lock = "SELECT FROM jobrunner.queue_item WHERE id = $1 FOR UPDATE"
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute(lock, first)
        ending = asyncio.create_task(states.abort(connection, mass_email, "why"))
        async with asyncio.timeout(20):
            while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        await other.execute(lock, second)
    await other.close()
    assert (await ending).status == "Aborted"


async def test_it_is_complete_when_nothing_waits_or_is_being_sent(connection, mass_email):
    await bring_to(connection, mass_email, "In Process")
    for left in ("Pending", "Sending"):
        await connection.execute(
            """
            UPDATE jobrunner.queue_item
            SET status = 'Sent', sent_at = now(), finished_at = now(), sender_token = NULL
            WHERE email_address <> 'a@x.org'
            """
        )
        await connection.execute(
            """
            UPDATE jobrunner.queue_item SET status = $1::text::jobrunner.queue_item_status, sender_token = 1
            WHERE email_address = 'a@x.org'
            """,
            left,
        )
        assert not await states.complete(connection, mass_email.id)
    await connection.execute(
        """
        UPDATE jobrunner.queue_item SET status = 'Uncertain', finished_at = now(), sender_token = NULL
        WHERE email_address = 'a@x.org'
        """
    )
    assert await states.complete(connection, mass_email.id)
    assert [item.status async for item in list_items(connection, mass_email.id, status="Uncertain")] == ["Uncertain"]


async def test_a_template_in_use_stays(connection, mass_email):
    await states.start(connection, mass_email)
    with pytest.raises(Conflict, match="under way"):
        await remove_email_template(connection, "T")
    await states.abort(connection, mass_email, "why")
    await remove_email_template(connection, "T")
    assert (await find_mass_email(connection, "M")).email_template is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE jobrunner.mass_email SET status = 'Complete'",
        "UPDATE jobrunner.mass_email SET status = 'Paused'",
        "UPDATE jobrunner.mass_email SET status = 'In Process'",
        "UPDATE jobrunner.mass_email SET finished_at = now()",
        "UPDATE jobrunner.queue_item SET status = 'Sent'",
        "UPDATE jobrunner.queue_item SET status = 'Sent', finished_at = now()",
        "UPDATE jobrunner.queue_item SET status = 'Sending'",
        "UPDATE jobrunner.queue_item SET status = 'Failed', finished_at = now(), sender_token = 1",
        "UPDATE jobrunner.queue_item SET finished_at = now()",
    ],
)
async def test_states_and_their_stamps_go_together(connection, mass_email, change):
    await connection.execute(
        """
        INSERT INTO jobrunner.queue_item (mass_email_id, target_type, target_id, email_address, address_key)
        VALUES ($1, 'Lead', '1', 'a@x.org', 'a@x.org')
        """,
        mass_email.id,
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(change)


async def test_items_that_are_thinned_away_are_not_sent_again(connection, mass_email, person):
    await bring_to(connection, mass_email, "In Process")
    await connection.execute("UPDATE jobrunner.queue_item SET status = 'Sent', sent_at = now(), finished_at = now()")
    assert await states.complete(connection, mass_email.id)
    assert await thin_items(connection, "1 day", 2) == 0
    await connection.execute("UPDATE jobrunner.mass_email SET finished_at = now() - interval '2 days'")
    assert await count_old_items(connection, "1 day") == 3
    assert [await thin_items(connection, "1 day", 2) for _ in range(3)] == [2, 1, 0]
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.queue_item") == 0
    await add_members(connection, 1, "Lead", [await person("Lead", "new@x.org")])
    await states.start(connection, await find_mass_email(connection, "M"), again="rest")
    built = await build_mailing(connection, mass_email.id)
    assert (built.queued, built.left_out) == (1, {"reached before": 3})
