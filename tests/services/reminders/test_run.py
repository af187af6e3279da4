"""A run against a real database and a mail server that follows a script."""

import asyncio
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import asyncpg
import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from jobrunner.config import Configuration
from jobrunner.db.secrets import Key, Keyring
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError
from jobrunner.services.mail import delivery as delivery_module
from jobrunner.services.mail.accounts import SendingAccount, load_account, pause, resume
from jobrunner.services.mail.accounts.entry import AccountEntry
from jobrunner.services.mail.accounts.limits import NO_LIMITS, Limits
from jobrunner.services.mail.accounts.table import add_account
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.delivery import MailNotSent
from jobrunner.services.mail.settling import Settlement
from jobrunner.services.mail.smtp import Account, NoConnection, shared_pools
from jobrunner.services.records import add_task, set_acceptance, set_status
from jobrunner.services.reminders import run as run_module
from jobrunner.services.reminders.rows import Reminders
from jobrunner.services.reminders.run import Report, Run
from tests.services.mail.accounts.books import pass_time
from tests.services.mail.smtp.scripted_server import CLOSE, SILENT, Action, ScriptedServer
from tests.services.reminders.conftest import Database
from tests.support.failing import Failing

SENDER = Mailbox(parse_address("system@example.com"), "CRM")
CONFIGURATION = Configuration(site_url="https://crm.example.com")
KEYED = Configuration(site_url="https://crm.example.com", secret_key=SecretStr(Key.new().text))
MINUTE = timedelta(minutes=1)

Parse = Callable[[bytes], EmailMessage]


def account(server: ScriptedServer, *, limits: Limits = NO_LIMITS, **options: Any) -> SendingAccount:
    smtp = Account("127.0.0.1", server.port, **({"security": "none"} | options))
    return SendingAccount("system", "system", "System", smtp, SENDER, limits=limits)


def new_run(database: Database, server: ScriptedServer, **options: Any) -> Run:
    return Run(database.connect, CONFIGURATION, **({"account": account(server)} | options))


async def send(database: Database, server: ScriptedServer, **options: Any) -> Report:
    return await new_run(database, server, **options).send()


async def resume_account(database: Database) -> None:
    async with database.connect() as connection:
        await resume(connection, "system")


async def states(database: Database) -> Counter[str]:
    return Counter(state for (state,) in await database.reminders("state"))


def recipients(server: ScriptedServer) -> list[str]:
    return sorted(message.recipients[0].strip("<>") for message in server.messages)


def message_ids(server: ScriptedServer) -> list[bytes]:
    return [line for m in server.messages for line in m.data.split(b"\r\n") if line.lower().startswith(b"message-id:")]


async def test_what_is_due_is_sent_and_the_rest_is_not(database: Database, parse: Parse):
    ann, bob = await database.user("Ann", time_zone="Asia/Tokyo"), await database.user("Bob")
    meeting = await database.due(ann, bob)
    await database.meeting(await database.ahead(hours=3), "Later", attendees=[ann])
    await database.due(ann, name="Popup", reminders=[("Popup", 3600)])
    async with ScriptedServer() as server:
        report = await send(database, server)

    assert report == Report(sent=2)
    assert recipients(server) == ["ann@example.org", "bob@example.org"]
    assert await states(database) == {"Sent": 2, "Waiting": 2}
    by_user = {str(parse(m.data)["To"]): parse(m.data) for m in server.messages}
    text = by_user["Ann <ann@example.org>"].get_body(("plain",))
    assert text is not None
    assert "(Asia/Tokyo, UTC+09:00)" in text.get_content()
    assert f"https://crm.example.com/#Meeting/view/{meeting}" in text.get_content()
    (row,) = await database.reminders("message_id", "reason", "attempt_count", where=f"user_id = '{bob}'")
    assert row == (
        str(by_user["Bob <bob@example.org>"]["Message-ID"]),
        "250 2.0.0 queued (answer to the end of the message)",
        0,
    )
    assert server.connections == 1

    async with ScriptedServer() as server:
        assert await send(database, server) == Report()
    assert server.connections == 0


async def test_many_go_in_parallel_over_few_connections(database: Database):
    users = [await database.user(f"u{number}") for number in range(40)]
    await database.due(*users)
    async with ScriptedServer() as server:
        report = await send(database, server)

    assert report == Report(sent=40)
    assert recipients(server) == sorted(f"u{number}@example.org" for number in range(40))
    assert 2 <= server.most_open <= 4
    assert server.connections <= 4
    assert len(set(message_ids(server))) == 40


async def test_two_runs_share_the_connections_of_an_account(database: Database):
    users = [await database.user(f"u{number}") for number in range(40)]
    await database.due(*users)
    async with ScriptedServer() as server:
        reports = await asyncio.gather(*(send(database, server) for _ in range(2)))
        async with asyncio.timeout(5):
            while server.open:
                await asyncio.sleep(0.001)

    assert sum(report.sent for report in reports) == 40
    assert recipients(server) == sorted(f"u{number}@example.org" for number in range(40))
    assert server.most_open <= 4
    assert server.commands.count("QUIT") == server.connections


async def test_where_others_have_all_connections_it_says_so_and_nothing_is_lost(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delivery_module, "TIME_SLICE", 0.2)
    await database.due(await database.user("Ann"))
    async with (
        ScriptedServer() as server,
        shared_pools().lend(account(server).smtp, max_connections=1) as pool,
        pool.connection(),
    ):
        with pytest.raises(NoConnection, match="1 are in use"):
            await send(database, server)
    assert await states(database) == {"Waiting": 1}


async def test_the_oldest_goes_first(database: Database):
    ann = await database.user("Ann")
    meetings = [await database.due(ann, name=f"m{number}") for number in range(2)]
    await database.turn_clock(meetings[1], 60)
    async with ScriptedServer() as server:
        await send(database, server)

    subjects = [next(line for line in m.data.split(b"\r\n") if line.startswith(b"Subject")) for m in server.messages]
    assert subjects == [b"Subject: Reminder of a meeting: m1", b"Subject: Reminder of a meeting: m0"]


async def test_one_refusal_never_blocks_the_others(database: Database):
    users = [await database.user(name) for name in ("Ann", "Bad", "Cyd", "Full", "Gone", "Zoe")]
    await database.due(*users)

    def answer(command: str) -> Action | None:
        if "bad@" in command:
            return "550 5.1.1 no such user"
        if "full@" in command:
            return "452 4.2.2 mailbox full"
        return CLOSE if "gone@" in command else None

    async with ScriptedServer({"RCPT": answer}) as server:
        report = await send(database, server)

    assert report == Report(sent=3, failed=1, postponed=2)
    assert recipients(server) == ["ann@example.org", "cyd@example.org", "zoe@example.org"]
    assert await states(database) == {"Sent": 3, "Failed": 1, "Waiting": 2}
    ((reason, attempts),) = await database.reminders("reason", "attempt_count", where="state = 'Failed'")
    assert reason == "550 5.1.1 no such user (answer to RCPT)"
    assert attempts == 1


async def test_a_deferred_one_is_tried_again_after_1_2_5_minutes(database: Database):
    ann = await database.user("Ann")
    await database.due(ann, start=3000)
    async with ScriptedServer({"RCPT": ["450 4.2.0 greylisted"] * 4}) as server:
        for attempt, pause in enumerate((1, 2, 5, 10), 1):
            report = await send(database, server)
            assert report == Report(postponed=1)
            ((count, delay, reason, next_attempt),) = await database.reminders(
                "attempt_count", "next_attempt_at - now()", "reason", "next_attempt_at"
            )
            assert count == attempt
            assert pause * MINUTE - timedelta(seconds=20) < delay <= pause * MINUTE
            assert reason == "450 4.2.0 greylisted (answer to RCPT)"
            assert next_attempt in await database.wakes()
            assert await send(database, server) == Report()
            await database.run("UPDATE jobrunner.reminder SET next_attempt_at = now()")
        assert await send(database, server) == Report(sent=1)
    assert await states(database) == {"Sent": 1}


async def test_without_time_for_another_attempt_it_has_failed(database: Database):
    ann = await database.user("Ann")
    await database.due(ann, start=-3580)
    async with ScriptedServer({"DOT": ["451 4.3.0 try again"]}) as server:
        report = await send(database, server)

    assert report == Report(failed=1)
    assert await states(database) == {"Failed": 1}


@pytest.mark.parametrize(("past", "state"), [(3590, "Sent"), (3601, "Missed"), (86400, "Missed")])
async def test_over_an_hour_past_it_is_missed_and_counted(
    database: Database, past: float, state: str, caplog: pytest.LogCaptureFixture
):
    ann = await database.user("Ann")
    await database.due(ann, start=-past)
    async with ScriptedServer() as server:
        report = await send(database, server)

    assert await states(database) == {state: 1}
    assert (report.missed == 1) is (state == "Missed")
    assert ("1 reminders were missed: nothing ran until an hour after the start" in caplog.text) is (state == "Missed")
    assert len(server.messages) == (state == "Sent")


async def test_missed_ones_are_counted_over_all_portions(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jobrunner.services.reminders.rows.PORTION", 3)
    users = [await database.user(f"u{number}") for number in range(8)]
    await database.due(*users, start=-4000)
    async with ScriptedServer() as server:
        assert await send(database, server) == Report(missed=8)


CHANGES = {
    "declined": "UPDATE jobrunner.attendee SET status = 'Declined'",
    "left": "DELETE FROM jobrunner.attendee WHERE user_id = (SELECT min(user_id) FROM jobrunner.attendee)",
    "inactive": "UPDATE jobrunner.app_user SET active = false",
    "without an address": "UPDATE jobrunner.app_user SET email = NULL",
    "user gone": "DELETE FROM jobrunner.app_user",
    "held": "UPDATE jobrunner.meeting SET status = 'Held'",
    "not held": "UPDATE jobrunner.meeting SET status = 'Not Held'",
    "deleted": "UPDATE jobrunner.meeting SET deleted = true",
    "gone": "DELETE FROM jobrunner.meeting",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_changed_since_is_looked_at_again(database: Database, change: str):
    """As if nobody had planned anew."""
    await database.due(await database.user("Ann"), *([await database.user("Zoe")] if change == "left" else []))
    if change == "left":
        await database.run(
            "DELETE FROM jobrunner.reminder WHERE user_id = (SELECT max(user_id) FROM jobrunner.attendee)"
        )
    async with database.connect() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(CHANGES[change])
    async with ScriptedServer() as server:
        report = await send(database, server)

    assert report == Report(skipped=1)
    assert await states(database) == {"Skipped": 1}
    assert server.messages == []


async def test_a_cancelled_task_is_not_reminded_of(database: Database):
    ann = await database.user(default_reminders_task=[("Email", 3600)])
    async with database.connect() as connection:
        task = await add_task(connection, "Report", await database.ahead(minutes=5), assigned_user=ann)
        await set_status(connection, "Task", task, "Canceled")
    async with ScriptedServer() as server:
        assert await send(database, server) == Report()


async def test_who_declines_between_planning_and_sending_gets_nothing(database: Database):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    meeting = await database.due(ann, bob)
    async with database.connect() as connection:
        await set_acceptance(connection, "Meeting", meeting, ann, "Declined")
    async with ScriptedServer() as server:
        assert await send(database, server) == Report(sent=1)
    assert recipients(server) == ["bob@example.org"]


async def test_moved_by_an_application_that_did_not_say_so(database: Database):
    ann = await database.user("Ann")
    meeting = await database.due(ann, reminders=[("Email", 3600)])
    async with database.connect() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE jobrunner.meeting SET date_start = date_start + interval '1 day'")
    async with ScriptedServer() as server:
        assert await send(database, server) == Report()

    start = await database.run("SELECT date_start FROM jobrunner.meeting WHERE id = $1", meeting)
    assert await database.reminders("remind_at", "start_at", "state") == [(start - 60 * MINUTE, start, "Waiting")]
    assert server.messages == []


# Hostile names and addresses


@pytest.mark.parametrize(
    "address", ["a@b>\r\nRCPT TO:<eve@example.com", "a@b\0c", "a b@c", "Ann <ann@example.org>", "ann"]
)
async def test_a_wrong_address_never_meets_the_server(database: Database, address: str):
    """H04: as it may stand in a view."""
    ann, bob = await database.user("Ann"), await database.user("Bob")
    await database.run("ALTER TABLE jobrunner.app_user DROP CONSTRAINT email_is_an_address")
    await database.run("UPDATE jobrunner.app_user SET email = $1 WHERE id = $2", address.replace("\0", "\x01"), ann)
    await database.due(ann, bob)
    async with ScriptedServer() as server:
        assert await send(database, server) == Report(sent=1, failed=1)

    (name,) = {command.split()[1] for command in server.commands if command.startswith("EHLO")}
    assert server.commands == [
        f"EHLO {name}",
        f"MAIL FROM:<system@example.com> SIZE={len(server.messages[0].data) + 3}",
        "RCPT TO:<bob@example.org>",
        "DATA",
        "QUIT",
    ]
    ((reason,),) = await database.reminders("reason", where="state = 'Failed'")
    assert "is no address that mail can be sent to" in reason


async def test_names_with_line_breaks_and_markup_are_harmless(database: Database, parse: Parse):
    """H04, H17."""
    name = "x\r\n.\r\nMAIL FROM:<eve@example.com>\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>"
    ann = await database.user(name, email="ann@example.org")
    await database.due(ann, name=name)
    async with ScriptedServer() as server:
        assert await send(database, server) == Report(sent=1)

    assert [c.partition(":")[0] for c in server.commands[1:]] == ["MAIL FROM", "RCPT TO", "DATA", "QUIT"]
    message = parse(server.messages[0].data)
    assert "Bcc" not in message
    html = message.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()


async def test_a_fault_in_composing_is_the_fault_of_one_mail(database: Database, monkeypatch: pytest.MonkeyPatch):
    ann, bob = await database.user("Ann"), await database.user("Bob")
    await database.due(ann, bob)
    real = run_module.compose

    def compose(reminder: Any, letterhead: Any) -> Any:
        if reminder.user_id == ann:
            raise ZeroDivisionError("no")
        return real(reminder, letterhead)

    monkeypatch.setattr(run_module, "compose", compose)
    async with ScriptedServer() as server:
        assert await send(database, server) == Report(sent=1, failed=1)
    assert await database.reminders("reason", where="state = 'Failed'") == [("it could not be composed: no",)]


# A server that is not there, or takes nothing


async def test_without_a_server_configured_nothing_is_lost(database: Database):
    assert await Run(database.connect, Configuration()).send() == Report()
    await database.due(await database.user("Ann"), await database.user("Bob"))
    before = await database.reminders("*")

    with pytest.raises(
        ConfigurationError, match=r"^2 reminders are due and no mail server is configured: set JOBRUNNER_SMTP__HOST"
    ):
        await Run(database.connect, Configuration()).send()
    no_sender = Configuration(smtp={"host": "127.0.0.1"})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="no sender is configured: set JOBRUNNER_SMTP__FROM_ADDRESS"):
        await Run(database.connect, no_sender).send()
    assert await database.reminders("*") == before


WHOLE_SERVER = {
    "refuses us": {"GREETING": "554 5.7.1 go away"},
    "no EHLO": {"EHLO": "502 what"},
    "closes": {"GREETING": CLOSE},
    "login": {"AUTH": "535 5.7.8 wrong"},
    "sender": {"MAIL": "553 5.7.1 not your address"},
    "log in first": {"MAIL": "530 5.7.0 authentication required"},
}


@pytest.mark.parametrize("case", WHOLE_SERVER)
async def test_what_would_meet_all_ends_the_run_and_nothing_is_lost(database: Database, case: str):
    users = [await database.user(f"u{number}") for number in range(20)]
    await database.due(*users)
    login = {"username": "system", "password": SecretStr(f"canary-{case}")} if case == "login" else {}
    async with ScriptedServer(WHOLE_SERVER[case], auth="PLAIN") as server:  # type: ignore[arg-type]
        with pytest.raises(MailNotSent, match="no reminder can be sent for now: ") as caught:
            await send(database, server, account=account(server, **login))

    assert "canary" not in str(caught.value)
    assert server.connections <= 4
    assert await states(database) == {"Waiting": 20}
    assert set(await database.reminders("attempt_count", "doubt_count", "next_attempt_at = remind_at")) == {
        (0, 0, True)
    }
    await resume_account(database)
    async with ScriptedServer() as server:
        assert await send(database, server) == Report(sent=20)


async def test_nobody_listens(database: Database):
    await database.due(await database.user("Ann"))
    async with ScriptedServer() as server:
        gone = account(server)
    with pytest.raises(MailNotSent, match=f"the mail server 127.0.0.1:{gone.smtp.port} cannot be reached"):
        await send(database, server, account=gone)
    assert await states(database) == {"Waiting": 1}


async def test_three_broken_transactions_in_a_row_end_the_run(database: Database):
    """F50."""
    users = [await database.user(f"u{number:02}") for number in range(20)]
    await database.due(*users)
    async with ScriptedServer({"DATA": CLOSE}) as server:
        with pytest.raises(
            MailNotSent, match=r"attempts in a row broke off, the last: .* closed the connection at DATA"
        ):
            await send(database, server)

    tried = await database.reminders("attempt_count", where="attempt_count > 0")
    assert 3 <= len(tried) <= 6
    assert await states(database) == {"Waiting": 20}


@pytest.mark.parametrize("fault", [CLOSE, SILENT, b"\xff\x00\r\n"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_one_broken_transaction_leaves_the_others_alone(database: Database, step: str, fault: Action):
    """F50."""
    users = [await database.user(f"u{number}") for number in range(6)]
    await database.due(*users)
    async with ScriptedServer({step: [fault]}) as server:
        report = await send(database, server, account=account(server, command_limit=0.3))

    assert report == Report(sent=5, postponed=1)
    assert await states(database) == {"Sent": 5, "Waiting": 1}
    assert await database.reminders("attempt_count", "doubt_count", where="state = 'Waiting'") == [(1, 0)]


# What the account may send


async def test_the_system_account_s_row_sends_signed_and_with_its_reply_to(database: Database, parse: Parse):
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key = Keyring.from_configuration(KEYED)
    await database.due(await database.user("Ann"))
    async with ScriptedServer() as server:
        async with database.connect() as connection:
            added = await add_account(
                connection,
                key,
                AccountEntry(
                    "ours",
                    "System",
                    "127.0.0.1",
                    "crm@example.com",
                    port=server.port,
                    security="none",
                    reply_to_address="answers@example.com",
                    dkim_domain="example.com",
                    dkim_selector="s1",
                    secrets={"dkim_key": SecretStr(pem)},
                ),
            )
            loaded = await load_account(connection, key, added.key)
        assert await Run(database.connect, KEYED).send() == Report(sent=1)

    (message,) = server.messages
    assert parse(message.data)["Reply-To"] == "answers@example.com"
    assert message.sender.startswith("<crm@example.com>")
    assert loaded.signer is not None
    record = loaded.signer.keys[0].dns_record.encode()
    assert dkim.verify(message.data.replace(b"\r\n..", b"\r\n."), dnsfunc=lambda name, timeout=5: record)


async def test_more_than_the_rate_allows_waits_with_the_reason_and_the_job_comes_again(database: Database):
    await database.due(*[await database.user(f"u{number}") for number in range(5)])
    await database.run("DELETE FROM jobrunner.job")
    async with ScriptedServer() as server:
        limited = account(server, limits=Limits(rate_per_hour=2))
        report = await send(database, server, account=limited)
        assert report == Report(sent=1, held="as many mails were sent as its rate allows")
        assert await send(database, server, account=limited) == Report(held=report.held)

    waiting = "the account system is held back: as many mails were sent as its rate allows"
    assert await database.reminders("reason", "attempt_count", where="state = 'Waiting'") == [(waiting, 0)] * 4
    again = await database.wakes()
    assert len(set(again)) == len(again) <= 2
    assert timedelta(minutes=25) < min(again) - await database.now() <= timedelta(minutes=61)


async def test_allowance_that_comes_within_seconds_is_waited_for(database: Database):
    await database.due(*[await database.user(f"u{number}") for number in range(4)])
    async with ScriptedServer() as server:
        limited = account(server, limits=Limits(rate_per_minute=120))
        started = await database.now()
        assert await send(database, server, account=limited) == Report(sent=4)
        assert await send(database, server, account=limited) == Report()
        await database.due(*[await database.user(f"v{number}") for number in range(5)])
        assert await send(database, server, account=limited) == Report(sent=5)
        assert await database.now() - started >= timedelta(seconds=0.9), "two of them had to wait half a second"


@pytest.mark.parametrize("step", ["GREETING", "MAIL", "DATA", "DOT"])
async def test_a_server_to_which_it_is_too_much_is_left_alone_for_a_minute(database: Database, step: str):
    await database.due(*[await database.user(f"u{number}") for number in range(20)])
    await database.run("DELETE FROM jobrunner.job")
    async with ScriptedServer({step: "421 4.7.0 too many messages"}) as server:
        report = await send(database, server)
    assert report.sent == 0
    assert report.held is not None
    assert "421 4.7.0 too many messages" in report.held
    assert len(server.messages) <= 4, "as many as there were connections"
    rows = await database.reminders("state", "attempt_count", "doubt_count", "reason LIKE '%too many messages%'")
    assert set(rows) == {("Waiting", 0, 0, True)}
    (again,) = await database.wakes()
    assert timedelta(seconds=40) < again - await database.now() <= timedelta(seconds=61)

    async with ScriptedServer() as server:
        assert (await send(database, server)).held == report.held, "another run is held back, too"
        assert server.connections == 0
        async with database.connect() as connection:
            await pass_time(connection, timedelta(seconds=61))
        first = await send(database, server)
        assert first.sent > 0, "slowly, at half the pace"
        await resume_account(database)
        assert first.sent + (await send(database, server)).sent == 20


async def test_a_recipient_whose_server_says_too_much_is_put_off_behind_the_others(database: Database):
    """F50: it cools the account down, and is not the first one again when that is over."""
    await database.due(await database.user("Bad"))
    await database.due(await database.user("Ann"))

    def answer(command: str) -> Action | None:
        return "450 4.7.1 too many" if "bad@" in command else None

    async with ScriptedServer({"RCPT": answer}) as server:
        assert (await send(database, server)).postponed == 1
        async with database.connect() as connection:
            await pass_time(connection, timedelta(minutes=2))
        await database.run("UPDATE jobrunner.reminder SET next_attempt_at = next_attempt_at - interval '2 minutes'")
        await send(database, server)
    assert recipients(server) == ["ann@example.org"]


async def test_a_refused_login_pauses_the_account_for_everybody(database: Database):
    await database.due(*[await database.user(f"u{number}") for number in range(20)])
    await database.run("DELETE FROM jobrunner.job")
    async with ScriptedServer({"AUTH": ["535 5.7.8 wrong"]}, auth="PLAIN") as server:
        ours = account(server, username="system", password=SecretStr("canary"))
        with pytest.raises(MailNotSent, match=r"535 5\.7\.8 wrong"):
            await send(database, server, account=ours)
        assert server.connections == 1, "by all connections together it is tried once"
        for _ in range(2):
            report = await send(database, server, account=ours)
            assert report == Report(held="535 5.7.8 wrong (answer to AUTH)")
        assert server.connections == 1
        assert await database.wakes() == [], "only a person can help"
        (reason,) = set(await database.reminders("reason"))
        assert reason == ("the account system is held back: 535 5.7.8 wrong (answer to AUTH)",)
        await resume_account(database)
        assert await send(database, server, account=ours) == Report(sent=20)


async def test_what_is_held_until_it_is_too_late_is_missed_with_the_reason(database: Database):
    await database.due(await database.user("Ann"))
    async with database.connect() as connection:
        await pause(connection, "system", "person", "we move house")
    async with ScriptedServer() as server:
        assert await send(database, server) == Report(held="we move house")
        await database.run("UPDATE jobrunner.reminder SET start_at = now() - interval '61 minutes'")
        assert await send(database, server) == Report(missed=1)
    assert await database.reminders("reason") == [("the account system is held back: we move house",)]


async def test_fewer_connections_where_the_account_says_so(database: Database):
    await database.due(*[await database.user(f"u{number}") for number in range(20)])
    async with ScriptedServer() as server:
        narrow = account(server, limits=Limits(max_connections=1, messages_per_connection=7))
        assert await send(database, server, account=narrow) == Report(sent=20)
    assert server.most_open == 1
    assert server.connections == 3


# Doubt


@pytest.mark.parametrize("fault", [CLOSE, SILENT, b"\xff\x00\r\n"])
async def test_in_doubt_it_is_sent_once_more_with_the_same_message_id(database: Database, fault: Action):
    """F49."""
    await database.due(await database.user("Ann"))
    async with ScriptedServer({"DOT": [fault]}) as server:
        first = await send(database, server, account=account(server, data_limit=0.3))
        assert first == Report(postponed=1)
        assert await database.reminders("state", "doubt_count") == [("Waiting", 1)]
        await database.run("UPDATE jobrunner.reminder SET next_attempt_at = now()")
        assert await send(database, server) == Report(sent=1)

    assert len(server.messages) == 2
    assert len(set(message_ids(server))) == 1


async def test_in_doubt_twice_it_is_left_to_a_person(database: Database):
    """F49."""
    await database.due(await database.user("Ann"))
    async with ScriptedServer({"DOT": [CLOSE, CLOSE]}) as server:
        await send(database, server)
        await database.run("UPDATE jobrunner.reminder SET next_attempt_at = now()")
        assert await send(database, server) == Report(uncertain=1)
        assert await send(database, server) == Report()

    assert await states(database) == {"Uncertain": 1}
    assert len(server.messages) == 2


# Dying, stopping, and others at work


async def running_job(database: Database, claim: int) -> int:
    """Queue a job and claim it as a daemon does."""
    job: int = await database.run("SELECT jobrunner.enqueue('SendEmailReminders')")
    await database.run(
        "UPDATE jobrunner.job SET status = 'Running', claim_id = $2, started_at = now() WHERE id = $1", job, claim
    )
    return job


async def test_killed_while_it_sends_one_mail_of_each_connection_is_doubled_at_most(
    database: Database, database_url: str
):
    """F02: kill -9 with four mails stored by the server and not yet noted."""
    users = [await database.user(f"u{number:02}") for number in range(30)]
    await database.due(*users)
    job = await running_job(database, 1)
    finals = 0

    def answer(command: str) -> Action | None:
        nonlocal finals
        finals += 1
        if finals == 16:
            held.set()
        return SILENT if 12 < finals <= 16 else None

    held = asyncio.Event()
    async with ScriptedServer({"DOT": answer}) as server:
        sender = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.services.reminders.sender",
            database_url,
            str(server.port),
            str(job),
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        try:
            async with asyncio.timeout(30):
                await held.wait()
        finally:
            sender.send_signal(signal.SIGKILL)
            await sender.wait()
        assert await states(database) == {"Sent": 12, "Sending": 4, "Waiting": 14}

        # Its lease has not run out yet: what was being sent is nobody else's.
        assert await send(database, server) == Report(sent=14)
        assert await states(database) == {"Sent": 26, "Sending": 4}

        # The sweep takes its claim back, and another daemon claims the job anew.
        await database.run("UPDATE jobrunner.job SET claim_id = 2 WHERE id = $1", job)
        assert await send(database, server, job_id=job) == Report(sent=4, lost=4)

    assert await states(database) == {"Sent": 30}
    counts = Counter(recipients(server))
    assert Counter(counts.values()) == {1: 26, 2: 4}
    assert len(set(message_ids(server))) == 30


async def test_a_sender_without_a_job_is_lost_when_its_time_is_over(database: Database):
    await database.due(await database.user("Ann"))
    rows = Reminders(database.connect)
    assert await rows.take(7, timedelta(hours=1)) is not None
    async with ScriptedServer() as server:
        assert await send(database, server) == Report()
        await database.run("UPDATE jobrunner.reminder SET sender_until = now() - interval '1 second'")
        assert await send(database, server) == Report(sent=1, lost=1)


async def test_who_wakes_late_changes_nothing(database: Database):
    """F04: the result of a sender whose row was taken by another is not stored."""
    await database.due(await database.user("Ann"))
    late, other = Reminders(database.connect), Reminders(database.connect)
    mine = await late.take(1, timedelta(seconds=-1))
    assert mine is not None
    assert await other.release_lost() == 1
    assert await late.settle(mine, Settlement("Failed", "late")) is None
    theirs = await other.take(2, timedelta(hours=1))
    assert theirs is not None
    assert await late.settle(mine, Settlement("Failed", "late")) is None
    assert await other.settle(theirs, Settlement("Sent", "ok")) == "Sent"
    assert await late.settle(mine, Settlement("Failed", "late")) is None

    assert await database.reminders("state", "reason", "doubt_count") == [("Sent", "ok", 1)]


async def test_two_runs_at_once_send_each_mail_once(database: Database):
    users = [await database.user(f"u{number}") for number in range(40)]
    await database.due(*users)
    async with ScriptedServer() as server:
        reports = await asyncio.gather(*(send(database, server) for _ in range(3)))

    assert sum(report.sent for report in reports) == 40
    assert Counter(recipients(server)).most_common(1)[0][1] == 1


async def test_nothing_of_the_database_is_held_while_mail_is_sent(database: Database):
    users = [await database.user(f"u{number}") for number in range(4)]
    await database.due(*users)
    async with ScriptedServer({"DOT": SILENT}) as server:
        sending = asyncio.create_task(send(database, server))
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

    assert set(await database.reminders("state", "doubt_count")) == {("Waiting", 0), ("Waiting", 1)}


@pytest.mark.parametrize(("step", "doubts"), [("MAIL", 0), ("RCPT", 0), ("DATA", 0), ("DOT", 1)])
async def test_cancelled_it_says_how_far_it_was(database: Database, step: str, doubts: int):
    await database.due(await database.user("Ann"))
    async with ScriptedServer({step: [SILENT]}) as server:
        sending = asyncio.create_task(send(database, server))
        await server.until(step)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await database.reminders("state", "doubt_count") == [("Waiting", doubts)]
        assert server.open == 0 or not server.messages or step == "DOT"


async def test_asked_to_stop_it_finishes_what_is_under_way(database: Database):
    users = [await database.user(f"u{number}") for number in range(20)]
    await database.due(*users)
    stopping = False

    def answer(command: str) -> None:
        nonlocal stopping
        stopping = True

    async with ScriptedServer({"DOT": answer}) as server:
        report = await send(database, server, cancelled=lambda: stopping)

    assert 1 <= report.sent <= 4
    assert report.has_more
    assert await states(database) == {"Sent": report.sent, "Waiting": 20 - report.sent}
    assert (await database.wakes())[-1] <= await database.now()
    assert server.commands.count("QUIT") == server.connections


async def test_a_portion_leaves_the_rest_to_the_next_run(database: Database):
    users = [await database.user(f"u{number}") for number in range(8)]
    await database.due(*users)
    await database.run("DELETE FROM jobrunner.job")
    async with ScriptedServer() as server:
        assert await send(database, server, portion=5) == Report(sent=5, has_more=True)
        assert len(await database.wakes()) == 1
        assert await send(database, server, portion=5) == Report(sent=3)
        assert len(await database.wakes()) == 1


async def test_moved_while_it_is_sent_the_new_time_is_reminded_of_too(database: Database):
    ann = await database.user("Ann")
    meeting = await database.due(ann)
    async with ScriptedServer({"DOT": [SILENT]}) as server:
        sending = asyncio.create_task(send(database, server, account=account(server, data_limit=0.5)))
        await server.until("DOT")
        await database.run(
            "UPDATE jobrunner.meeting SET date_start = date_start + interval '1 day' WHERE id = $1", meeting
        )
        await sending

    start = await database.run("SELECT date_start FROM jobrunner.meeting")
    assert await database.reminders("start_at", "state") == [(start, "Waiting")]


# The database


async def test_the_result_is_kept_until_the_database_is_back(database: Database):
    """F11."""
    await database.due(await database.user("Ann"))
    failing = Failing(database.connect)

    def answer(command: str) -> None:
        failing.failures = 3

    async with ScriptedServer({"DOT": answer}) as server:
        report = await Run(failing.connect, CONFIGURATION, account=account(server)).send()

    assert report == Report(sent=1)
    assert await states(database) == {"Sent": 1}
    assert len(server.messages) == 1


async def test_a_database_that_stays_away_fails_the_run(database: Database, monkeypatch: pytest.MonkeyPatch):
    """F11."""
    monkeypatch.setattr(delivery_module, "SETTLE_LIMIT", 0.2)
    await database.due(await database.user("Ann"))
    failing = Failing(database.connect)

    def answer(command: str) -> None:
        failing.failures = 1000

    async with ScriptedServer({"DOT": answer}) as server:
        with pytest.raises(asyncpg.CannotConnectNowError):
            await Run(failing.connect, CONFIGURATION, account=account(server)).send()
    assert await states(database) == {"Sending": 1}


async def test_secrets_are_in_no_log(database: Database, caplog: pytest.LogCaptureFixture):
    """H21."""
    await database.due(await database.user("Ann"))
    caplog.set_level(logging.DEBUG)
    async with ScriptedServer(auth="PLAIN") as server:
        login = {"username": "system", "password": SecretStr("canary-71c2")}
        assert await send(database, server, account=account(server, **login)) == Report(sent=1)

    assert any(command.startswith("AUTH PLAIN ") for command in server.commands)
    assert "reminders: 1 sent" in caplog.text
    assert "canary-71c2" not in caplog.text
    assert "AUTH" not in caplog.text


async def test_taking_and_freeing_rows_are_looks_at_an_index(database: Database):
    """Whatever waits for later or is finished."""
    ann = await database.user("Ann")
    await database.run(
        "INSERT INTO jobrunner.reminder"
        " (entity_type, entity_id, user_id, type, start_at, remind_at, next_attempt_at, state, finished_at)"
        " SELECT 'Meeting', n::text, $1, 'Email', now(), now(), now() + interval '30 minutes',"
        " CASE n % 2 WHEN 0 THEN 'Waiting' ELSE 'Sent' END::jobrunner.reminder_state,"
        " CASE n % 2 WHEN 0 THEN NULL ELSE now() END FROM generate_series(1, 20000) AS n",
        ann,
    )
    await database.run("ANALYZE jobrunner.reminder")
    hour = timedelta(hours=1)
    statements = (
        ("take_reminder", "reminder_waiting", (1, None, hour, hour)),
        ("release_lost_reminders", "reminder_sending", ()),
    )
    for name, index, arguments in statements:
        async with database.connect() as connection, connection.transaction():
            plan = await connection.fetchval(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {load('jobrunner.services.reminders', name)}", *arguments
            )
        assert index in plan
        assert '"Rows Removed by Filter": 0' in plan or "Rows Removed by Filter" not in plan
        assert '"Seq Scan"' not in plan
