"""What `jobrunner status` says of mass mail."""

import shlex
from collections.abc import AsyncIterator

import asyncpg
import pytest

from jobrunner.config import load
from jobrunner.db.secrets import Key, Keyring, renew_signing_key, signing_keys
from jobrunner.db.sql import load as load_sql
from jobrunner.queue.overview import overview
from jobrunner.services.massmail.mass_emails.rows import find_mass_email
from jobrunner.services.massmail.mass_emails.states import pause, resume
from jobrunner.services.massmail.tokens import PURPOSE
from jobrunner.services.massmail.troubles import list_link_troubles, list_mailing_troubles
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import Stage

NAME = "It's May"


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with asyncpg.create_pool(database_url, min_size=0, max_size=10) as pool:
        yield Stage(pool, database_url)


async def told_of(stage):
    async with stage.connect() as connection:
        return [one.sentence for one in (await overview(connection)).exceptions if one.code == "ServiceTrouble"]


async def test_a_mailing_that_its_breaker_paused_and_one_that_a_person_did(stage: Stage):
    async with ScriptedServer(script={"MAIL": "550 5.7.1 not you\r\n"}) as server:
        await stage.add_mailing(server.port, 3, name=NAME)
        assert await told_of(stage) == []
        await stage.run()
        state, reason = await stage.state()
    assert (state, "not you" in str(reason)) == ("Paused", True)
    (told,) = await told_of(stage)
    assert told.startswith('the mass e-mail "It\'s May" has been paused since 20')
    assert str(reason) in told
    assert told.endswith(f"; `jobrunner mass-email resume {shlex.quote(NAME)}` lets it go on")

    async with stage.connect() as connection:
        await resume(connection, await find_mass_email(connection, NAME))
        assert await list_mailing_troubles(connection) == []
        await pause(connection, await find_mass_email(connection, NAME), "paused by ada: typo")
    assert await told_of(stage) == []


async def test_a_template_that_cannot_be_sent_is_told(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 1)
        await stage.pool.execute("UPDATE jobrunner.email_template SET body = '{% include \"x\" %}'")
        await stage.run()
    (told,) = await told_of(stage)
    assert "its template cannot be sent" in told


async def test_bounces_that_come_back_pause_it_as_a_fault(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 2)
        await stage.run()
    await stage.pool.execute(
        """
        UPDATE jobrunner.mass_email SET status = 'In Process', finished_at = NULL;
        INSERT INTO jobrunner.campaign_log (
            campaign_id, mass_email_id, queue_item_id, action, target_type, target_id, string_additional_data
        )
        SELECT m.campaign_id, m.id, q.id, 'Bounced', q.target_type, q.target_id, 'Hard'
        FROM jobrunner.queue_item AS q JOIN jobrunner.mass_email AS m ON m.id = q.mass_email_id
        """
    )
    item = (await stage.item("a1@d1.example.net"))["id"]
    await stage.pool.fetch(
        load_sql("jobrunner.services.massmail.reports", "pause_bounced_mailing"), item, 2, 2, "too many came back"
    )
    (told,) = await told_of(stage)
    assert "too many came back" in told


async def test_keys_that_are_not_at_hand(connection, database_url, tmp_path):
    """No key was ever made: nothing is wrong. Else the one that signs must open."""
    here, elsewhere = Key.new(), Key.new()
    configuration = load(database_url=database_url, secret_key=here.text)
    keyless = load(database_url=database_url)
    assert await list_link_troubles(connection, configuration) == []
    assert await list_link_troubles(connection, keyless) == []
    await signing_keys(connection, Keyring([elsewhere]), PURPOSE)
    for one, at_hand in ((configuration, f"at hand is only {here.id}"), (keyless, "none is at hand")):
        (told,) = await list_link_troubles(connection, one)
        assert told.startswith("links in mails can neither be made nor be read by what is configured here: ")
        assert at_hand in told
        assert "`jobrunner secrets new-signing-key links`" in told
        assert told in [one.sentence for one in (await overview(connection, one)).exceptions]
    gone = load(database_url=database_url, secret_key_file=tmp_path)
    (told,) = await list_link_troubles(connection, gone)
    assert "is not a file" in told
    await renew_signing_key(connection, Keyring([here]), PURPOSE)
    assert await list_link_troubles(connection, configuration) == []
