"""Mails of notifications without links are said by `jobrunner status`."""

from jobrunner.config import Configuration
from jobrunner.queue.overview import overview
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.notifications.conftest import Database


async def told(database: Database, configuration: Configuration) -> list[str]:
    async with database.connect() as connection:
        found = (await overview(connection, configuration)).exceptions
        return [one.sentence for one in found if one.code == "ServiceTrouble"]


async def test_that_mails_have_no_links_is_said_once_some_went_out(database: Database):
    nowhere, somewhere = Configuration(), Configuration(site_url="https://crm.example.com")
    await database.user("Ann")
    await database.all_on()
    await database.due("ann")
    assert await told(database, nowhere) == []
    async with ScriptedServer() as server:
        await database.send(server)
    (sentence,) = await told(database, nowhere)
    assert sentence.startswith("mails of notifications have had no links to their records")
    assert await told(database, somewhere) == []

    await database.run("INSERT INTO jobrunner.portal_user (user_id, site_url) VALUES ('ann', 'https://p.example.com')")
    assert await told(database, nowhere) == [], "those of a portal have an address of their own"
