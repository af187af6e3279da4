"""Records from Python: what is stored, and what is refused with a sentence."""

from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest

from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.records import (
    add_call,
    add_meeting,
    add_task,
    add_user,
    move,
    plan,
    remove,
    set_acceptance,
    set_reminders,
    set_status,
)

Connection = asyncpg.Connection  # type: ignore[type-arg]
SOON = datetime(2099, 5, 1, 12, tzinfo=UTC)


async def row(connection: Any, table: str, id: str) -> dict[str, Any]:
    return dict(await connection.fetchrow(f"SELECT * FROM jobrunner.{table} WHERE id = $1", id))


async def test_a_user_is_stored(connection: Connection):
    id = await add_user(
        connection,
        "Ann",
        "ann@example.org",
        time_zone="Asia/Tokyo",
        language="de_AT",
        active=False,
        default_reminders=[("Email", 60)],
        default_reminders_task=[("Popup", 0)],
    )

    stored = await row(connection, "app_user", id)
    assert stored.pop("created_at")
    assert stored == {
        "id": id,
        "name": "Ann",
        "email": "ann@example.org",
        "time_zone": "Asia/Tokyo",
        "language": "de_AT",
        "active": False,
        "default_reminders": '[{"type": "Email", "seconds": 60}]',
        "default_reminders_task": '[{"type": "Popup", "seconds": 0}]',
    }


async def test_ids_may_be_the_callers_own(connection: Connection):
    assert await add_user(connection, "Ann", None, id="u-ann") == "u-ann"
    assert await add_meeting(connection, "x", SOON, assigned_user="u-ann", id="m 1/2") == "m 1/2"
    with pytest.raises(Conflict, match=r"there is one already: Key \(id\)=\(u-ann\)"):
        await add_user(connection, "Ann", None, id="u-ann")


async def test_events_take_a_moment_or_all_day(connection: Connection):
    meeting = await row(connection, "meeting", await add_meeting(connection, "x", SOON, end=SOON))
    call = await row(connection, "call", await add_call(connection, "x", date(2099, 5, 1)))
    task = await row(connection, "task", await add_task(connection, "x", date(2099, 5, 1), start=SOON))

    assert (meeting["date_start"], meeting["date_end"], meeting["is_all_day"]) == (SOON, SOON, False)
    assert (call["date_start"], call["date_start_date"], call["is_all_day"]) == (None, date(2099, 5, 1), True)
    assert (task["date_start"], task["date_end_date"], task["is_all_day"]) == (SOON, date(2099, 5, 1), True)


async def test_a_meeting_that_is_refused_leaves_nothing(connection: Connection):
    with pytest.raises(InvalidInput, match="it refers to what is not there"):
        await add_meeting(connection, "x", SOON, attendees=["nobody"])

    assert await connection.fetchval("SELECT count(*) FROM jobrunner.meeting") == 0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"time_zone": "Mars/Olympus"}, "no time zone"),
        ({"time_zone": "Europe/Berln"}, "did you mean Europe/Berlin"),
        ({"time_zone": "EST5EDT"}, "the time zone must be named after a region and a city"),
        ({"email": "ann"}, "the email must be an address"),
        ({"email": "a@b>\r\nRCPT TO:<x@y"}, "the email must be an address"),
        ({"email": "a b@example.org"}, "the email must be an address"),
        ({"language": "English"}, "the language must be a tag"),
        ({"name": "x" * 256}, "the value breaks the rule app_user_name_check"),
        ({"name": "x\0"}, "the value cannot be stored"),
        ({"default_reminders": [("Letter", 60)]}, "a reminder is an Email or a Popup, got 'Letter'"),
        ({"default_reminders": [("Email", -1)]}, "a whole number of seconds before the start, 0 to 31622400, got -1"),
        ({"default_reminders": [("Email", 1.5)]}, "got 1.5"),
        ({"default_reminders": [("Email", True)]}, "got True"),
        ({"default_reminders": [("Email", 60)] * 11}, "may have 10 reminders, got 11"),
    ],
)
async def test_what_is_no_user_is_refused(connection: Connection, values: dict[str, Any], sentence: str):
    """F35, H04."""
    with pytest.raises(InvalidInput, match=sentence):
        await add_user(connection, **({"name": "Ann", "email": "ann@example.org"} | values))
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.app_user") == 0


async def test_what_is_no_event_is_refused(connection: Connection):
    with pytest.raises(InvalidInput, match="start needs a time zone"):
        await add_meeting(connection, "x", datetime(2099, 5, 1))
    with pytest.raises(InvalidInput, match="the start must be a moment or, for all day, a date"):
        await add_meeting(connection, "x", None)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="reminders are of a Meeting, a Call or a Task, got 'Lead'"):
        await plan(connection, "Lead", "1")  # type: ignore[arg-type]
    meeting = await add_meeting(connection, "x", SOON)
    with pytest.raises(InvalidInput, match="the value cannot be stored: invalid input value for enum"):
        await set_status(connection, "Meeting", meeting, "Completed")
    with pytest.raises(InvalidInput, match="got 'Fax'"):
        await set_reminders(connection, "Meeting", meeting, [("Fax", 1)])  # type: ignore[list-item]


async def test_what_is_not_there_is_named(connection: Connection):
    with pytest.raises(NotFound, match="there is no Meeting 7"):
        await move(connection, "Meeting", "7", SOON)
    with pytest.raises(NotFound, match="there is no Task 7"):
        await remove(connection, "Task", "7")
    with pytest.raises(NotFound, match="user 8 takes no part in Call 7"):
        await set_acceptance(connection, "Call", "7", "8", "Declined")


async def test_it_is_written_in_the_callers_transaction(connection: Connection):
    transaction = connection.transaction()
    await transaction.start()
    await add_meeting(connection, "x", SOON)
    await transaction.rollback()

    assert await connection.fetchval("SELECT count(*) FROM jobrunner.meeting") == 0
