import asyncio

import pytest

from jobrunner.db.connection import Connection
from jobrunner.definitions import Definition, Registry
from jobrunner.scheduling.seed import in_words, seed


def registry_of(**crontabs: str | None) -> Registry:
    async def run() -> None: ...

    registry = Registry()
    for name, crontab in crontabs.items():
        registry.add(Definition(name, run, crontab=crontab))
    return registry


async def names_of(bench) -> list[str]:
    rows = await bench.connection.fetch("SELECT name FROM jobrunner.scheduled_job ORDER BY name")
    return [row["name"] for row in rows]


async def test_each_definition_with_a_crontab_gets_its_scheduled_job(own, bench):
    registry = registry_of(SendEmailReminders="*/2  * * * *", Cleanup="1 1 * * *", ByHand=None)
    assert await seed(own, registry) == ["Cleanup", "Send Email Reminders"]
    [row] = await bench.connection.fetch("SELECT * FROM jobrunner.scheduled_job WHERE job = 'SendEmailReminders'")
    assert (row["crontab"], row["is_default"], row["status"]) == ("*/2 * * * *", True, "Active")
    assert await seed(own, registry) == []


async def test_one_that_was_removed_stays_removed(own, bench):
    registry = registry_of(Cleanup="1 1 * * *")
    await seed(own, registry)
    await bench.connection.fetch("DELETE FROM jobrunner.scheduled_job")
    assert await seed(own, registry) == []
    assert await seed(own, registry_of(Cleanup="1 1 * * *", CheckEmailAccounts="*/1 * * * *")) == [
        "Check Email Accounts"
    ]
    assert await names_of(bench) == ["Check Email Accounts"]


async def test_one_that_was_edited_stays_as_it_is(own, bench):
    registry = registry_of(Cleanup="1 1 * * *")
    await seed(own, registry)
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET crontab = '5 5 * * *', name = 'Sweep'")
    assert await seed(own, registry) == []
    assert await names_of(bench) == ["Sweep"]


async def test_where_all_are_made_nothing_is_written(own, bench, connection):
    """A daemon may start, and a pass of cron begin, while somebody edits in a transaction that stays open."""
    registry = registry_of(Cleanup="1 1 * * *")
    await seed(own, registry)
    edits = "SELECT number FROM jobrunner.revision WHERE topic = 'scheduled_jobs'"
    before = await connection.fetchval(edits)
    async with connection.transaction():
        await connection.execute("UPDATE jobrunner.scheduled_job SET crontab = '5 5 * * *'")
        await own.fetch("SET lock_timeout = '5s'")  # a wait is an error, not a test that hangs
        assert await seed(own, registry) == []
    assert await connection.fetchval(edits) == before + 1  # the edit


async def test_what_a_person_made_before_is_enough(own, bench):
    await bench.schedule(name="Mine", job="Cleanup")
    await bench.schedule(name="Check Email Accounts", job="SomethingElse")
    assert await seed(own, registry_of(Cleanup="1 1 * * *", CheckEmailAccounts="* * * * *")) == ["CheckEmailAccounts"]
    assert await names_of(bench) == ["Check Email Accounts", "CheckEmailAccounts", "Mine"]


async def test_several_daemons_at_once(own, bench, database_url):
    """Each is made once, and nobody fails."""
    registry = registry_of(**{f"Job{letter}": "* * * * *" for letter in "ABCDEFGH"})
    connections = [Connection(database_url, f"seed {number}") for number in range(4)]
    made = await asyncio.gather(*(seed(connection, registry) for connection in connections))
    for connection in connections:
        await connection.close()
    assert sorted(name for names in made for name in names) == [f"Job {letter}" for letter in "ABCDEFGH"]
    assert len(await names_of(bench)) == 8


async def test_a_crontab_that_cannot_be_read_stops_nobody(own, bench, caplog):
    """F33: the others are made, and it is named."""
    assert await seed(own, registry_of(Broken="0 0 30 2 *", Cleanup="1 1 * * *")) == ["Cleanup"]
    assert "Broken" in caplog.text
    assert await seed(own, registry_of(Broken="0 0 28 2 *")) == ["Broken"]


async def test_nothing_to_seed(own):
    assert await seed(own, registry_of(ByHand=None)) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SendEmailReminders", "Send Email Reminders"),
        ("Cleanup", "Cleanup"),
        ("ProcessJobQueueQ0", "Process Job Queue Q0"),
        ("SendSMS", "Send SMS"),
        ("IMAPCheck", "IMAP Check"),
        ("send_greeting", "Send Greeting"),
        ("My.Job-two", "My Job Two"),
    ],
)
def test_names_in_words(name, words):
    assert in_words(name) == words
