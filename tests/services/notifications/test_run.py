"""A run against a real database and a mail server that follows a script."""

import asyncio
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import SecretStr

from jobrunner.config import Configuration
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.accounts import pause
from jobrunner.services.mail.accounts.limits import Limits
from jobrunner.services.mail.accounts.loading import DkimKey
from jobrunner.services.mail.delivery import Delivery, MailNotSent
from jobrunner.services.mail.settling import Settlement
from jobrunner.services.notifications import run as run_module
from jobrunner.services.notifications.preferences import set_preferences
from jobrunner.services.notifications.report import Report
from jobrunner.services.notifications.rows import Notifications
from jobrunner.services.notifications.run import Run
from jobrunner.services.records import add_task, remove
from tests.services.mail.smtp.scripted_server import CLOSE, SILENT, Action, ScriptedServer
from tests.services.notifications.conftest import Database, account
from tests.support.failing import Failing

Parse = Callable[[bytes], EmailMessage]
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)


def recipients(server: ScriptedServer) -> list[str]:
    return sorted(message.recipients[0].strip("<>") for message in server.messages)


def message_ids(server: ScriptedServer) -> list[bytes]:
    return [line for m in server.messages for line in m.data.split(b"\r\n") if line.lower().startswith(b"message-id:")]


def plain(parse: Parse, server: ScriptedServer, place: int = 0) -> str:
    body = parse(server.messages[place].data).get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text.replace("\r\n", "\n")


async def many(database: Database, number: int) -> None:
    """Notify so many users, each of a post of their own, due now."""
    await database.all_on()
    for place in range(number):
        user = await database.user(f"u{place:02}")
        await database.due(user)


# What goes, and what is left


async def test_what_is_due_is_mailed_and_the_rest_is_not(database: Database, parse: Parse):
    await database.all_on()
    ann, bob = await database.user("Ann"), await database.user("Bob")
    await database.due(ann)
    await database.notify(bob)
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=1, mails=1)
    assert recipients(server) == ["ann@example.org"]
    assert await database.states() == ["Sent", "Waiting"]
    ((reason, message_id),) = await database.rows("mail_reason", "message_id", where="user_id = 'ann'")
    assert reason == "250 2.0.0 queued (answer to the end of the message)"
    assert str(parse(server.messages[0].data)["Message-ID"]) == message_id

    async with ScriptedServer() as server:
        report = await database.send(server)
    assert report == Report()
    assert report.found_nothing
    assert server.connections == 0


async def test_all_of_a_record_within_the_delay_is_one_mail(database: Database, parse: Parse):
    """Also what came later than what is due: it has waited for company, not for a delay of its own."""
    await database.all_on()
    ann, bob = await database.user("Ann"), await database.user("Bob")
    await database.due(ann, data={"post": "first"}, related=("Note", "1"))
    await database.notify(ann, "Status", {"old": "New", "new": "Closed"}, related=("Note", "2"))
    await database.notify(ann, "Mention", {"post": "third"}, related=("Note", "3"))
    await database.due(ann, data={"post": "elsewhere"}, parent=("Case", "c2"), related=("Note", "4"))
    await database.due(bob, data={"post": "first"}, related=("Note", "1"))
    await database.due(ann, data={"post": "nowhere"}, parent=None, parent_name=None, related=("Note", "5"))
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=6, mails=4)
    texts = [plain(parse, server, place) for place in range(4)]
    (digest,) = [text for text in texts if "3 new notifications" in text]
    assert digest.index("> first") < digest.index("from “New” to “Closed”") < digest.index("> third")
    assert recipients(server) == ["ann@example.org"] * 3 + ["bob@example.org"]
    threads = [str(parse(message.data)["References"]) for message in server.messages]
    assert sorted(Counter(threads).values()) == [1, 1, 2]


async def test_who_wants_no_grouping_gets_one_mail_each(database: Database):
    await database.all_on()
    ann = await database.user("Ann")
    async with database.connect() as connection:
        await set_preferences(connection, ann, grouping=False)
    for number in range(3):
        await database.due(ann, related=("Note", str(number)))
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=3, mails=3)
    assert len(set(message_ids(server))) == 3


async def test_read_before_the_delay_ends(database: Database):
    await database.all_on()
    await database.due(await database.user("Ann"))
    await database.run("UPDATE jobrunner.notification SET read = true")
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(skipped=1)
    assert await database.rows("mail::text", "mail_reason") == [("Skipped", "read before it was sent")]
    assert server.connections == 0


async def test_each_notification_keeps_the_reason_why_it_was_not_mailed(database: Database):
    await database.all_on()
    ann = await database.user("Ann")
    await database.user("Gone", active=False)
    await database.run("INSERT INTO jobrunner.portal_user (user_id) SELECT 'pia' WHERE false")
    async with database.connect() as connection:
        task = await add_task(connection, "Call back", None, assigned_user=ann)
        deleted = await add_task(connection, "Old", None, assigned_user=ann)
        await remove(connection, "Task", deleted)
    removed = await database.user("Removed")
    await database.due(removed, parent=("Case", "1"))
    await database.run("DELETE FROM jobrunner.app_user WHERE id = $1", removed)
    await database.due("gone", parent=("Case", "2"))
    await database.due(ann, actor=ann, parent=("Case", "3"))
    await database.due(ann, "Assignment", {}, parent=("Task", deleted), parent_name=None)
    await database.due(ann, "Assignment", {}, parent=("Task", task), parent_name=None)
    await database.due(ann, "System", {}, parent=None, parent_name=None)
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=1, mails=1, skipped=5)
    assert [reason for (reason,) in await database.rows("mail_reason", where="mail = 'Skipped'")] == [
        "the user is gone",
        "the user is not active",
        "it is the user's own act",
        "the record does not exist",
        "notifications of the type System are not mailed",
    ]


async def test_a_task_that_was_assigned_to_another_meanwhile(database: Database, parse: Parse):
    await database.all_on()
    ann, bob = await database.user("Ann"), await database.user("Bob")
    async with database.connect() as connection:
        task = await add_task(connection, "Call back", None, assigned_user=ann)
    await database.notify(ann, "Assignment", {}, parent=("Task", task), parent_name="stale")
    await database.run("UPDATE jobrunner.task SET assigned_user_id = $1", bob)
    await database.notify(bob, "Assignment", {}, parent=("Task", task), parent_name="stale", actor=ann)
    async with ScriptedServer() as server:
        assert await database.send(server, assignments_only=True) == Report(sent=1, mails=1, skipped=1)
    assert await database.rows("mail_reason", where="mail = 'Skipped'") == [
        ("it is not assigned to the user any more",)
    ]
    assert parse(server.messages[0].data)["Subject"] == "Assigned to you: Task “Call back”"
    assert "Ann assigned it to you." in plain(parse, server)


async def test_the_job_of_assignments_leaves_the_rest(database: Database):
    await database.all_on()
    ann = await database.user("Ann")
    await database.due(ann)
    await database.notify(ann, "Assignment", {})
    async with ScriptedServer() as server:
        assert await database.send(server, assignments_only=True) == Report(sent=1, mails=1)
        assert await database.states() == ["Waiting", "Sent"]
        assert await database.send(server) == Report(sent=1, mails=1)


async def test_an_assignment_that_its_job_did_not_mail_goes_with_the_rest(database: Database):
    await database.all_on()
    ann = await database.user("Ann")
    await database.due(ann)
    await database.notify(ann, "Assignment", {})
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=2, mails=1)


async def test_a_user_of_a_portal_gets_its_link_and_no_internal_notes(database: Database, parse: Parse):
    await database.set(stream_email_notifications=False)
    pia = await database.user("Pia")
    await database.run("INSERT INTO jobrunner.portal_user VALUES ('pia', 'https://portal.example.com')")
    await database.due(pia, data={"post": "secret", "internal": True}, related=("Note", "1"))
    await database.due(pia, data={"post": "open"}, related=("Note", "2"))
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=1, mails=1, skipped=1)
    text = plain(parse, server)
    assert "https://portal.example.com/#Case/view/c1\n" in text
    assert "secret" not in text


async def test_a_note_is_mailed_once_over_several_mails(database: Database):
    await database.all_on()
    ann = await database.user("Ann")
    await database.due(ann, "Mention", related=("Note", "1"))
    async with ScriptedServer() as server:
        await database.send(server)
        await database.due(ann, "Post", related=("Note", "1"))
        assert await database.send(server) == Report(skipped=1)
    assert await database.rows("mail_reason", where="type = 'Post'") == [("the user was mailed of it already",)]


async def test_the_applications_own_functions_are_asked_when_the_mail_goes(database: Database, parse: Parse):
    await database.all_on()
    ann = await database.user("Ann")
    await database.run(
        "CREATE OR REPLACE FUNCTION jobrunner.may_see(user_id text, entity_type text, entity_id text) RETURNS boolean"
        " LANGUAGE sql STABLE AS $$ SELECT entity_id <> 'hidden' $$"
    )
    await database.run(
        "CREATE OR REPLACE FUNCTION jobrunner.notified_record(entity_type text, entity_id text)"
        " RETURNS TABLE (name text, path text, is_gone boolean, assigned_user_ids text[], reply_to text)"
        " LANGUAGE sql STABLE AS $$ SELECT 'Case ' || entity_id, '/cases/' || entity_id, false, NULL::text[],"
        " 'case+' || entity_id || '@example.com' $$"
    )
    await database.due(ann, parent=("Case", "hidden"))
    await database.due(ann, parent=("Case", "c9"), related=("Note", "9"))
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=1, mails=1, skipped=1)
    message = parse(server.messages[0].data)
    assert (message["Subject"], message["Reply-To"]) == ("Case: Case c9", "case+c9@example.com")
    assert "https://crm.example.com/cases/c9\n" in plain(parse, server)
    assert await database.rows("mail_reason", where="parent_id = 'hidden'") == [("the user may not see the record",)]


async def test_a_function_of_the_applications_that_fails_holds_up_its_own_record_only(database: Database):
    await database.all_on()
    ann = await database.user("Ann")
    await database.run(
        "CREATE OR REPLACE FUNCTION jobrunner.may_see(user_id text, entity_type text, entity_id text) RETURNS boolean"
        " LANGUAGE sql STABLE AS $$ SELECT 1 / (entity_id <> 'broken')::integer = 1 $$"
    )
    await database.due(ann, parent=("Case", "broken"))
    await database.due(ann, related=("Note", "2"))
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=1, mails=1, postponed=1)
    ((state, reason, attempts),) = await database.rows(
        "mail::text", "mail_reason", "attempt_count", where="parent_id = 'broken'"
    )
    assert (state, attempts) == ("Waiting", 1)
    assert reason == "what it is about could not be looked at: division by zero"


# Many


async def test_many_go_in_parallel_over_few_connections(database: Database):
    await many(database, 40)
    told: list[float] = []
    async with ScriptedServer() as server:
        report = await database.send(server, progress=lambda fraction, message: told.append(fraction))
    assert report == Report(sent=40, mails=40)
    assert recipients(server) == [f"u{number:02}@example.org" for number in range(40)]
    assert 2 <= server.most_open <= 4
    assert server.connections <= 4
    assert len(set(message_ids(server))) == 40
    assert told == sorted(told)
    assert told[-1] == 1.0


async def test_two_runs_at_once_send_each_mail_once(database: Database):
    await many(database, 30)
    async with ScriptedServer() as server:
        reports = await asyncio.gather(*(database.send(server) for _ in range(3)))
    assert sum(report.sent for report in reports) == 30
    assert Counter(recipients(server)).most_common(1)[0][1] == 1


async def test_two_senders_never_make_two_mails_of_one_record(database: Database):
    """Stepped: while one holds the first notification of a record, the other finds nothing of that record."""
    ann = await database.user("Ann")
    for number in range(6):
        await database.due(ann, related=("Note", str(number)))
    take = load("jobrunner.services.notifications", "take_notifications")
    async with database.connect() as one, database.connect() as other:
        async with one.transaction():
            assert len(await one.fetch(take, 1, None, HOUR, DAY, False)) == 6
            assert await other.fetch(take, 2, None, HOUR, DAY, False) == []
        assert await other.fetch(take, 2, None, HOUR, DAY, False) == []


async def test_a_batch_leaves_the_rest_to_the_next_run(database: Database):
    await many(database, 8)
    await database.set(notification_batch=5)
    await database.run("DELETE FROM jobrunner.job")
    async with ScriptedServer() as server:
        report = await database.send(server)
        assert (report.sent >= 5, report.sent < 8, report.has_more) == (True, True, True)
        assert len(await database.jobs()) == 1
        await database.send(server)
    assert await database.states() == ["Sent"] * 8


# Troubles


async def test_one_refusal_never_blocks_the_others(database: Database):
    await database.all_on()
    for name in ("Ann", "Bad", "Cyd", "Full", "Gone", "Zoe"):
        await database.due(await database.user(name), actor=None)

    def answer(command: str) -> Action | None:
        if "bad@" in command:
            return "550 5.1.1 no such user"
        if "full@" in command:
            return "452 4.2.2 mailbox full"
        return CLOSE if "gone@" in command else None

    async with ScriptedServer({"RCPT": answer}) as server:
        report = await database.send(server)
    assert (report.sent + report.postponed, report.failed) == (5, 1)
    assert {"ann@example.org", "bad@example.org", "full@example.org", "gone@example.org"}.isdisjoint(
        set(recipients(server)) - {"ann@example.org"}
    )
    ((reason, attempts),) = await database.rows("mail_reason", "attempt_count", where="mail = 'Failed'")
    assert (reason, attempts) == ("550 5.1.1 no such user (answer to RCPT)", 1)


async def test_a_deferred_one_is_tried_again_after_1_2_5_minutes_and_takes_along_what_is_new(
    database: Database, parse: Parse
):
    await database.all_on()
    ann = await database.user("Ann")
    await database.due(ann, related=("Note", "1"))
    async with ScriptedServer({"RCPT": ["450 4.2.0 greylisted"] * 3}) as server:
        for attempt, minutes in enumerate((1, 2, 5), 1):
            assert await database.send(server) == Report(postponed=1)
            ((count, delay, reason, at),) = await database.rows(
                "attempt_count", "next_attempt_at - now()", "mail_reason", "next_attempt_at"
            )
            assert count == attempt
            assert minutes * MINUTE - timedelta(seconds=20) < delay <= minutes * MINUTE
            assert reason == "450 4.2.0 greylisted (answer to RCPT)"
            assert any(timedelta(0) <= job[2] - at <= timedelta(milliseconds=250) for job in await database.jobs())
            assert await database.send(server) == Report()
            await database.run("UPDATE jobrunner.notification SET next_attempt_at = now()")
        await database.notify(ann, related=("Note", "2"))
        assert await database.send(server) == Report(sent=2, mails=1)
    assert "2 new notifications" in plain(parse, server)


async def test_without_time_for_another_attempt_it_has_failed(database: Database):
    await database.all_on()
    await database.due(await database.user("Ann"))
    await database.turn_clock(24 * 3600 - 90)
    async with ScriptedServer({"DOT": ["451 4.3.0 try again"]}) as server:
        assert await database.send(server) == Report(failed=1)


@pytest.mark.parametrize(("age", "state"), [(23.9, "Sent"), (24.1, "Missed")])
async def test_too_old_it_is_missed_and_counted(
    database: Database, age: float, state: str, caplog: pytest.LogCaptureFixture
):
    await database.all_on()
    await database.notify(await database.user("Ann"))
    await database.turn_clock(age * 3600)
    async with ScriptedServer() as server:
        report = await database.send(server)
    assert await database.states() == [state]
    assert report.missed == (state == "Missed")
    assert ("1 notifications were missed: nothing mailed them within 24 h" in caplog.text) is (state == "Missed")


async def test_missed_ones_are_counted_over_all_steps_and_what_was_read_is_not_among_them(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("jobrunner.services.notifications.rows.STEP", 3)
    for number in range(8):
        await database.notify(await database.user(f"u{number}"))
    await database.run("UPDATE jobrunner.notification SET read = true WHERE user_id = 'u3'")
    await database.turn_clock(25 * 3600)
    assert await database.send(None) == Report(missed=7, skipped=1)


async def test_a_server_that_is_away_ends_the_run_and_nothing_is_lost(database: Database):
    await many(database, 3)
    async with ScriptedServer() as server:
        pass  # the port is free again
    with pytest.raises(MailNotSent, match="no notification can be mailed for now"):
        await database.send(server)
    assert await database.states() == ["Waiting"] * 3
    assert await database.rows("attempt_count", "doubt_count") == [(0, 0)] * 3

    async with ScriptedServer() as server:
        await database.run("UPDATE jobrunner.smtp_account_state SET retry_at = now() + interval '1 minute'")
        report = await database.send(server)  # the account is left alone
        assert report.held is not None
        assert report.sent == 0
        assert server.connections == 0
        reasons = {reason for (reason,) in await database.rows("mail_reason")}
        assert reasons == {f"the account system is held back: {report.held}"}
        await database.run("DELETE FROM jobrunner.smtp_account_state")
        assert (await database.send(server)).sent == 3


async def test_a_refused_login_pauses_the_account(database: Database):
    await many(database, 2)
    login = {"username": "crm", "password": SecretStr("canary-71c2")}
    async with ScriptedServer({"AUTH": "535 5.7.8 no"}, auth="PLAIN") as server:
        with pytest.raises(MailNotSent, match="535"):
            await database.send(server, smtp=login)
        connections = server.connections
        report = await database.send(server, smtp=login)
    assert report.held is not None
    assert "535" in report.held
    assert server.connections == connections
    assert await database.states() == ["Waiting"] * 2


async def test_while_the_account_is_paused_nothing_goes(database: Database, caplog: pytest.LogCaptureFixture):
    await many(database, 2)
    async with database.connect() as connection:
        await pause(connection, "system", "person", "moving house", lasting=timedelta(minutes=7))
    await database.run("DELETE FROM jobrunner.job")
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(held="moving house")
    assert server.connections == 0
    assert "the account system is held back: moving house" in caplog.text
    (job,) = await database.jobs()
    assert 6.9 * MINUTE < job[2] - await database.run("SELECT now()") <= 7 * MINUTE + timedelta(milliseconds=250)


async def test_the_rates_of_the_account_hold(database: Database):
    await many(database, 6)
    async with ScriptedServer() as server:
        limited = replace(account(server), limits=Limits(rate_per_minute=2, max_connections=1))
        report = await database.send(server, account=limited)
    assert report.sent < 6
    assert report.held == "as many mails were sent as its rate allows"
    assert Counter(await database.states()) == {"Sent": report.sent, "Waiting": 6 - report.sent}


async def test_what_is_not_mailed_costs_no_allowance(database: Database):
    await database.all_on()
    ann = await database.user("Ann")
    for number in range(5):
        await database.due(ann, actor=ann, parent=("Case", f"x{number}"))
    await database.due(ann)
    async with ScriptedServer() as server:
        limited = replace(account(server), limits=Limits(rate_per_hour=1, max_connections=1))
        assert await database.send(server, account=limited) == Report(sent=1, mails=1, skipped=5)


async def test_without_an_account_it_says_so_only_when_something_is_due(database: Database):
    assert await database.send(None) == Report()
    await many(database, 2)
    with pytest.raises(ConfigurationError, match=r"^2 notifications are due and cannot be mailed: there is no system "):
        await database.send(None)
    assert await database.states() == ["Waiting"] * 2


async def test_mails_are_signed_where_the_account_has_a_key(database: Database):
    await many(database, 1)
    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])
    async with ScriptedServer() as server:
        signing = replace(account(server), dkim_domain="example.com", dkim=(DkimKey("s1", SecretStr(pem)),))
        assert (await database.send(server, account=signing)).sent == 1
    raw = server.messages[0].data.replace(b"\r\n..", b"\r\n.")
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: record)


@pytest.mark.parametrize("address", ["a@b>\r\nRCPT TO:<eve@example.com", "a b@c", "Ann <ann@example.org>", "ann"])
async def test_a_wrong_address_never_meets_the_server(database: Database, address: str):
    """H04: as it may stand in a view."""
    await database.all_on()
    ann, bob = await database.user("Ann"), await database.user("Bob")
    await database.run("ALTER TABLE jobrunner.app_user DROP CONSTRAINT email_is_an_address")
    await database.run("UPDATE jobrunner.app_user SET email = $1 WHERE id = $2", address, ann)
    await database.due(ann)
    await database.due(bob)
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=1, mails=1, failed=1)
    assert recipients(server) == ["bob@example.org"]
    assert not any("eve" in command for command in server.commands)
    ((reason,),) = await database.rows("mail_reason", where="mail = 'Failed'")
    assert "is no address that mail can be sent to" in reason


async def test_a_fault_in_composing_is_the_fault_of_one_mail(database: Database, monkeypatch: pytest.MonkeyPatch):
    await many(database, 3)
    real = run_module.compose

    def compose(notifications: Any, letterhead: Any) -> Any:
        if notifications[0].user_id == "u01":
            raise ZeroDivisionError("no")
        return real(notifications, letterhead)

    monkeypatch.setattr(run_module, "compose", compose)
    async with ScriptedServer() as server:
        assert await database.send(server) == Report(sent=2, mails=2, failed=1)
    assert await database.rows("mail_reason", where="mail = 'Failed'") == [("it could not be composed: no",)]


async def test_secrets_are_in_no_log(database: Database, caplog: pytest.LogCaptureFixture):
    """H21."""
    await many(database, 1)
    caplog.set_level(logging.DEBUG)
    async with ScriptedServer(auth="PLAIN") as server:
        login = {"username": "system", "password": SecretStr("canary-71c2")}
        assert (await database.send(server, smtp=login)).sent == 1
    assert "notifications: 1 sent" in caplog.text
    assert "canary-71c2" not in caplog.text


# Doubt


@pytest.mark.parametrize("fault", [CLOSE, SILENT, b"\xff\x00\r\n"])
async def test_in_doubt_the_same_mail_goes_once_more(database: Database, fault: Action):
    """F49: with the same Message-ID, and without what has happened since."""
    await database.all_on()
    ann = await database.user("Ann")
    await database.due(ann, related=("Note", "1"))
    await database.due(ann, related=("Note", "2"))
    async with ScriptedServer({"DOT": [fault]}) as server:
        assert await database.send(server, smtp={"data_limit": 0.3}) == Report(postponed=2)
        assert await database.rows("mail::text", "doubt_count") == [("Waiting", 1)] * 2
        await database.due(ann, related=("Note", "3"))
        await database.run("UPDATE jobrunner.notification SET next_attempt_at = now()")
        assert await database.send(server) == Report(sent=3, mails=2)
    ids = message_ids(server)
    assert len(ids) == 3
    assert len(set(ids)) == 2
    assert ids.count(ids[0]) == 2


async def test_in_doubt_twice_it_is_left_to_a_person(database: Database):
    """F49."""
    await many(database, 1)
    async with ScriptedServer({"DOT": [CLOSE, CLOSE]}) as server:
        await database.send(server)
        await database.run("UPDATE jobrunner.notification SET next_attempt_at = now()")
        assert await database.send(server) == Report(uncertain=1)
        assert await database.send(server) == Report()
    assert await database.states() == ["Uncertain"]


async def running_job(database: Database, claim: int) -> int:
    """Queue a job and claim it as a daemon does."""
    job: int = await database.run("SELECT jobrunner.enqueue('SendEmailNotifications')")
    await database.run(
        "UPDATE jobrunner.job SET status = 'Running', claim_id = $2, started_at = now() WHERE id = $1", job, claim
    )
    return job


async def test_killed_while_it_sends_one_mail_of_each_connection_is_doubled_at_most(
    database: Database, database_url: str
):
    """F02: kill -9 with four mails stored by the server and not yet noted."""
    await many(database, 30)
    job = await running_job(database, 1)
    finals = 0

    def answer(command: str) -> Action | None:
        nonlocal finals
        finals += 1
        if finals == 16:
            held.set()
        return SILENT if 12 < finals <= 16 else None

    held = asyncio.Event()
    root = Path(__file__).parents[3]
    async with ScriptedServer({"DOT": answer}) as server:
        sender = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.services.notifications.sender",
            database_url,
            str(server.port),
            str(job),
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        try:
            async with asyncio.timeout(30):
                await held.wait()
        finally:
            sender.send_signal(signal.SIGKILL)
            await sender.wait()
        assert Counter(await database.states()) == {"Sent": 12, "Sending": 4, "Waiting": 14}

        # Its lease has not run out yet: what was being sent is nobody else's.
        assert await database.send(server) == Report(sent=14, mails=14)
        assert Counter(await database.states()) == {"Sent": 26, "Sending": 4}

        # The sweep takes its claim back, and another daemon claims the job anew.
        await database.run("UPDATE jobrunner.job SET claim_id = 2 WHERE id = $1", job)
        assert await database.send(server, job_id=job) == Report(sent=4, mails=4, lost=4)

    assert Counter(await database.states()) == {"Sent": 30}
    assert Counter(Counter(recipients(server)).values()) == {1: 26, 2: 4}
    assert len(set(message_ids(server))) == 30


@pytest.mark.parametrize("step", ["taken", "read", "skipped", "composed", "MAIL", "RCPT", "DATA", "DOT", "sent"])
async def test_lost_at_each_step_nothing_is_lost_and_the_message_id_stays(
    database: Database, step: str, monkeypatch: pytest.MonkeyPatch
):
    """F02: a sender that stops where it is, as if killed; its rows are freed when its time is over."""
    await database.all_on()
    ann = await database.user("Ann")
    await database.due(ann, related=("Note", "1"))
    await database.due(ann, related=("Note", "2"), actor=ann)  # its own act: skipped
    await database.due(ann, related=("Note", "3"))
    reached = asyncio.Event()

    def hang_after(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        async def hanging(*args: Any, **kwargs: Any) -> Any:
            if name != "settle":
                await real(*args, **kwargs)
            reached.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(owner, name, hanging)

    async def gone(*args: Any) -> None:
        """A killed process settles nothing."""

    match step:
        case "taken":
            hang_after(Notifications, "take")
        case "read":
            hang_after(Notifications, "read")
        case "skipped":
            hang_after(Notifications, "skip")
        case "composed":
            hang_after(run_module.asyncio, "to_thread")
        case "sent":
            hang_after(Notifications, "settle")
    monkeypatch.setattr(Delivery, "_settle_cancelled", gone)
    script: dict[str, Any] = {step: [SILENT]} if step.isupper() else {}
    async with ScriptedServer(script) as server:
        sending = asyncio.create_task(database.send(server))
        await (server.until(step) if script else reached.wait())
        if step == "DOT":
            async with asyncio.timeout(5):
                while not server.messages:
                    await asyncio.sleep(0.001)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        monkeypatch.undo()
        taken_already = len(server.messages)
        assert taken_already == (step in ("DOT", "sent"))
        assert await database.send(server) == Report()  # its time is not over
        await database.run("UPDATE jobrunner.notification SET sender_until = now() WHERE mail = 'Sending'")
        report = await database.send(server)
    assert report.sent == 2
    assert await database.states() == ["Sent", "Skipped", "Sent"]
    assert len(server.messages) == taken_already + 1
    assert len(set(message_ids(server))) == 1


async def test_who_wakes_late_changes_nothing(database: Database):
    """F04: the result of a sender whose row was taken by another is not stored."""
    await database.due(await database.user("Ann"))
    late, other = (Notifications(database.connect, None, DAY) for _ in range(2))
    mine = await late.take(1, timedelta(seconds=-1))
    assert mine is not None
    assert await other.release_lost() == 1
    assert await late.settle(mine, mine.numbers, Settlement("Failed", "late")) == []
    theirs = await other.take(2, HOUR)
    assert theirs is not None
    assert theirs.group == mine.group
    assert await late.settle(mine, mine.numbers, Settlement("Failed", "late")) == []
    assert await late.read(mine) == []
    assert await other.settle(theirs, theirs.numbers, Settlement("Sent", "ok")) == ["Sent"]
    assert await database.rows("mail::text", "mail_reason", "doubt_count") == [("Sent", "ok", 1)]


async def test_nothing_of_the_database_is_held_while_mail_is_sent(database: Database):
    await many(database, 4)
    async with ScriptedServer({"DOT": SILENT}) as server:
        sending = asyncio.create_task(database.send(server))
        await server.until("DOT")
        async with asyncio.timeout(10):
            while len(server.messages) < 2 or database.lent:
                await asyncio.sleep(0.01)
        busy = await database.run(
            "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%'"
        )
        assert busy == 0
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert set(await database.rows("mail::text", "doubt_count")) <= {("Waiting", 0), ("Waiting", 1)}


@pytest.mark.parametrize(("step", "doubts"), [("MAIL", 0), ("RCPT", 0), ("DATA", 0), ("DOT", 1)])
async def test_cancelled_it_says_how_far_it_was(database: Database, step: str, doubts: int):
    await many(database, 1)
    async with ScriptedServer({step: [SILENT]}) as server:
        sending = asyncio.create_task(database.send(server))
        await server.until(step)
        if step == "DOT":
            async with asyncio.timeout(5):
                while not server.messages:
                    await asyncio.sleep(0.001)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert await database.rows("mail::text", "doubt_count") == [("Waiting", doubts)]


async def test_asked_to_stop_it_finishes_what_is_under_way(database: Database):
    await many(database, 20)
    stopping = False

    def answer(command: str) -> None:
        nonlocal stopping
        stopping = True

    async with ScriptedServer({"DOT": answer}) as server:
        report = await database.send(server, cancelled=lambda: stopping)
    assert 1 <= report.sent <= 4
    assert report.has_more
    assert Counter(await database.states()) == {"Sent": report.sent, "Waiting": 20 - report.sent}


# The database


async def test_the_result_is_kept_until_the_database_is_back(database: Database):
    """F11."""
    await many(database, 1)
    failing = Failing(database.connect)

    def answer(command: str) -> None:
        failing.failures = 3

    async with ScriptedServer({"DOT": answer}) as server:
        run = Run(failing.connect, Configuration(site_url="https://crm.example.com"), account=account(server))
        assert (await run.send()).sent == 1
    assert await database.states() == ["Sent"]
    assert len(server.messages) == 1


async def test_taking_and_freeing_rows_are_looks_at_an_index(database: Database):
    """Whatever waits for later or is finished."""
    await database.run(
        "INSERT INTO jobrunner.notification (user_id, type, next_attempt_at, mail, finished_at, parent_type, parent_id)"
        " SELECT 'u' || n % 100, 'Post', now() + interval '30 minutes',"
        " CASE n % 2 WHEN 0 THEN 'Waiting' ELSE 'Sent' END::jobrunner.notification_mail,"
        " CASE n % 2 WHEN 0 THEN NULL ELSE now() END, 'Case', (n % 1000)::text FROM generate_series(1, 20000) AS n"
    )
    await database.due(await database.user("Ann"))
    await database.run("ANALYZE jobrunner.notification")
    statements = (
        ("take_notifications", ("notification_waiting", "notification_waiting_by_record"), (1, None, HOUR, DAY, False)),
        ("release_lost_notifications", ("notification_sending",), ()),
    )
    for name, indexes, arguments in statements:
        async with database.connect() as connection, connection.transaction():
            plan = await connection.fetchval(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {load('jobrunner.services.notifications', name)}", *arguments
            )
        assert all(f'"{index}"' in plan for index in indexes), plan
        assert '"Relation Name": "notification"' in plan
        assert not [
            line for line in plan.split("},") if '"Seq Scan"' in line and '"Relation Name": "notification"' in line
        ]
