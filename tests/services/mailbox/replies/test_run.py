"""Automatic answers on their way (RFC 3834, 3): what they say, and once, whatever dies."""

import asyncio
import signal
import sys
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import asyncpg
import pytest

from jobrunner.db.secrets import Keyring, signing_keys
from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.accounts import pause
from jobrunner.services.mail.accounts.entry import AccountEntry
from jobrunner.services.mail.accounts.table import add_account
from jobrunner.services.mail.delivery import MailNotSent
from jobrunner.services.mail.importing.storing import Importer, RecordIds
from jobrunner.services.mail.importing.storing.record_ids import PURPOSE
from jobrunner.services.mailbox.follow_ups.enqueue import enqueue_follow_ups
from jobrunner.services.mailbox.replies.compose import REFERENCES_ROOM, threading_fields
from jobrunner.services.mailbox.replies.run import Report
from jobrunner.services.records import add_account as add_company
from jobrunner.services.records import add_contact
from tests.services.mail.smtp.scripted_server import CLOSE, SILENT, Action, ScriptedServer
from tests.services.mailbox.desk import Desk
from tests.services.mailbox.replies.answers import answering, configuration, send

Parse = Callable[[bytes], EmailMessage]


async def states(desk: Desk) -> list[str | None]:
    return await desk.column("SELECT reply::text FROM jobrunner.mail_follow_up ORDER BY email_id")


async def running_job(desk: Desk, claim: int) -> int:
    """Queue a job and claim it as a daemon does."""
    job: int = await desk.connection.fetchval("SELECT jobrunner.enqueue('SendAutoReplies')")
    await desk.connection.execute(
        "UPDATE jobrunner.job SET status = 'Running', claim_id = $2, started_at = now() WHERE id = $1", job, claim
    )
    return job


async def test_what_goes_over_the_wire(desk: Desk, parse: Parse):
    """Null return path; Auto-Submitted: auto-replied; the thread of the mail; nothing of its text or files."""
    help = await answering(desk, reply_from_name="Help Desk", reply_to_address="answers@example.org")
    async with ScriptedServer() as server:
        source = desk.letter(
            b"secret words\r\n", message_id="<b@example.com>", References="<a@example.com>", subject="Printer"
        )
        await desk.get(help, source)
        assert await send(desk, help, server.port) == Report(sent=1)
    (message,) = server.messages
    assert (message.sender.split()[0], message.recipients) == ("<>", ["<cus@example.com>"])
    mail = parse(message.data)
    assert [mail[name] for name in ("From", "To", "Reply-To", "Subject")] == [
        "Help Desk <help@example.org>", "cus@example.com", "answers@example.org", "We got it",
    ]  # fmt: skip
    assert [mail[name] for name in ("Auto-Submitted", "X-Auto-Response-Suppress", "Precedence")] == [
        "auto-replied", "All", "auto_reply",
    ]  # fmt: skip
    assert (mail["In-Reply-To"], mail["References"]) == ("<b@example.com>", "<a@example.com> <b@example.com>")
    assert mail.get_content().strip() == "Thank you."
    assert b"secret" not in message.data
    assert await states(desk) == ["Sent"]


async def test_the_answer_of_what_opened_a_case(desk: Desk, parse: Parse):
    """The template knows case, sender, mail and assignee; values are escaped."""
    acme = await add_company(desk.connection, "Acme & Co")
    await add_contact(desk.connection, "Cus", "Tomer", "cus@example.com", account_id=acme, fields={"city": "Rome"})
    help = await answering(
        desk,
        create_case=True,
        assign_to_user_id=await desk.user("ann"),
        subject="{Email.subject}: received",
        body="<p>{Person.name} of {Person.account.name}, {Contact.city}: "
        "case {Case.number} ({Parent.name}) is with {User.name}.</p>",
        is_html=True,
    )
    async with ScriptedServer() as server:
        await desk.get(help, desk.letter(subject="<Printer>"))
        await send(desk, help, server.port)
    mail = parse(server.messages[0].data)
    assert mail["Subject"] == "[#1] <Printer>: received"
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert "Cus Tomer of Acme &amp; Co, Rome: case 1 (&lt;Printer&gt;) is with Ann." in html.get_content()
    assert "Cus Tomer of Acme & Co, Rome: case 1 (<Printer>) is with Ann." in text.get_content()


async def test_whom_nobody_knows_has_the_name_in_from(desk: Desk, parse: Parse):
    help = await answering(desk, subject="", body="Dear {Person.name} ({Contact.email})")
    async with ScriptedServer() as server:
        await desk.get(help, desk.letter(sender='"Stranger, A." <s@example.com>', subject="Hi"))
        await send(desk, help, server.port)
    mail = parse(server.messages[0].data)
    assert (mail["Subject"], mail.get_content().strip()) == ("Re: Hi", "Dear Stranger, A. (s@example.com)")


async def test_whoever_writes_in_anothers_name_is_told_nothing_of_them(desk: Desk, parse: Parse):
    """The answer goes to the return path, which need not be whose address stands in From."""
    await add_contact(desk.connection, "Cus", "Tomer", "cus@example.com", fields={"city": "Rome"})
    help = await answering(desk, body="Dear {Person.name} in {Person.city}")
    async with ScriptedServer() as server:
        await desk.get(help, desk.letter(sender="Somebody <cus@example.com>", Return_Path="<eve@example.net>"))
        await send(desk, help, server.port)
    assert server.messages[0].recipients == ["<eve@example.net>"]
    assert parse(server.messages[0].data).get_content().strip() == "Dear Somebody in"


async def test_it_is_a_mail_of_ours_and_what_answers_it_finds_the_case(desk: Desk):
    help = await answering(desk, create_case=True)
    keyring = Keyring.from_configuration(configuration(desk.url, 1))
    ids = RecordIds(await signing_keys(desk.connection, keyring, PURPOSE))
    desk.importer = Importer(desk.root, record_ids=ids, follow_up=enqueue_follow_ups)
    async with ScriptedServer() as server:
        (first,) = await desk.arrive(help, desk.letter(subject="Printer"))
        await desk.follow()
        await send(desk, help, server.port)
    (ours,) = await desk.connection.fetch("SELECT * FROM jobrunner.email WHERE status = 'Sent'")
    assert (ours["subject"], ours["replied_id"], ours["thread_id"]) == ("[#1] We got it", first, first)
    assert (ours["parent_type"], ours["is_automatic"]) == ("Case", True)
    answer = desk.letter(sender="Boss <boss@example.com>", In_Reply_To=ours["message_id"], subject="Re: your mail")
    (followed,) = await desk.get(help, answer)
    assert followed.case is not None
    assert (followed.case.number, followed.case.act) == (1, "Attached")
    # Also where the mail itself is deleted: the id says so.
    await desk.connection.execute("DELETE FROM jobrunner.email")
    (followed,) = await desk.get(help, desk.letter(sender="x@example.com", In_Reply_To=ours["message_id"]))
    assert followed.case is not None
    assert followed.case.number == 1


async def test_a_copy_of_it_that_comes_back_stays_ours(desk: Desk):
    help = await answering(desk)
    async with ScriptedServer() as server:
        await desk.get(help, desk.letter())
        await send(desk, help, server.port)
    assert (await desk.take(help, server.messages[0].data, first=50))[0].result == "Merged"
    assert sorted(await desk.column("SELECT status::text FROM jobrunner.email")) == ["Archived", "Sent"]
    assert [followed.answer and followed.answer.reason for followed in await desk.follow()] == [
        "it is a mail of our own"
    ]


def test_ids_of_strangers_are_no_header_of_ours():
    assert threading_fields("<a b@x>", []) == {}
    assert threading_fields("<a@x>\r\nBcc: <b@x>", []) == {}
    assert threading_fields(None, ["<a@x>"]) == {}
    assert threading_fields("<b@x>", ["<a@x>", "sha256:00", "<ü@x>", "<b@x>"])["References"] == "<a@x> <b@x>"
    many = threading_fields("<last@x>", [f"<{n}-{'y' * 50}@x>" for n in range(100)])["References"]
    assert len(many) <= REFERENCES_ROOM
    assert many.startswith("<0-")
    assert many.endswith(f"<99-{'y' * 50}@x> <last@x>")


# By which account


async def add_smtp(desk: Desk, port: int, **options: Any) -> int:
    keyring = Keyring.from_configuration(configuration(desk.url, port))
    given = {"kind": "Group", "host": "127.0.0.1", "port": port, "security": "none", "from_address": "help@example.org"}
    entry = AccountEntry(**{"name": "Help out", **given, **options})
    return (await add_account(desk.connection, keyring, entry)).id


async def test_it_goes_by_the_account_of_its_own_or_else_by_the_systems(desk: Desk):
    async with ScriptedServer() as own, ScriptedServer() as systems:
        help = await answering(desk, smtp_account_id=await add_smtp(desk, own.port))
        await desk.get(help, desk.letter())
        await send(desk, help, systems.port)
        await desk.connection.execute("UPDATE jobrunner.smtp_account SET status = 'Inactive'")
        await desk.get(help, desk.letter())
        await send(desk, help, systems.port)
    assert (len(own.messages), len(systems.messages)) == (1, 1)


async def test_without_any_account_it_waits(desk: Desk):
    help = await answering(desk)
    await desk.get(help, desk.letter())
    with pytest.raises(ConfigurationError, match="no mail server is configured for automatic answers"):
        await send_without_server(desk, help.id)
    assert await states(desk) == ["Waiting"]


async def send_without_server(desk: Desk, account_id: int) -> None:
    from jobrunner.config import load
    from jobrunner.services.mailbox.replies.run import Run
    from tests.services.mailbox.replies.answers import KEY

    async with asyncpg.create_pool(desk.url, min_size=0, max_size=2) as pool:
        await Run(pool.acquire, load(database_url=desk.url, secret_key=KEY), account_id).send()


async def test_a_paused_account_sends_nothing_and_is_looked_at_again(desk: Desk):
    async with ScriptedServer() as server:
        help = await answering(desk)
        await desk.get(help, desk.letter())
        await pause(desk.connection, "system", "person", "look here")
        report = await send(desk, help, server.port)
    assert (report.sent, server.messages, await states(desk)) == (0, [], ["Waiting"])
    assert "look here" in str(report.held)
    ahead = (
        "SELECT count(*) FROM jobrunner.job WHERE name = 'SendAutoReplies' AND execute_at > now() + interval '9 min'"
    )
    assert await desk.column(ahead) == [1]


async def test_an_account_that_gives_no_answers_any_more(desk: Desk):
    help = await answering(desk)
    await desk.get(help, desk.letter())
    await desk.connection.execute("UPDATE jobrunner.inbound_email SET reply = false")
    assert await send(desk, help, 1) == Report(skipped=1)
    assert await states(desk) == ["Skipped"]


# Faults


async def test_a_server_that_demands_a_return_path_gets_the_accounts(desk: Desk):
    """It is asked without one first, once in a run."""
    refusal = "550 5.7.60 client does not have permissions to send as this sender"
    async with ScriptedServer({"MAIL": lambda command: refusal if "<>" in command else None}) as server:
        help = await answering(desk)
        await desk.get(help, desk.letter(), desk.letter(sender="c@example.net"))
        assert (await send(desk, help, server.port)).sent == 2
    assert [message.sender.split()[0] for message in server.messages] == ["<help@example.org>"] * 2
    assert sum("<>" in command for command in server.commands) == 1


async def test_what_is_deferred_goes_later_and_what_is_refused_does_not(desk: Desk):
    async with ScriptedServer({"RCPT": ["451 4.3.0 later", "550 5.1.1 user unknown"]}) as server:
        help = await answering(desk)
        await desk.get(help, desk.letter())
        assert await send(desk, help, server.port) == Report(postponed=1)
        await desk.connection.execute("UPDATE jobrunner.mail_follow_up SET next_attempt_at = now()")
        assert await send(desk, help, server.port) == Report(failed=1)
    (row,) = await desk.connection.fetch("SELECT * FROM jobrunner.mail_follow_up")
    assert (row["reply"], "user unknown" in row["reply_reason"]) == ("Failed", True)
    assert await desk.count("email") == 1


async def test_a_server_that_is_away_costs_nothing(desk: Desk):
    async with ScriptedServer() as server:
        port = server.port
    help = await answering(desk)
    await desk.get(help, desk.letter())
    with pytest.raises((MailNotSent, Exception), match="cannot be reached"):
        await send(desk, help, port)
    assert await states(desk) == ["Waiting"]


async def test_in_doubt_it_goes_once_more_with_the_same_id(desk: Desk):
    """F02: the connection ends after the final dot; the second time too. Never a third."""
    async with ScriptedServer({"DOT": CLOSE}) as server:
        help = await answering(desk)
        await desk.get(help, desk.letter())
        for report in (Report(postponed=1), Report(uncertain=1), Report()):
            await desk.connection.execute(
                "UPDATE jobrunner.mail_follow_up SET next_attempt_at = now() WHERE reply = 'Waiting'"
            )
            await desk.connection.execute("DELETE FROM jobrunner.smtp_account_state")
            assert await send(desk, help, server.port) == report
    assert await states(desk) == ["Uncertain"]
    ids = [message_id(message.data) for message in server.messages]
    assert (len(ids), len(set(ids))) == (2, 1)


async def test_a_template_that_fails_fails_alone(desk: Desk):
    help = await answering(desk, body="{{ 1 / 0 }}")
    async with ScriptedServer() as server:
        await desk.get(help, desk.letter())
        assert await send(desk, help, server.port) == Report(failed=1)
    assert server.messages == []


async def test_an_answer_that_waited_for_a_day_is_none_any_more(desk: Desk):
    async with ScriptedServer() as server:
        help = await answering(desk)
        await desk.get(help, desk.letter())
        await desk.connection.execute("UPDATE jobrunner.mail_follow_up SET created_at = now() - interval '25 hours'")
        assert await send(desk, help, server.port) == Report(failed=1)
    assert (server.messages, await states(desk)) == ([], ["Failed"])


async def test_killed_while_it_sends(desk: Desk):
    """F02: kill -9 with answers at the server that are not yet noted: each goes once more, with the same id."""
    help = await answering(desk)
    await desk.connection.execute(
        "INSERT INTO jobrunner.setting (name, value) VALUES ('email_auto_reply_domain_limit', '100')"
    )
    await desk.get(help, *(desk.letter(sender=f"c{n}@example.com") for n in range(8)))
    held = asyncio.Event()
    finals = 0

    def answer(command: str) -> Action | None:
        nonlocal finals
        finals += 1
        if finals > 2:
            held.set()
            return SILENT
        return None

    job = await running_job(desk, 1)
    async with ScriptedServer({"DOT": answer}) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.services.mailbox.replies.answers",
            desk.url,
            str(server.port),
            str(help.id),
            str(job),
        )
        try:
            async with asyncio.timeout(30):
                await held.wait()
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
    in_doubt = (await states(desk)).count("Sending")
    assert in_doubt >= 1
    first = [message_id(message.data) for message in server.messages]

    async with ScriptedServer() as server:
        # Its lease has not run out yet: what was being sent is nobody else's.
        assert (await send(desk, help, server.port)).lost == 0
        # The sweep takes its claim back.
        await desk.connection.execute("UPDATE jobrunner.job SET claim_id = 2 WHERE id = $1", job)
        assert (await send(desk, help, server.port)).lost == in_doubt
    ids = first + [message_id(message.data) for message in server.messages]
    assert await states(desk) == ["Sent"] * 8
    assert len(set(ids)) == 8
    assert len(ids) <= 8 + in_doubt


def message_id(data: bytes) -> str:
    return next(line for line in data.decode().split("\r\n") if line.lower().startswith("message-id:"))


async def test_addresses_of_an_answer_to_everybody(desk: Desk):
    """exclude_from_reply: a group account that is on the mail anyway is not written to."""
    help = await desk.group(create_case=True, exclude_from_reply=True)
    source = desk.letter(to="help@example.org, Ann <ann@example.org>", Cc="cus@example.com, bob@example.org")
    (id,) = await desk.arrive(help, source)
    rows = await desk.connection.fetch(
        "SELECT role::text, address, name FROM jobrunner.addresses_to_answer($1, ARRAY['BOB@example.org'])", id
    )
    assert [tuple(row) for row in rows] == [("To", "cus@example.com", "Cus"), ("To", "ann@example.org", "Ann")]
    everybody = await desk.column("SELECT address FROM jobrunner.addresses_to_answer($1)", id)
    assert sorted(everybody) == ["ann@example.org", "bob@example.org", "cus@example.com"]
