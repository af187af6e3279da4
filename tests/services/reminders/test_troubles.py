"""E-mail reminders that are due and that nobody takes up are said by `jobrunner status`."""

from typing import Any

from jobrunner.config import Configuration
from jobrunner.queue.overview import overview
from jobrunner.queue.settings import set_setting
from jobrunner.services.records import add_meeting, add_user
from jobrunner.services.reminders.troubles import list_reminder_troubles


async def test_reminders_that_nobody_takes_up_are_a_trouble(connection: Any):
    ann = await add_user(connection, "Ann", "ann@example.org")
    start = await connection.fetchval("SELECT now() + interval '2 hours'")
    await add_meeting(connection, "Budget", start, attendees=[ann], reminders=[("Email", 3600)])
    assert await list_reminder_troubles(connection) == []
    await connection.execute("UPDATE jobrunner.reminder SET next_attempt_at = now() - interval '6 minutes'")

    (told,) = await list_reminder_troubles(connection)
    assert told.startswith("1 e-mail reminder should have gone since 20")
    assert "SendEmailReminders did not take them up" in told

    await set_setting(connection, "paused", True, "ada")
    assert [one.code for one in (await overview(connection)).exceptions] == ["Paused", "NoDaemon"]
    await set_setting(connection, "paused", False, "ada")

    await connection.execute("UPDATE jobrunner.reminder SET reason = 'the account is paused'")
    assert await list_reminder_troubles(connection) == [], "of that the account tells"
    await connection.execute("UPDATE jobrunner.reminder SET reason = NULL, start_at = now() - interval '2 hours'")
    assert await list_reminder_troubles(connection) == [], "too late: it is missed, and says so itself"


async def test_that_mails_have_no_links_is_said_once_some_went_out(connection: Any):
    ann = await add_user(connection, "Ann", "ann@example.org")
    start = await connection.fetchval("SELECT now() + interval '2 hours'")
    await add_meeting(connection, "Budget", start, attendees=[ann], reminders=[("Email", 3600)])
    nowhere, somewhere = Configuration(), Configuration(site_url="https://crm.example.com")

    async def told(configuration: Configuration) -> list[str]:
        found = (await overview(connection, configuration)).exceptions
        return [one.sentence for one in found if one.code == "ServiceTrouble"]

    assert await told(nowhere) == []
    await connection.execute("UPDATE jobrunner.reminder SET state = 'Sent', finished_at = now()")
    (sentence,) = await told(nowhere)
    assert sentence.startswith("e-mail reminders have had no links to their records")
    assert "JOBRUNNER_SITE_URL" in sentence
    assert await told(somewhere) == []
