"""What holds services up, as `jobrunner status` says it."""

import pytest

from jobrunner.queue.overview import overview
from jobrunner.services.mail.accounts.state import cool_down, note_failure, note_success, pause, resume
from jobrunner.services.mail.accounts.troubles import list_sending_troubles
from jobrunner.services.mail.imap import Fault
from jobrunner.services.mail.importing.storing.outcome import AccountRef
from jobrunner.services.mailbox.accounts import state as fetching
from jobrunner.services.mailbox.accounts.troubles import list_fetching_troubles


@pytest.fixture
async def news(connection):
    """The key of an account that sends."""
    return str(
        await connection.fetchval(
            """
            INSERT INTO jobrunner.smtp_account (name, kind, host, from_address)
            VALUES ('The News', 'Group', 'mail.example.com', 'news@example.com') RETURNING id
            """
        )
    )


@pytest.fixture
async def info(connection):
    """A mailbox that is read."""
    id = await connection.fetchval(
        """
        INSERT INTO jobrunner.inbound_email (name, email_address, host, username, fetch_since)
        VALUES ('Info', 'info@example.com', 'mail.example.com', 'info', '2026-01-01') RETURNING id
        """
    )
    return AccountRef("Group", id, 1)


async def test_a_refused_login_is_said_with_what_helps(connection, news):
    assert await list_sending_troubles(connection) == []
    await pause(connection, news, "authentication", "535 5.7.8 no")
    assert await list_sending_troubles(connection) == [
        "the SMTP account 'The News' is held back: paused: 535 5.7.8 no; mend it, then "
        "`jobrunner smtp-account test 'The News' --to ADDRESS` ends that"
    ]
    (told,) = [one for one in (await overview(connection)).exceptions if one.code == "ServiceTrouble"]
    assert (told.level, "'The News'" in told.sentence) == ("Warning", True)
    await resume(connection, news)
    assert await list_sending_troubles(connection) == []


async def test_what_passes_by_itself_is_said_with_its_end(connection, news):
    await cool_down(connection, news, "421 too much")
    (cooling,) = await list_sending_troubles(connection)
    assert "cools down until 20" in cooling
    assert cooling.endswith(": 421 too much; it goes on by itself")
    await resume(connection, news)
    await note_failure(connection, news, "refused")
    (away,) = await list_sending_troubles(connection)
    assert "tried again at 20" in away
    await note_success(connection, news)
    assert await list_sending_troubles(connection) == []


async def test_what_a_person_has_ordered_is_no_trouble(connection, news):
    await pause(connection, news, "person", "holiday")
    assert await list_sending_troubles(connection) == []
    await resume(connection, news)
    await pause(connection, news, "quota", "550 5.4.5 enough")
    await connection.execute("UPDATE jobrunner.smtp_account SET status = 'Inactive'")
    assert await list_sending_troubles(connection) == []


async def test_the_account_of_the_configuration(connection):
    await pause(connection, "system", "authentication", "535 no")
    (told,) = await list_sending_troubles(connection)
    assert told.startswith("the SMTP account 'system' is held back: paused")
    # A row takes its place: what was known of the other does not matter any more.
    await connection.execute(
        "INSERT INTO jobrunner.smtp_account (name, kind, host, from_address) VALUES ('S', 'System', 'h', 'a@b.example')"
    )
    assert await list_sending_troubles(connection) == []


async def test_a_mailbox_that_is_not_read(connection, info):
    await fetching.note_failure(connection, info, "no route to host")
    (told,) = await list_fetching_troubles(connection)
    assert told.startswith("the inbound e-mail 'Info' is not read until 20")
    assert told.endswith(": no route to host; it is tried again by itself")
    for _ in range(len(fetching.LOGIN)):
        await fetching.note_failure(connection, info, "LOGIN refused", fault=Fault.LOGIN)
    (told,) = await list_fetching_troubles(connection)
    assert told == (
        "the inbound e-mail 'Info' is not read: paused: LOGIN refused; `jobrunner inbound-email test Info` looks what "
        "is wrong, `jobrunner inbound-email resume Info` ends that"
    )
    await connection.execute("UPDATE jobrunner.inbound_email SET name = '5 % off'")
    (told,) = await list_fetching_troubles(connection)
    assert "`jobrunner inbound-email test '5 % off'` looks" in told
    await fetching.resume(connection, info.kind, info.id)
    await fetching.pause(connection, info.kind, info.id, "holiday")
    assert await list_fetching_troubles(connection) == []


async def test_a_folder_that_is_not_there_is_said_until_a_run_finds_it(connection, info):
    trouble = "the folder Gone: the IMAP server mail.example.com has no such folder; choose one that it lists"
    await fetching.note_success(connection, info, trouble=trouble, folder="Gone")
    assert await list_fetching_troubles(connection) == [f"the inbound e-mail 'Info' is read, but {trouble}"]
    await fetching.note_success(connection, info)
    assert await list_fetching_troubles(connection) == []
