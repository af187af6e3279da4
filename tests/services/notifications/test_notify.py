"""Adding notifications: what is refused, when their job comes, that nothing waits for another transaction."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from jobrunner.errors import InvalidInput
from jobrunner.services.notifications import notify
from tests.services.notifications.conftest import Database

GRID = timedelta(milliseconds=250)


@pytest.fixture(autouse=True)
async def people(database: Database) -> None:
    for name in ("Ann", "Bob"):
        await database.user(name)


async def test_the_job_comes_when_the_delay_ends(database: Database):
    await database.notify("ann")
    ((due, created),) = await database.rows("next_attempt_at", "created_at")
    assert due - created == timedelta(seconds=30)
    ((name, queue, at, status),) = await database.jobs()
    assert (name, queue, status) == ("SendEmailNotifications", "main", "Pending")
    assert timedelta(0) <= at - due <= GRID


@pytest.mark.parametrize("delay", [0, 5, 18000])
async def test_the_delay_is_a_setting(database: Database, delay: int):
    await database.set(email_notifications_delay=delay)
    await database.notify("ann")
    assert await database.rows("next_attempt_at - created_at") == [(timedelta(seconds=delay),)]


@pytest.mark.parametrize("value", ['"soon"', "-3", "123456", "null", "[1]"])
async def test_a_setting_broken_by_hand_is_the_default(database: Database, value: str):
    """The longest is ten times the longest that can be set."""
    await database.run(
        "INSERT INTO jobrunner.setting (name, value) VALUES ('email_notifications_delay', $1::text::jsonb)", value
    )
    await database.notify("ann")
    assert await database.rows("next_attempt_at - created_at") == [(timedelta(seconds=30),)]


async def test_many_of_one_moment_share_a_job(database: Database):
    async with database.connect() as connection:
        await connection.execute(
            "INSERT INTO jobrunner.notification (user_id, type, created_at)"
            " SELECT n::text, 'Post', now() FROM generate_series(1, 1000) AS n"
        )
        moment = await connection.fetchval("SELECT min(created_at) FROM jobrunner.notification")
        await connection.execute(
            "INSERT INTO jobrunner.notification (user_id, type, created_at) VALUES ('x', 'Post', $1)", moment
        )
    assert len(await database.jobs()) == 1


async def test_an_assignment_is_mailed_at_once_by_a_job_of_its_own(database: Database):
    async with database.connect() as connection, connection.transaction():
        for user in ("ann", "bob"):
            await notify(connection, user, "Assignment", parent=("Task", "t1"))
    assert await database.rows("next_attempt_at - created_at") == [(timedelta(0),)] * 2
    ((name, queue, at, _),) = await database.jobs()
    assert (name, queue) == ("SendAssignmentEmails", "e0")
    assert at <= await database.run("SELECT now()")


async def test_it_is_part_of_the_transaction(database: Database):
    async with database.connect() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await notify(connection, "ann", "Post")
        await transaction.rollback()
    assert await database.rows("number") == []
    assert await database.jobs() == []


async def test_two_transactions_that_notify_at_once_do_not_wait_for_each_other(database: Database):
    """Neither for the job of the same moment."""
    async with database.connect() as one, database.connect() as other, one.transaction():
        moment = await one.fetchval("SELECT now()")
        insert = "INSERT INTO jobrunner.notification (user_id, type, created_at) VALUES ('x', 'Post', $1)"
        await one.execute(insert, moment)
        async with asyncio.timeout(5), other.transaction():
            await other.execute(insert, moment)
    assert len(await database.rows("number")) == 2


async def test_what_is_imported_as_done_wakes_nobody(database: Database):
    await database.run(
        "INSERT INTO jobrunner.notification (user_id, type, read, mail, finished_at, mail_reason)"
        " VALUES ('x', 'Post', true, 'Skipped', now(), 'imported')"
    )
    assert await database.jobs() == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"type": "no word"}, "the type of a notification is a word"),
        ({"type": ""}, "the type of a notification is a word"),
        ({"parent": ("Case", "")}, "breaks the rule"),
        ({"parent": ("Case", "x" * 65)}, "breaks the rule"),
        ({"parent": ("<b>", "1")}, "the type of a record is a word"),
        ({"parent": None, "parent_name": "Printer"}, "a name and a path belong to a record"),
        ({"parent_path": "javascript:alert(1)"}, "a path begins with /"),
        ({"parent_path": "/a\nb"}, "a path begins with /"),
        ({"related": ("Note", "")}, "breaks the rule"),
        ({"type": "Assignment", "parent": None, "parent_name": None}, "an assignment is of a record"),
        ({"data": ["x"]}, "must be an object"),
        ({"data": {"post": "a\0b"}}, "the value cannot be stored"),
    ],
)
async def test_what_is_refused(database: Database, values: dict[str, Any], sentence: str):
    """H17: a path can lead nowhere but into the site."""
    given: dict[str, Any] = {"type": "Post", "data": {}, "parent": ("Case", "c1")} | values
    async with database.connect() as connection:
        with pytest.raises(InvalidInput, match=sentence):
            await notify(connection, "ann", given.pop("type"), given.pop("data"), **given)


async def test_nobody_is_notified_who_is_no_user(database: Database):
    """The caller's transaction goes on as if nothing had been asked, where it wants to."""
    async with database.connect() as connection, connection.transaction():
        with pytest.raises(InvalidInput, match="there is no user 'dan' who could be notified: give the id of one in"):
            await notify(connection, "dan", "Assignment", parent=("Task", "t1"))
        assert await connection.fetchval("SELECT jobrunner.notify('dan', 'Post')") is None
        await notify(connection, "ann", "Post")
    assert await database.rows("user_id") == [("ann",)]
    assert len(await database.jobs()) == 1


async def test_in_sql(database: Database):
    number = await database.run(
        "SELECT jobrunner.notify('ann', 'Post', '{\"post\": \"Hello\"}', parent_type => 'Case', parent_id => '7')"
    )
    assert await database.rows("number", "user_id", "type", "parent_type", "parent_id") == [
        (number, "ann", "Post", "Case", "7")
    ]
    with pytest.raises(asyncpg.CheckViolationError):
        await database.run("SELECT jobrunner.notify('ann', 'Post', parent_type => 'Case')")
