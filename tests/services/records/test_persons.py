"""Accounts, contacts, leads, and what is known of their addresses."""

import json

import pytest

from jobrunner.errors import Conflict, InvalidInput
from jobrunner.queue.settings import set_setting
from jobrunner.services.records import add_account, add_contact, add_lead, add_user
from jobrunner.services.records.addresses import find_address, mark_invalid, mark_valid, opt_in, opt_out

TARGETS = "SELECT * FROM jobrunner.targets() ORDER BY target_type, target_id"


async def test_everybody_is_a_target(connection):
    account = await add_account(connection, "Acme", "Info@ACME.example", language="de_AT", fields={"city": "Graz"})
    contact = await add_contact(connection, "Zoë", "Ölmann", "zoe@bücher.example", account_id=account)
    lead = await add_lead(connection, None, "Lee", None, account_name="Lee & Sons", id="lead-1")
    user = await add_user(connection, "Una", "una@example.com")
    await add_user(connection, "Gone", "gone@example.com", active=False)
    await connection.execute("INSERT INTO jobrunner.contact (last_name, email, deleted) VALUES ('D', 'd@x.org', true)")

    rows = await connection.fetch(TARGETS)
    assert [(row["target_type"], row["target_id"], row["name"], row["address_key"]) for row in rows] == [
        ("Account", account, "Acme", "info@acme.example"),
        ("Contact", contact, "Zoë Ölmann", "zoe@xn--bcher-kva.example"),
        ("Lead", lead, "Lee", None),
        ("User", user, "Una", "una@example.com"),
    ]
    assert (json.loads(rows[0]["fields"]), rows[0]["language"]) == ({"city": "Graz"}, "de_AT")
    assert (rows[1]["account_id"], rows[2]["account_name"]) == (account, "Lee & Sons")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"email": "nobody"}, "the email must be an address"),
        ({"email": "a@b>\r\nRCPT TO:<x@y"}, "the email must be an address"),
        ({"language": "English"}, "the language must be a tag"),
        ({"fields": {"a": {1}}}, "must be an object that JSON can hold"),
        ({"name": "x" * 256}, "breaks the rule"),
    ],
)
async def test_what_is_wrong_is_refused(connection, values, sentence):
    """H04: what no address could be does not become one."""
    with pytest.raises(InvalidInput, match=sentence):
        await add_account(connection, **{"name": "Acme"} | values)


async def test_an_id_that_is_taken(connection):
    await add_lead(connection, "A", "B", id="1b")
    with pytest.raises(Conflict):
        await add_lead(connection, "C", "D", id="1b")


async def test_an_erased_address_is_held(connection):
    await add_lead(connection, "A", "B", "ERASED:4711")
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.email_address") == 0


async def test_new_addresses_start_as_the_setting_says_and_keep_it(connection):
    await add_lead(connection, "A", "A", "old@example.com")
    await set_setting(connection, "email_address_is_opted_out_by_default", True, "ada")
    await add_contact(connection, "A", "A", "OLD@example.com")
    await add_account(connection, "B", "new@example.com")
    lead = await add_lead(connection, "C", "C")
    await connection.execute("UPDATE jobrunner.lead SET email = 'moved@example.com' WHERE id = $1", lead)
    await set_setting(connection, "email_address_is_opted_out_by_default", False, "ada")
    await add_user(connection, "D", "newest@example.com")

    states = {
        name: (await find_address(connection, f"{name}@example.com")).opted_out
        for name in ("old", "new", "moved", "newest", "unknown")
    }
    assert states == {"old": False, "new": True, "moved": True, "newest": False, "unknown": False}
    assert not (await find_address(connection, "unknown@example.com")).is_known


async def test_opting_out_and_in(connection):
    assert await opt_out(connection, "Ann@Example.com", "by phone")
    assert not await opt_out(connection, "ann@example.COM", "again")
    state = await find_address(connection, "ann@example.com")
    assert (state.opted_out, state.opted_out_reason, state.invalid) == (True, "by phone", False)
    assert await opt_in(connection, "ann@example.com")
    assert not await opt_in(connection, "ann@example.com")
    state = await find_address(connection, "ann@example.com")
    assert (state.opted_out, state.opted_out_at, state.opted_out_reason) == (False, None, None)


async def test_invalid_and_valid_again(connection):
    await set_setting(connection, "email_address_is_opted_out_by_default", True, "ada")
    assert not await mark_valid(connection, "ann@example.com")
    assert await mark_invalid(connection, "ann@example.com", "550 5.1.1 no such user")
    assert not await mark_invalid(connection, "ann@example.com", "later")
    state = await find_address(connection, "ann@example.com")
    assert (state.invalid, state.invalid_reason, state.opted_out) == (True, "550 5.1.1 no such user", True)
    assert await mark_valid(connection, "ANN@example.com")
    assert not (await find_address(connection, "ann@example.com")).invalid


async def test_views_may_stand_in_for_our_tables(connection):
    """As docs/mass-mail.md says."""
    await connection.execute("CREATE TABLE public.people (number integer PRIMARY KEY, mail text, vorname text)")
    await connection.execute("DROP TABLE jobrunner.contact CASCADE")
    await connection.execute(
        """
        CREATE VIEW jobrunner.contact AS
        SELECT p.number AS id, p.vorname AS name, p.vorname AS first_name, NULL AS last_name, p.mail AS email,
            NULL AS language, NULL AS account_id, '{}'::json AS fields, false AS deleted
        FROM public.people AS p
        """
    )
    await connection.execute("INSERT INTO public.people VALUES (7, 'Ann@example.com', 'Ann')")
    (row,) = await connection.fetch("SELECT * FROM jobrunner.targets() WHERE target_type = 'Contact'")
    assert (row["target_id"], row["name"], row["address_key"]) == ("7", "Ann", "ann@example.com")
