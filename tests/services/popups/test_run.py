"""A run: what is due becomes visible once, what is not to be shown ends with a reason."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from jobrunner.services.popups import run
from jobrunner.services.popups.popups import dismiss, open_popups, see, snooze
from jobrunner.services.popups.run import Report, Run
from jobrunner.services.records import add_meeting, add_user, move, remove, set_acceptance
from tests.services.popups.support import lender

PAST = timedelta(hours=24)


@pytest.fixture
async def ann(connection: Any) -> str:
    return await add_user(connection, "Ann", None, time_zone="Europe/Berlin")


async def meet(connection: Any, *users: str, ahead: str = "10 minutes") -> str:
    """A meeting of which its popups are due now."""
    start = await connection.fetchval("SELECT now() + $1::text::interval", ahead)
    return await add_meeting(connection, "Budget", start, attendees=users, reminders=[("Popup", 3600)])


async def states(connection: Any) -> list[tuple[str, str | None]]:
    rows = await connection.fetch("SELECT state::text, reason FROM jobrunner.reminder ORDER BY id")
    return [tuple(row) for row in rows]


async def pass_by(connection: Any, span: str) -> None:
    """Let time pass, for what stands in the table."""
    await connection.execute(
        "UPDATE jobrunner.reminder SET remind_at = remind_at - $1::text::interval,"
        " start_at = start_at - $1::text::interval, next_attempt_at = next_attempt_at - $1::text::interval",
        span,
    )
    await connection.execute("UPDATE jobrunner.meeting SET date_start = date_start - $1::text::interval", span)


async def test_its_moment_queues_the_job(connection: Any, ann: str):
    start = await connection.fetchval("SELECT now() + interval '2 hours'")
    await add_meeting(connection, "Budget", start, attendees=[ann], reminders=[("Popup", 3600), ("Email", 600)])
    rows = await connection.fetch(
        "SELECT name, execute_at FROM jobrunner.job WHERE name LIKE '%Reminders' ORDER BY execute_at"
    )
    assert [tuple(row) for row in rows] == [
        ("SubmitPopupReminders", start - timedelta(hours=1)),
        ("SendEmailReminders", start - timedelta(minutes=10)),
    ]


async def test_seen_then_dismissed_and_never_again(connection: Any, ann: str):
    meeting = await meet(connection, ann)
    report = await Run(lender(connection)).submit()
    assert report.submitted == 1
    assert (await Run(lender(connection)).submit()).submitted == 0
    id = await connection.fetchval("SELECT id FROM jobrunner.reminder")
    assert await see(connection, ann, [id, id + 1]) == [id]
    assert await see(connection, ann, [id]) == []
    assert await dismiss(connection, "somebody else", [id]) == []
    assert await dismiss(connection, ann, [id]) == [id]
    assert await dismiss(connection, ann, [id]) == []
    await connection.execute("SELECT jobrunner.plan_reminders('Meeting', $1)", meeting)
    assert (await Run(lender(connection)).submit()).submitted == 0
    assert await states(connection) == [("Dismissed", None)]


async def test_snoozed_it_waits_and_wakes_the_job(connection: Any, ann: str):
    await meet(connection, ann)
    await Run(lender(connection)).submit()
    id = await connection.fetchval("SELECT id FROM jobrunner.reminder")
    moment = await snooze(connection, ann, id, 10)
    assert isinstance(moment, datetime)
    assert await open_popups(connection, [ann], PAST) == {ann: "[]"}
    assert await connection.fetchval(
        "SELECT count(*) FROM jobrunner.job WHERE name = 'SubmitPopupReminders' AND execute_at = $1", moment
    )
    assert (await Run(lender(connection)).submit()).submitted == 0
    await pass_by(connection, "11 minutes")
    assert (await Run(lender(connection)).submit()).submitted == 1
    assert await snooze(connection, ann, id, None) == await connection.fetchval(
        "SELECT ((now() AT TIME ZONE 'Europe/Berlin')::date + 1 + time '09:00') AT TIME ZONE 'Europe/Berlin'"
    )


async def test_who_has_declined_or_is_not_active_sees_nothing(connection: Any, ann: str):
    bob = await add_user(connection, "Bob", None)
    meeting = await meet(connection, ann, bob)
    await connection.execute("ALTER TABLE jobrunner.attendee DISABLE TRIGGER USER")  # as of a view
    await set_acceptance(connection, "Meeting", meeting, ann, "Declined")
    await connection.execute("UPDATE jobrunner.app_user SET active = false WHERE id = $1", bob)
    report = await Run(lender(connection)).submit()
    assert (report.submitted, report.skipped) == (0, 2)
    assert await states(connection) == [
        ("Skipped", "the user has declined or takes no part"),
        ("Skipped", "the user is not active"),
    ]


async def test_a_record_that_was_moved_or_removed_takes_its_popup_back(connection: Any, ann: str):
    meeting = await meet(connection, ann)
    await Run(lender(connection)).submit()
    await move(connection, "Meeting", meeting, await connection.fetchval("SELECT now() + interval '5 hours'"))
    assert await states(connection) == [("Waiting", None)]
    assert await open_popups(connection, [ann], PAST) == {ann: "[]"}
    await remove(connection, "Meeting", meeting)
    assert await states(connection) == []


async def test_a_record_that_was_moved_in_a_view_is_planned_anew(connection: Any, ann: str):
    await meet(connection, ann)
    await connection.execute("ALTER TABLE jobrunner.meeting DISABLE TRIGGER USER")
    await connection.execute("UPDATE jobrunner.meeting SET date_start = date_start + interval '5 hours'")
    report = await Run(lender(connection)).submit()
    assert (report.submitted, report.planned) == (0, 1)
    assert await states(connection) == [("Waiting", None)]


REFUSE = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.entity_id = TG_ARGV[0] THEN
        RAISE EXCEPTION 'nobody plans this one' USING ERRCODE = TG_ARGV[1];
    END IF;
    RETURN NEW;
END;
$$
"""


async def move_in_view(connection: Any, *meetings: str) -> None:
    """Move records so that no trigger learns of it."""
    await connection.execute("ALTER TABLE jobrunner.meeting DISABLE TRIGGER USER")
    await connection.execute(
        "UPDATE jobrunner.meeting SET date_start = date_start + interval '5 hours' WHERE id = ANY ($1::text[])",
        list(meetings),
    )


async def refuse_to_plan(connection: Any, meeting: str, state: str) -> None:
    await connection.execute(REFUSE)
    await connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON jobrunner.reminder_plan"
        f" FOR EACH ROW EXECUTE FUNCTION public.refuse('{meeting}', '{state}')"
    )


@pytest.mark.parametrize("state", ["raise_exception", "query_canceled", "lock_not_available"])
async def test_a_record_that_cannot_be_planned_holds_up_no_other(
    connection: Any, ann: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, state: str
):
    """It is the oldest: portions of one come to it first. The schedule tries it again, and no job of its own."""
    monkeypatch.setattr(run, "PORTION", 1)
    bad = await meet(connection, ann, ahead="5 minutes")
    moved = await meet(connection, ann, ahead="6 minutes")
    await meet(connection, ann, ahead="7 minutes")
    old = await meet(connection, ann, ahead="8 minutes")
    await Run(lender(connection)).submit()  # old is Due, and expires below
    await connection.execute(
        "UPDATE jobrunner.reminder SET state = 'Waiting', submitted_at = NULL WHERE entity_id <> $1", old
    )
    await connection.execute(
        "UPDATE jobrunner.reminder SET start_at = start_at - interval '25 hours',"
        " next_attempt_at = next_attempt_at - interval '25 hours' WHERE entity_id = $1",
        old,
    )
    await move_in_view(connection, bad, moved)
    await refuse_to_plan(connection, bad, state)
    await connection.execute("DELETE FROM jobrunner.job")

    report = await Run(lender(connection)).submit()

    assert report == Report(submitted=1, planned=1, failed=1, expired=1)
    assert sorted(state for state, _ in await states(connection)) == ["Due", "Expired", "Waiting", "Waiting"]
    [told] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert f"Meeting {bad}" in told
    assert "nobody plans this one" in told
    wakes = await connection.fetch("SELECT execute_at - now() AS wait FROM jobrunner.job")
    assert [wake for wake in wakes if wake["wait"] < timedelta(minutes=1)] == []

    await connection.execute("DROP TRIGGER refuse ON jobrunner.reminder_plan")
    assert await Run(lender(connection)).submit() == Report(planned=1)


async def test_a_moved_record_that_somebody_holds_is_left_to_a_later_run(connection: Any, database_url: str, ann: str):
    meeting = await meet(connection, ann)
    await move_in_view(connection, meeting)
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction(), asyncio.timeout(20):
            await other.execute("LOCK TABLE jobrunner.reminder_plan IN SHARE MODE")
            assert await Run(lender(connection)).submit() == Report(failed=1)
    finally:
        await other.close()
    assert await Run(lender(connection)).submit() == Report(planned=1)


async def test_where_the_server_goes_away_the_run_ends(connection: Any, ann: str):
    """It is no fault of the record: the job comes again."""
    meeting = await meet(connection, ann)
    await move_in_view(connection, meeting)
    await refuse_to_plan(connection, meeting, "admin_shutdown")
    with pytest.raises(asyncpg.AdminShutdownError):
        await Run(lender(connection)).submit()


async def test_a_run_that_is_cancelled_plans_no_further_record(connection: Any, ann: str):
    meetings = [await meet(connection, ann) for _ in range(3)]
    await move_in_view(connection, *meetings)
    one = Run(lender(connection), cancelled=lambda: one.report.planned >= 1)
    assert (await one.submit()).planned == 1


async def test_a_day_after_the_start_it_expires_whatever_its_state(connection: Any, ann: str):
    """All daemons were down, or nobody has looked: it is shown for a day, and then no more."""
    await meet(connection, ann)
    await pass_by(connection, "23 hours")
    assert (await Run(lender(connection)).submit()).submitted == 1
    await pass_by(connection, "2 hours")
    await meet(connection, ann, ahead="11 minutes")
    await connection.execute("UPDATE jobrunner.reminder SET start_at = start_at WHERE state = 'Due'")
    await pass_by(connection, "25 hours")
    report = await Run(lender(connection)).submit()
    assert (report.submitted, report.expired) == (0, 2)
    assert await states(connection) == [
        ("Expired", "no page of the user has shown it"),
        ("Expired", "nothing ran in time"),
    ]


async def test_two_runs_at_the_same_time_submit_each_once(connection: Any, database_url: str):
    """F02: whoever locks a row submits it, and the other leaves it alone."""
    users = [await add_user(connection, f"u{number}", None) for number in range(40)]
    await meet(connection, *users)
    other = await asyncpg.connect(database_url)
    try:
        reports = await asyncio.gather(Run(lender(connection)).submit(), Run(lender(other)).submit())
    finally:
        await other.close()
    assert sum(report.submitted for report in reports) == 40


async def test_a_row_that_somebody_holds_is_looked_at_again(connection: Any, database_url: str, ann: str):
    meeting = await meet(connection, ann)
    await connection.execute("DELETE FROM jobrunner.job")
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute("SELECT FROM jobrunner.reminder WHERE entity_id = $1 FOR UPDATE", meeting)
            assert (await Run(lender(connection)).submit()).submitted == 0
    finally:
        await other.close()
    left = await connection.fetchval("SELECT execute_at - now() FROM jobrunner.job WHERE name = 'SubmitPopupReminders'")
    assert left <= timedelta(seconds=1)


async def test_each_change_is_told_to_whoever_listens(connection: Any, database_url: str, ann: str):
    heard: asyncio.Queue[str] = asyncio.Queue()
    other = await asyncpg.connect(database_url)
    try:
        await other.add_listener("jobrunner_popup", lambda *notification: heard.put_nowait(notification[3]))

        async def told() -> str:
            async with asyncio.timeout(5):
                return await heard.get()

        meeting = await meet(connection, ann)
        await Run(lender(connection)).submit()
        assert await told() == ann
        id = await connection.fetchval("SELECT id FROM jobrunner.reminder")
        await see(connection, ann, [id])
        assert await told() == ann
        await remove(connection, "Meeting", meeting)
        assert await told() == ann
        assert heard.empty()
    finally:
        await other.close()
