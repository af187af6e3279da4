"""The queue of a mass e-mail: who is in it, once, and who is left out, and why."""

import asyncio
import time

import asyncpg
import pytest

from jobrunner.queue.settings import set_setting
from jobrunner.services.massmail.campaigns.rows import add_campaign, edit_campaign
from jobrunner.services.massmail.lists.members import add_members, opt_out_of_list, remove_members
from jobrunner.services.massmail.mass_emails import states
from jobrunner.services.massmail.mass_emails.building import build_mailing, list_due
from jobrunner.services.massmail.mass_emails.rows import add_mass_email, find_mass_email
from jobrunner.services.records.addresses import mark_invalid, opt_out

ITEMS = """
    SELECT q.target_type::text AS kind, q.email_address AS email
    FROM jobrunner.queue_item AS q
    ORDER BY q.id
"""


@pytest.fixture
def mailing(connection):
    """Add a mass e-mail to those lists and start it; return its id."""

    async def make(*lists, excluding=(), campaign=None, name="M"):
        found = await add_mass_email(
            connection,
            name,
            by="ada",
            campaign=campaign,
            target_lists=[str(one) for one in lists],
            excluding_lists=[str(one) for one in excluding],
        )
        await states.start(connection, found)
        return found.id

    return make


async def queued(connection):
    return [row["email"] for row in await connection.fetch(ITEMS)]


async def settle(connection, email, status):
    """Have one item end in that state, as the sender would."""
    await connection.execute(
        """
        UPDATE jobrunner.queue_item
        SET status = $2::jobrunner.queue_item_status,
            finished_at = CASE WHEN $2 NOT IN ('Pending', 'Sending') THEN now() END,
            sent_at = CASE WHEN $2 = 'Sent' THEN now() END,
            sender_token = CASE WHEN $2 = 'Sending' THEN 1 END
        WHERE email_address = $1
        """,
        email,
        status,
    )


async def test_everybody_is_queued_in_the_order_of_lists_and_types(connection, person, make_list, mailing):
    people = {kind: await person(kind, f"{kind}@x.org") for kind in ("User", "Lead", "Contact", "Account")}
    second = await make_list("Second", *people.items())
    first = await make_list(
        "First", ("Lead", await person("Lead", "z@x.org")), ("Lead", await person("Lead", "a@x.org"))
    )
    built = await build_mailing(connection, await mailing(first, second))
    assert (built.status, built.queued, built.left_out) == ("In Process", 6, {})
    assert await queued(connection) == [
        "z@x.org",
        "a@x.org",
        "Account@x.org",
        "Contact@x.org",
        "Lead@x.org",
        "User@x.org",
    ]
    row = await connection.fetchrow("SELECT * FROM jobrunner.queue_item WHERE email_address = 'Lead@x.org'")
    assert (row["status"], row["target_type"], row["address_key"]) == ("Pending", "Lead", "lead@x.org")
    assert (row["attempt_count"], row["is_test"], row["generation"], row["sent_at"]) == (0, False, 1, None)


@pytest.mark.parametrize("informational", [False, True])
@pytest.mark.parametrize(
    ("case", "reason", "exempt"),
    [
        ("opted out of the list", "opted out of the list", True),
        ("address opted out of the list", "opted out of the list", True),
        ("opted out", "opted out", True),
        ("new addresses start opted out", "opted out", True),
        ("opted out and in again", None, False),
        ("invalid", "invalid", False),
        ("invalid in another spelling", "invalid", False),
        ("no address", "no address", False),
        ("blank address", "no address", False),
        ("erased", "erased", False),
        ("deleted", "gone", False),
        ("gone", "gone", False),
        ("excluded", "excluded", False),
        ("excluded though opted out there", "excluded", False),
        ("excluded by address", "excluded", False),
        ("excluded by address of another type", "excluded", False),
        ("excluded address is gone", None, False),
        ("opted out of another list", None, False),
    ],
)
async def test_who_is_left_out(connection, person, make_list, mailing, case, reason, exempt, informational):
    """The table of §4.1; an Informational Email goes to those that opted out, too."""
    lead = await person("Lead", "Ann@Bücher.example")
    target = await make_list("Target", ("Lead", lead))
    excluding = await make_list("Excluding")
    match case:
        case "opted out of the list":
            await connection.execute("UPDATE jobrunner.target_list_member SET opted_out = true")
        case "address opted out of the list":
            await remove_members(connection, target, "Lead", [lead])
            await opt_out_of_list(connection, target, "ann@xn--bcher-kva.example")
            await add_members(connection, target, "Lead", [lead])
        case "opted out":
            await opt_out(connection, "ANN@bücher.example")
        case "new addresses start opted out":
            await connection.execute("DELETE FROM jobrunner.email_address")
            await set_setting(connection, "email_address_is_opted_out_by_default", True, "ada")
        case "opted out and in again":
            await opt_out(connection, "ann@bücher.example")
            await connection.execute("UPDATE jobrunner.email_address SET opted_out = false, opted_out_at = NULL")
        case "invalid":
            await mark_invalid(connection, "Ann@Bücher.example")
        case "invalid in another spelling":
            await mark_invalid(connection, "ann@xn--bcher-kva.example")
        case "no address":
            await connection.execute("UPDATE jobrunner.lead SET email = NULL")
        case "blank address":
            await connection.execute("ALTER TABLE jobrunner.lead DROP CONSTRAINT email_is_an_address")
            await connection.execute("UPDATE jobrunner.lead SET email = ' '")
        case "erased":
            await connection.execute("UPDATE jobrunner.lead SET email = 'ERASED:1'")
        case "deleted":
            await connection.execute("UPDATE jobrunner.lead SET deleted = true")
        case "gone":
            await connection.execute("ALTER TABLE jobrunner.lead DISABLE TRIGGER leave_lists")
            await connection.execute("DELETE FROM jobrunner.lead")
        case "excluded":
            await add_members(connection, excluding, "Lead", [lead])
        case "excluded though opted out there":
            await add_members(connection, excluding, "Lead", [lead])
            await opt_out_of_list(connection, excluding, "ann@bücher.example")
        case "excluded by address":
            await add_members(connection, excluding, "Lead", [await person("Lead", "ann@xn--bcher-kva.example")])
        case "excluded by address of another type":
            await add_members(connection, excluding, "User", [await person("User", "ANN@bücher.example")])
        case "excluded address is gone":
            other = await person("Contact", "ann@bücher.example")
            await add_members(connection, excluding, "Contact", [other])
            await connection.execute("UPDATE jobrunner.contact SET deleted = true")
        case "opted out of another list":
            await opt_out_of_list(connection, await make_list("Other", ("Lead", lead)), "ann@bücher.example")
    if informational:
        await add_campaign(connection, "News", by="ada", type="Informational Email")
    built = await build_mailing(
        connection, await mailing(target, excluding=[excluding], campaign="News" if informational else None)
    )
    if reason is None or (informational and exempt):
        assert (built.status, built.queued, built.left_out) == ("In Process", 1, {})
    else:
        assert (built.status, built.queued, built.left_out) == ("Complete", 0, {reason: 1})
        assert await queued(connection) == []


async def test_of_several_with_one_address_the_first_gets_it(connection, person, make_list, mailing):
    contact = await person("Contact", "ann@x.org")
    first = await make_list("First", ("User", await person("User", "Ann@x.org")), ("Contact", contact))
    second = await make_list("Second", ("Account", await person("Account", "ANN@x.org")), ("Contact", contact))
    built = await build_mailing(connection, await mailing(first, second))
    assert (built.queued, built.left_out) == (1, {"repeated": 3})
    assert [tuple(row) for row in await connection.fetch(ITEMS)] == [("Contact", "ann@x.org")]


async def test_who_opted_out_of_one_of_two_lists_is_reached_by_the_other(connection, person, make_list, mailing):
    lead = await person("Lead", "ann@x.org")
    one, other = await make_list("One", ("Lead", lead)), await make_list("Other", ("Lead", lead))
    await opt_out_of_list(connection, one, "ann@x.org")
    built = await build_mailing(connection, await mailing(one, other))
    assert (built.queued, built.left_out) == (1, {"opted out of the list": 1})


async def test_an_empty_list_completes_it(connection, make_list, mailing):
    mass_email = await mailing(await make_list("Empty"))
    built = await build_mailing(connection, mass_email)
    assert (built.status, built.queued) == ("Complete", 0)
    assert (await find_mass_email(connection, "M")).finished_at is not None


async def test_it_waits_for_its_time_and_its_campaign(connection, person, make_list, mailing):
    await add_campaign(connection, "C", by="ada", status="Inactive")
    mass_email = await mailing(await make_list("L", ("Lead", await person("Lead", "a@x.org"))), campaign="C")
    assert await list_due(connection) == []
    assert await build_mailing(connection, mass_email) is None
    await edit_campaign(connection, "C", status="Active")
    await connection.execute("UPDATE jobrunner.mass_email SET start_at = now() + interval '1 minute'")
    assert await list_due(connection) == []
    assert await build_mailing(connection, mass_email) is None
    assert (await find_mass_email(connection, "M")).status == "Pending"
    await connection.execute("UPDATE jobrunner.mass_email SET start_at = now()")
    assert [due.id for due in await list_due(connection)] == [mass_email]
    assert (await build_mailing(connection, mass_email)).queued == 1
    assert await build_mailing(connection, mass_email) is None
    assert await build_mailing(connection, 4711) is None


@pytest.mark.parametrize(
    ("status", "again"), [("Sent", 0), ("Sending", 0), ("Uncertain", 0), ("Failed", 1), ("Skipped", 1), ("Pending", 1)]
)
async def test_the_rest_leaves_out_whom_it_reached(connection, person, make_list, mailing, status, again):
    target = await make_list("L", *[("Lead", await person("Lead", f"{name}@x.org")) for name in "ab"])
    mass_email = await mailing(target)
    await build_mailing(connection, mass_email)
    await settle(connection, "a@x.org", status)
    await states.abort(connection, await find_mass_email(connection, "M"), "enough")
    other = await person("Lead", "A@x.org")
    await add_members(connection, target, "Lead", [other])
    await states.start(connection, await find_mass_email(connection, "M"), again="rest")
    built = await build_mailing(connection, mass_email)
    assert built.queued == 1 + again
    assert built.left_out == ({"repeated": 1} if again else {"reached before": 2})
    statuses = dict(await connection.fetch("SELECT email_address, status FROM jobrunner.queue_item"))
    assert statuses == {"a@x.org": "Pending" if again else status, "b@x.org": "Pending"}


async def test_everybody_once_more_is_another_generation(connection, person, make_list, mailing):
    target = await make_list("L", ("Lead", await person("Lead", "a@x.org")))
    mass_email = await mailing(target)
    await build_mailing(connection, mass_email)
    await settle(connection, "a@x.org", "Sent")
    assert await states.complete(connection, mass_email)
    await states.start(connection, await find_mass_email(connection, "M"), again="everybody")
    assert (await build_mailing(connection, mass_email)).queued == 1
    generations = await connection.fetch("SELECT generation, status FROM jobrunner.queue_item ORDER BY id")
    assert [tuple(row) for row in generations] == [(1, "Sent"), (2, "Pending")]


async def test_tests_are_neither_removed_nor_in_the_way(connection, person, make_list, mailing):
    lead = await person("Lead", "a@x.org")
    mass_email = await mailing(await make_list("L", ("Lead", lead)))
    for _ in range(2):
        await connection.execute(
            """
            INSERT INTO jobrunner.queue_item (
                mass_email_id, target_type, target_id, email_address, address_key, is_test
            )
            VALUES ($1, 'Lead', $2, 'a@x.org', 'a@x.org', true)
            """,
            mass_email,
            lead,
        )
    assert (await build_mailing(connection, mass_email)).queued == 1
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.queue_item WHERE is_test") == 2


async def test_the_table_itself_refuses_a_second_mail(connection, person, make_list, mailing):
    mass_email = await mailing(await make_list("L", ("Lead", await person("Lead", "a@x.org"))))
    await build_mailing(connection, mass_email)
    for values in ("'Lead', id, 'other@x.org'", "'Lead', 'other', 'a@x.org'"):
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(
                f"""
                INSERT INTO jobrunner.queue_item (mass_email_id, target_type, target_id, address_key, email_address)
                SELECT 1, {values}, '' FROM jobrunner.lead
                """
            )


ADD_TEST_ITEM = """
INSERT INTO jobrunner.queue_item (mass_email_id, target_type, target_id, email_address, address_key, is_test)
VALUES ($1, 'Lead', '1', 'a@x.org', 'a@x.org', true)
"""


async def test_an_item_without_a_mass_email_is_refused(connection, mailing, make_list):
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="no mass e-mail with the id 4711"):
        await connection.execute(ADD_TEST_ITEM, 4711)


async def test_what_is_queued_while_its_mass_email_is_removed_goes_with_it(connection, second, mailing, make_list):
    mass_email = await mailing(await make_list("L"))
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(ADD_TEST_ITEM, mass_email)
    removing = asyncio.create_task(second.execute("DELETE FROM jobrunner.mass_email WHERE id = $1", mass_email))
    waits = "SELECT EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = $1 AND NOT l.granted)"
    async with asyncio.timeout(10):
        while not await connection.fetchval(waits, second.get_server_pid()):
            assert not removing.done()
    await transaction.commit()
    assert await removing == "DELETE 1"
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.queue_item") == 0


@pytest.fixture
async def second(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("first_commits", [True, False])
async def test_two_builders_at_once(connection, second, person, make_list, mailing, first_commits):
    """One builds, the other has nothing to do meanwhile; where the first dies, the second builds all of it."""
    people = [("Lead", await person("Lead", f"p{number}@x.org")) for number in range(20)]
    mass_email = await mailing(await make_list("L", *people))
    transaction = connection.transaction()
    await transaction.start()
    assert (await build_mailing(connection, mass_email)).queued == 20
    assert await build_mailing(second, mass_email) is None
    await (transaction.commit() if first_commits else transaction.rollback())
    built = await build_mailing(second, mass_email)
    assert (built is None) if first_commits else (built.queued == 20)
    assert len(await queued(second)) == 20


async def test_a_builder_that_is_killed_leaves_nothing(connection, second, database_url, person, make_list, mailing):
    mass_email = await mailing(await make_list("L", ("Lead", await person("Lead", "a@x.org"))))
    victim = await asyncpg.connect(database_url)
    try:
        await victim.execute("BEGIN")
        assert (await build_mailing(victim, mass_email)).queued == 1
        pid = victim.get_server_pid()
        await connection.fetchval("SELECT pg_terminate_backend($1, 10000)", pid)
    finally:
        victim.terminate()
    assert await queued(connection) == []
    assert (await find_mass_email(connection, "M")).status == "Pending"
    assert (await build_mailing(second, mass_email)).queued == 1


async def test_an_abort_that_waited_for_the_builder_skips_what_it_built(connection, second, person, make_list, mailing):
    mass_email = await mailing(await make_list("L", ("Lead", await person("Lead", "a@x.org"))))
    found = await find_mass_email(connection, "M")
    transaction = connection.transaction()
    await transaction.start()
    await build_mailing(connection, mass_email)
    aborting = asyncio.create_task(states.abort(second, found, "enough"))
    other = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while not await connection.fetchval(other):
            await asyncio.sleep(0.01)
    await transaction.commit()
    assert (await aborting).status == "Aborted"
    assert [row["status"] for row in await connection.fetch("SELECT status FROM jobrunner.queue_item")] == ["Skipped"]


async def test_a_hundred_thousand_members_take_seconds(connection, make_list, mailing):
    """Two lists of 100,000 between them, 10,000 of them in both, 5,000 excluded, 1,000 opted out."""
    await connection.execute(
        """
        INSERT INTO jobrunner.lead (id, last_name, email)
        SELECT 'l' || i, 'Lead ' || i, 'Person' || i || '@Example' || i % 1000 || '.com'
        FROM generate_series(1, 100000) AS i
        """
    )
    await connection.execute(
        """
        UPDATE jobrunner.email_address SET opted_out = true
        WHERE key IN (SELECT 'person' || i || '@example' || i % 1000 || '.com' FROM generate_series(99001, 100000) AS i)
        """
    )
    one, two, excluding = [await make_list(name) for name in ("One", "Two", "Excluding")]
    for target_list, low, high in ((one, 1, 60_000), (two, 50_001, 100_000), (excluding, 20_001, 25_000)):
        await connection.execute(
            """
            INSERT INTO jobrunner.target_list_member (target_list_id, target_type, target_id)
            SELECT $1::bigint, 'Lead', 'l' || i FROM generate_series($2::integer, $3::integer) AS i
            """,
            target_list,
            low,
            high,
        )
    mass_email = await mailing(one, two, excluding=[excluding])
    started = time.monotonic()
    built = await build_mailing(connection, mass_email)
    seconds = time.monotonic() - started
    print(f"built {built.queued} items in {seconds:.2f} s")
    assert built.queued == 94_000
    assert built.left_out == {"repeated": 10_000, "excluded": 5_000, "opted out": 1_000}
    assert seconds < 60
