"""jobrunner.plan_reminders(): which reminders a record has, and how they follow it."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import asyncpg
import pytest

from jobrunner.services.records import (
    add_call,
    add_task,
    invite,
    move,
    plan,
    remove,
    set_acceptance,
    set_reminders,
    set_status,
)
from tests.services.reminders.conftest import Database

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


async def test_each_attendee_has_a_row_for_each_reminder_and_a_job_for_its_moment(database: Database):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    start = await database.ahead(hours=3)
    meeting = await database.meeting(
        start, attendees=[ann, bob], reminders=[("Email", 3600), ("Email", 600), ("Popup", 0)]
    )

    assert await database.reminders(
        "user_id", "type", "seconds", "remind_at", "next_attempt_at", "start_at", "state"
    ) == [
        (ann, "Email", 3600, start - HOUR, start - HOUR, start, "Waiting"),
        (bob, "Email", 3600, start - HOUR, start - HOUR, start, "Waiting"),
        (ann, "Email", 600, start - 10 * MINUTE, start - 10 * MINUTE, start, "Waiting"),
        (bob, "Email", 600, start - 10 * MINUTE, start - 10 * MINUTE, start, "Waiting"),
        (ann, "Popup", 0, start, start, start, "Waiting"),
        (bob, "Popup", 0, start, start, start, "Waiting"),
    ]
    assert {row for (row,) in await database.reminders("entity_type || '/' || entity_id")} == {f"Meeting/{meeting}"}
    assert await database.wakes() == [start - HOUR, start - 10 * MINUTE]


async def test_planning_again_changes_nothing(database: Database):
    ann = await database.user()
    meeting = await database.meeting(await database.ahead(hours=3), attendees=[ann])
    before = await database.reminders("*"), await database.wakes()

    async with database.connect() as connection:
        assert await plan(connection, "Meeting", meeting) == 1

    assert (await database.reminders("*"), await database.wakes()) == before


async def test_a_moved_meeting_takes_its_reminders_along(database: Database):
    ann = await database.user()
    start = await database.ahead(hours=3)
    meeting = await database.meeting(start, attendees=[ann])
    for moved_to in (start + 24 * HOUR, start - HOUR):
        async with database.connect() as connection:
            await move(connection, "Meeting", meeting, moved_to)
        assert await database.reminders("remind_at", "start_at") == [(moved_to - 10 * MINUTE, moved_to)]
        assert moved_to - 10 * MINUTE in await database.wakes()


async def test_a_moment_that_stays_gets_the_new_start(database: Database):
    ann = await database.user()
    start = await database.ahead(hours=3)
    meeting = await database.meeting(start, attendees=[ann], reminders=[("Email", 600)])
    async with database.connect() as connection, connection.transaction():
        await move(connection, "Meeting", meeting, start + 20 * MINUTE)
        await set_reminders(connection, "Meeting", meeting, [("Email", 1800)])

    assert await database.reminders("remind_at", "start_at", "seconds") == [
        (start - 10 * MINUTE, start + 20 * MINUTE, 1800)
    ]


@pytest.mark.parametrize("done", ["Held", "Not Held"])
async def test_what_is_over_has_no_reminders_and_gets_them_back_when_reopened(database: Database, done: str):
    ann = await database.user()
    meeting = await database.meeting(await database.ahead(hours=3), attendees=[ann])
    async with database.connect() as connection:
        await set_status(connection, "Meeting", meeting, done)
        assert await database.reminders("id") == []
        await set_status(connection, "Meeting", meeting, "Planned")
    assert len(await database.reminders("id")) == 1


@pytest.mark.parametrize(("status", "expected"), [("Started", 1), ("Deferred", 1), ("Completed", 0), ("Canceled", 0)])
async def test_tasks_count_from_when_they_are_due(database: Database, status: str, expected: int):
    ann = await database.user(default_reminders=[("Email", 60)], default_reminders_task=[("Email", 3600)])
    due = await database.ahead(hours=5)
    async with database.connect() as connection:
        task = await add_task(connection, "Report", due, start=due - 4 * HOUR, assigned_user=ann)
        assert await database.reminders("remind_at", "start_at") == [(due - HOUR, due)]
        await set_status(connection, "Task", task, status)
        assert len(await database.reminders("id")) == expected
        await add_task(connection, "Some day", None, assigned_user=ann)
    assert len(await database.reminders("id")) == expected


async def test_a_call_is_like_a_meeting(database: Database):
    ann = await database.user(default_reminders=[("Email", 300)])
    start = await database.ahead(hours=1)
    async with database.connect() as connection:
        call = await add_call(connection, "Ring", start, assigned_user=ann)
        assert await database.reminders("entity_type", "entity_id", "remind_at") == [("Call", call, start - 5 * MINUTE)]
        await remove(connection, "Call", call)
    assert await database.reminders("id") == []


async def test_who_declines_is_not_reminded_and_who_changes_their_mind_is(database: Database):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    meeting = await database.meeting(await database.ahead(hours=3), attendees=[ann, bob])
    async with database.connect() as connection:
        await set_acceptance(connection, "Meeting", meeting, ann, "Declined")
        assert await database.reminders("user_id") == [(bob,)]
        for answer in ("Tentative", "None", "Accepted"):
            await set_acceptance(connection, "Meeting", meeting, ann, answer)  # type: ignore[arg-type]
            assert await database.reminders("user_id") == [(ann,), (bob,)]


async def test_if_all_decline_nobody_is_reminded_not_even_whom_it_is_assigned_to(database: Database):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    meeting = await database.meeting(await database.ahead(hours=3), attendees=[ann], assigned_user=bob)
    async with database.connect() as connection:
        await set_acceptance(connection, "Meeting", meeting, ann, "Declined")
    assert await database.reminders("id") == []


async def test_without_attendees_whom_it_is_assigned_to_is_reminded(database: Database):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    meeting = await database.meeting(await database.ahead(hours=3), assigned_user=ann)
    assert await database.reminders("user_id") == [(ann,)]

    await database.run("UPDATE jobrunner.meeting SET assigned_user_id = $1", bob)
    assert await database.reminders("user_id") == [(bob,)]

    async with database.connect() as connection:
        await invite(connection, "Meeting", meeting, ann)
    assert await database.reminders("user_id") == [(ann,)]


async def test_one_more_attendee_leaves_the_rows_of_the_others_alone(database: Database):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    meeting = await database.meeting(await database.ahead(hours=3), attendees=[ann])
    before = await database.reminders("*")
    async with database.connect() as connection:
        await invite(connection, "Meeting", meeting, bob, ann)

    assert await database.reminders("*", where=f"user_id = '{ann}'") == before
    assert len(await database.reminders("id", where=f"user_id = '{bob}'")) == 1


async def test_deleting_records_and_users_removes_their_reminders(database: Database):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    meeting = await database.meeting(await database.ahead(hours=3), attendees=[ann, bob])
    await database.run("DELETE FROM jobrunner.app_user WHERE id = $1", ann)
    assert await database.reminders("user_id") == [(bob,)]

    await database.run("DELETE FROM jobrunner.meeting WHERE id = $1", meeting)
    assert await database.reminders("id") == []
    for table in ("attendee", "reminder_list", "reminder_plan"):
        assert await database.run(f"SELECT count(*) FROM jobrunner.{table}") == 0


async def test_a_users_own_list_goes_before_that_of_the_record_and_that_before_the_default(database: Database):
    ann = await database.user(default_reminders=[("Email", 60)])
    start = await database.ahead(hours=3)
    meeting = await database.meeting(start, attendees=[ann], reminders=None)

    async def seconds() -> list[Any]:
        return [row for (row,) in await database.reminders("seconds")]

    assert await seconds() == [60]
    async with database.connect() as connection:
        await set_reminders(connection, "Meeting", meeting, [("Email", 120)])
        assert await seconds() == [120]
        await set_reminders(connection, "Meeting", meeting, [("Email", 300)], user=ann)
        assert await seconds() == [300]
        await set_reminders(connection, "Meeting", meeting, [], user=ann)
        assert await seconds() == []
        await set_reminders(connection, "Meeting", meeting, None, user=ann)
        assert await seconds() == [120]
        await set_reminders(connection, "Meeting", meeting, None)
        assert await seconds() == [60]


# The past


async def test_of_several_moments_the_past_ones_are_not_stored(database: Database):
    ann = await database.user()
    start = await database.ahead(minutes=30)
    await database.meeting(start, attendees=[ann], reminders=[("Email", 86400), ("Email", 3600), ("Email", 600)])

    assert await database.reminders("seconds", "remind_at") == [(600, start - 10 * MINUTE)]


async def test_if_all_are_past_there_is_one_of_a_type_for_now(database: Database):
    ann = await database.user()
    start = await database.ahead(minutes=30)
    await database.meeting(
        start, attendees=[ann], reminders=[("Email", 86400), ("Email", 3600), ("Popup", 3600), ("Popup", 60)]
    )

    rows = await database.reminders("type", "seconds", "remind_at", "start_at")
    now = await database.now()
    assert [(row[0], row[1], row[3]) for row in rows] == [("Email", None, start), ("Popup", 60, start)]
    assert now - MINUTE < rows[0][2] <= now
    assert await database.wakes() == [rows[0][2]]


async def test_moved_nearer_it_is_reminded_of_at_once(database: Database):
    ann = await database.user()
    start = await database.ahead(hours=3)
    meeting = await database.meeting(start, attendees=[ann], reminders=[("Email", 3600)])
    async with database.connect() as connection:
        await move(connection, "Meeting", meeting, start - timedelta(hours=2, minutes=30))

    ((seconds, remind_at),) = await database.reminders("seconds", "remind_at")
    assert seconds is None
    assert remind_at <= await database.now()


async def test_of_what_has_begun_nobody_is_reminded(database: Database):
    ann = await database.user()
    await database.meeting(await database.ahead(minutes=-1), attendees=[ann])

    assert await database.reminders("id") == []


async def test_who_was_reminded_is_not_reminded_again_when_it_is_saved_again(database: Database):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    start = await database.ahead(minutes=5)
    meeting = await database.meeting(start, attendees=[ann], reminders=[("Email", 600)])
    await database.run("UPDATE jobrunner.reminder SET state = 'Sent', finished_at = now()")
    async with database.connect() as connection:
        await invite(connection, "Meeting", meeting, bob)
        await set_reminders(connection, "Meeting", meeting, [("Email", 900), ("Email", 1800)])
    assert await database.reminders("user_id", where="state = 'Waiting'") == [(bob,)]

    async with database.connect() as connection:
        await move(connection, "Meeting", meeting, start + MINUTE)
    assert await database.reminders("user_id", "seconds", where="state = 'Waiting'") == [(ann, None), (bob, None)]


async def test_a_row_that_is_due_or_waits_for_its_next_attempt_stays_when_it_is_planned_again(database: Database):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    start = await database.ahead(minutes=20)
    meeting = await database.meeting(start, attendees=[ann], reminders=[("Email", 600), ("Email", 60)])
    await database.turn_clock(meeting, 15 * 60)
    for change in ("", "attempt_count = 1, next_attempt_at = now() + interval '1 minute', "):
        await database.run(f"UPDATE jobrunner.reminder SET {change} doubt_count = 0 WHERE seconds = 600")
        before = await database.reminders("*", where=f"user_id = '{ann}'")
        async with database.connect() as connection:
            await invite(connection, "Meeting", meeting, bob)
            await set_acceptance(connection, "Meeting", meeting, bob, "Tentative")
        assert await database.reminders("*", where=f"user_id = '{ann}'") == before
    assert await database.reminders("seconds", where=f"user_id = '{bob}'") == [(60,)]


# Days and zones


async def test_all_day_begins_at_each_ones_own_midnight(database: Database):
    tokyo, apia = await database.user("T", time_zone="Asia/Tokyo"), await database.user("A", time_zone="Pacific/Apia")
    day = (await database.now()).date() + timedelta(days=3)
    await database.meeting(day, attendees=[tokyo, apia], reminders=[("Email", 3600)])  # type: ignore[arg-type]

    starts = dict(await database.reminders("user_id", "start_at"))
    assert starts == {
        tokyo: datetime.combine(day, time(), ZoneInfo("Asia/Tokyo")),
        apia: datetime.combine(day, time(), ZoneInfo("Pacific/Apia")),
    }


@pytest.mark.parametrize(
    ("zone", "day", "midnight"),
    [
        ("Europe/Berlin", date(2027, 3, 28), "2027-03-27T23:00Z"),
        ("Europe/Berlin", date(2027, 3, 29), "2027-03-28T22:00Z"),
        ("Europe/Berlin", date(2027, 10, 31), "2027-10-30T22:00Z"),
        ("Europe/Berlin", date(2027, 11, 1), "2027-10-31T23:00Z"),
        ("Australia/Lord_Howe", date(2027, 4, 5), "2027-04-04T13:30Z"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00Z"),  # there was no midnight: the day began at one
        ("Mars/Olympus", date(2027, 1, 1), "2027-01-01T00:00Z"),
    ],
)
async def test_midnight_is_right_on_days_that_change_the_clock(
    connection: "asyncpg.Connection[Any]", zone: str, day: date, midnight: str
):
    """F31."""
    found = await connection.fetchval("SELECT jobrunner.local_midnight($1, $2)", day, zone)

    assert found == datetime.fromisoformat(midnight).astimezone(UTC)


async def test_who_moves_to_another_zone_has_another_midnight(database: Database):
    ann = await database.user(time_zone="UTC")
    day = (await database.now()).date() + timedelta(days=3)
    await database.meeting(day, attendees=[ann])  # type: ignore[arg-type]
    await database.run("UPDATE jobrunner.app_user SET time_zone = 'Asia/Tokyo'")

    start = datetime.combine(day, time(), ZoneInfo("Asia/Tokyo"))
    assert await database.reminders("start_at", "remind_at") == [(start, start - 10 * MINUTE)]


async def test_every_zone_with_an_area_can_be_chosen(connection: "asyncpg.Connection[Any]"):
    zones = [name for name in available_timezones() if "/" in name]
    known = await connection.fetch(
        "SELECT z FROM unnest($1::text[]) AS z WHERE z IN (SELECT name FROM pg_catalog.pg_timezone_names)", zones
    )
    refused = await connection.fetch(
        "SELECT z FROM unnest($1::text[]) AS z WHERE NOT jobrunner.is_time_zone(z)", [row["z"] for row in known]
    )
    assert len(known) > 400
    assert refused == []


@pytest.mark.parametrize("name", ["Mars/Olympus", "PST", "UTC+3", "Foo+3", "", "localtime", "Europe/Berlin;"])
async def test_what_is_no_zone_is_refused(connection: "asyncpg.Connection[Any]", name: str):
    """F35."""
    with pytest.raises(asyncpg.CheckViolationError, match="time_zone_is_known"):
        await connection.execute("INSERT INTO jobrunner.app_user (name, time_zone) VALUES ('x', $1)", name)


# Lists


@pytest.mark.parametrize(
    "refused",
    [
        "{}",
        "1",
        '["Email"]',
        '[{"type": "Email"}]',
        '[{"seconds": 60}]',
        '[{"type": "Letter", "seconds": 60}]',
        '[{"type": "Email", "seconds": -1}]',
        '[{"type": "Email", "seconds": 1.5}]',
        '[{"type": "Email", "seconds": "60"}]',
        '[{"type": "Email", "seconds": 99999999999999999999}]',
        '[{"type": "Email", "seconds": 31622401}]',
        '[{"type": "Email", "seconds": null}]',
        '[{"type": "Email", "seconds": 60, "to": "eve"}]',
        "[" + ", ".join(['{"type": "Email", "seconds": 60}'] * 11) + "]",
    ],
)
async def test_a_wrong_list_is_refused_in_sql_too(connection: "asyncpg.Connection[Any]", refused: str):
    with pytest.raises(asyncpg.CheckViolationError, match="reminders_are_a_list"):
        await connection.execute(
            "INSERT INTO jobrunner.reminder_list VALUES ('Meeting', '1', NULL, $1::jsonb)", refused
        )


async def test_the_same_reminder_twice_is_one(database: Database):
    ann = await database.user()
    await database.meeting(
        await database.ahead(hours=3), attendees=[ann], reminders=[("Email", 60), ("Email", 60), ("Popup", 60)]
    )

    assert await database.reminders("type") == [("Email",), ("Popup",)]


@pytest.mark.parametrize("entity_type", ["Lead", "meeting", "", None])
async def test_other_records_have_no_reminders(connection: "asyncpg.Connection[Any]", entity_type: str | None):
    with pytest.raises(asyncpg.InvalidParameterValueError, match="reminders are of a Meeting, a Call or a Task"):
        await connection.execute("SELECT jobrunner.plan_reminders($1, '1')", entity_type)


async def test_a_record_that_is_not_there_has_none(connection: "asyncpg.Connection[Any]"):
    assert await connection.fetchval("SELECT jobrunner.plan_reminders('Meeting', 'nowhere')") == 0
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.reminder_plan") == 0


# Waking


async def test_records_of_the_same_moment_share_a_job(database: Database):
    ann = await database.user()
    start = await database.ahead(hours=3)
    for _ in range(5):
        await database.meeting(start, attendees=[ann])

    assert await database.wakes() == [start - 10 * MINUTE]


async def test_a_job_about_to_start_is_not_relied_on(database: Database):
    """It may have looked before the transaction commits that relies on it."""
    ann = await database.user()
    start = await database.ahead(minutes=10, seconds=2)
    for _ in range(2):
        await database.meeting(start, attendees=[ann])

    assert await database.wakes() == [start - 10 * MINUTE] * 2


async def test_a_transaction_that_is_rolled_back_leaves_nothing(database: Database):
    ann = await database.user()
    async with database.connect() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO jobrunner.meeting (id, name, date_start, assigned_user_id)"
            " VALUES ('m', 'x', now() + interval '1 hour', $1)",
            ann,
        )
        await connection.execute(
            "INSERT INTO jobrunner.reminder_list VALUES ('Meeting', 'm', NULL, $1::jsonb)",
            '[{"type": "Email", "seconds": 60}]',
        )
        assert await connection.fetchval("SELECT count(*) FROM jobrunner.reminder") == 1
        await transaction.rollback()

    assert await database.reminders("id") == []
    assert await database.wakes() == []


# At the same time


async def blocked(database: Database) -> bool:
    waiting: bool = await database.run(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock')"
    )
    return waiting


async def until_blocked(database: Database) -> None:
    async with asyncio.timeout(10):
        while not await blocked(database):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("first", ["move", "leave"])
async def test_two_who_change_one_record_plan_one_after_the_other(database: Database, first: str):
    """Stepped: one moves the meeting, another takes an attendee out; whoever commits last sees both."""
    ann, bob = await database.user("Ann"), await database.user("Bob")
    start = await database.ahead(hours=3)
    meeting = await database.meeting(start, attendees=[ann, bob])
    changes = {
        "move": ("UPDATE jobrunner.meeting SET date_start = $1", start + HOUR),
        "leave": ("DELETE FROM jobrunner.attendee WHERE user_id = $1", bob),
    }
    second = "leave" if first == "move" else "move"
    async with database.connect() as one, database.connect() as other:
        transaction = one.transaction()
        await transaction.start()
        await one.execute(*changes[first])
        late = asyncio.create_task(other.execute(*changes[second]))
        await until_blocked(database)
        await transaction.commit()
        await late

    assert await database.reminders("user_id", "start_at") == [(ann, start + HOUR)]
    assert await database.run("SELECT count(*) FROM jobrunner.attendee WHERE entity_id = $1", meeting) == 1


async def test_two_records_of_the_same_moment_do_not_wait_for_each_other(database: Database):
    ann = await database.user()
    start = await database.ahead(hours=3)
    statement = "INSERT INTO jobrunner.meeting (name, date_start, assigned_user_id) VALUES ('x', $1, $2)"
    await database.run("""UPDATE jobrunner.app_user SET default_reminders = '[{"type": "Email", "seconds": 600}]'""")
    async with database.connect() as one, database.connect() as other:
        transaction = one.transaction()
        await transaction.start()
        await one.execute(statement, start, ann)
        async with asyncio.timeout(5):
            await other.execute(statement, start, ann)
        await transaction.commit()

    assert len(await database.reminders("id")) == 2
    assert set(await database.wakes()) == {start - 10 * MINUTE}


# Views of an application in place of our tables


async def test_views_over_an_applications_own_tables(database: Database):
    async with database.connect() as connection:
        await connection.execute(
            """
            CREATE SCHEMA shop;
            CREATE TABLE shop.person (key uuid PRIMARY KEY, label varchar(50), mail varchar(200), zone varchar(40));
            CREATE TABLE shop.appointment (
                key uuid PRIMARY KEY, title varchar(50), at timestamptz, state varchar(20), owner uuid
            );
            DROP TABLE jobrunner.app_user, jobrunner.meeting, jobrunner.attendee, jobrunner.reminder_list CASCADE;
            CREATE VIEW jobrunner.app_user AS
            SELECT key::text AS id, label AS name, mail AS email, zone AS time_zone, 'en' AS language, true AS active,
                '[{"type": "Email", "seconds": 900}]'::jsonb AS default_reminders, '[]'::jsonb AS default_reminders_task
            FROM shop.person;
            CREATE VIEW jobrunner.meeting AS
            SELECT key::text AS id, title AS name, at AS date_start, NULL::date AS date_start_date, state AS status,
                owner::text AS assigned_user_id, false AS deleted
            FROM shop.appointment;
            CREATE VIEW jobrunner.attendee AS
            SELECT NULL::text AS entity_type, NULL::text AS entity_id, NULL::text AS user_id, NULL::text AS status
            WHERE false;
            CREATE VIEW jobrunner.reminder_list AS
            SELECT NULL::text AS entity_type, NULL::text AS entity_id, NULL::text AS user_id, NULL::jsonb AS reminders
            WHERE false;
            INSERT INTO shop.person VALUES ('00000000-0000-0000-0000-000000000001', 'Ann', 'a@example.org', 'Nowhere');
            INSERT INTO shop.appointment
            VALUES ('00000000-0000-0000-0000-00000000000a', 'Fitting', now() + interval '1 hour', 'Planned',
                '00000000-0000-0000-0000-000000000001');
            """
        )
        assert await plan(connection, "Meeting", "00000000-0000-0000-0000-00000000000a") == 1
        await connection.execute("UPDATE shop.appointment SET state = 'Held'")
        assert await plan(connection, "Meeting", "00000000-0000-0000-0000-00000000000a") == 0
