"""The Sent folder at a real Dovecot: what was sent is there, once, as it went, whatever dies in between."""

import asyncio
import os
import random
import signal
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobrunner.services.mail.accounts import SentCopy, keep_copy
from jobrunner.services.mail.imap import Fault, Limits, connect
from jobrunner.services.mailbox.accounts.loading import load_account
from jobrunner.services.mailbox.accounts.state import pause
from jobrunner.services.mailbox.sent import StoreRun, run
from jobrunner.services.mailbox.sent.troubles import list_storing_troubles
from tests.services.mail.accounts.books import add_row
from tests.services.mail.imap.conftest import QUICK
from tests.services.mail.imap.scripted_server import CLOSE, ScriptedServer
from tests.services.mailbox.conftest import PostOffice

SENT_AT = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
FOLDER = "Sent"
LIMIT = 60.0
KILLS = 20 if os.environ.get("JOBRUNNER_LONG") else 4


async def mailbox(office: PostOffice, user: str, **columns: Any) -> tuple[int, int]:
    """Return an account that stores what is sent by an SMTP account, and the id of that."""
    sender = int(await add_row(office.connection, name=f"by {user}", from_address=f"{user}@example.org"))
    values = {"store_sent_emails": True, "sent_folder": FOLDER, "smtp_account_id": sender} | columns
    return await office.account(user, **values), sender


def letter(number: int) -> bytes:
    return (
        b"From: a@example.org\r\nTo: b@example.org\r\nMessage-ID: <m%d@example.org>\r\nSubject: n %d\r\n\r\n"
        b".a line with a dot\r\nand \xe2\x82\xac\r\n" % (number, number)
    )


async def keep(office: PostOffice, sender: int, user: str, *numbers: int) -> None:
    for number in numbers:
        copy = SentCopy(sender, f"{user}@example.org", f"<m{number}@example.org>", SENT_AT, letter(number))
        await keep_copy(office.connection, copy)


def storing(office: PostOffice, id: int, **options: Any) -> StoreRun:
    options = {"limits": QUICK, **options}
    return StoreRun(office.connect, office.configuration, "Personal", id, **options)


def stored(office: PostOffice, user: str, folder: str = FOLDER) -> list[tuple[bytes, bytes]]:
    """Flags and octets of what is in the folder."""
    with office.dovecot.client(user) as client:
        client.select(f'"{folder}"', readonly=True)
        _, (found,) = client.search(None, "ALL")
        if not found:
            return []
        _, answers = client.fetch(found.replace(b" ", b",").decode(), "(FLAGS INTERNALDATE BODY.PEEK[])")
        return [(one[0], one[1]) for one in answers if isinstance(one, tuple)]


async def waiting(office: PostOffice) -> list[Any]:
    return list(await office.connection.fetch("SELECT * FROM jobrunner.sent_copy ORDER BY id"))


async def test_what_was_sent_is_stored_as_it_went_in_a_folder_that_is_made(office: PostOffice, user: str):
    id, sender = await mailbox(office, user, sent_folder="Gesendet/Jahr – 2026")
    await keep(office, sender, user, 1, 2, 1)
    jobs = "SELECT target_type, target_id FROM jobrunner.job WHERE name = 'StoreSentEmails'"
    assert [tuple(row) for row in await office.connection.fetch(jobs)] == [("EmailAccount", str(id))]
    report = await storing(office, id).store()
    assert (report.stored, report.found, report.put_off) == (2, 0, 0)
    assert await waiting(office) == []
    account = await load_account(office.connection, office.keyring, "Personal", id)
    box = await connect(account.imap)
    names = [folder.name for folder in await box.folders()]
    await box.logout()
    assert "Gesendet/Jahr – 2026" in names
    with office.dovecot.client(user) as client:
        _, subscribed = client.lsub()
    assert any(b"Gesendet" in one for one in subscribed if isinstance(one, bytes))
    (found,) = [one for one in subscribed if isinstance(one, bytes) and b"2026" in one]
    rows = stored(office, user, found.decode().rpartition('"/" ')[2].strip('"'))
    assert [content for _, content in rows] == [letter(1), letter(2)]
    for flags, _ in rows:
        assert b"\\Seen" in flags
        assert b"2-Mar-2026 12:30:00 +0000" in flags


async def test_killed_again_and_again_nothing_is_missing_or_twice(office: PostOffice, user: str):
    """H15: read from the server."""
    id, sender = await mailbox(office, user)
    await keep(office, sender, user, *range(60))
    randomly = random.Random(4)
    command = (
        sys.executable, "-m", "tests.services.mailbox.sent.storer",
        office.url, str(office.configuration.data_dir), str(id),
    )  # fmt: skip
    kills = 0
    async with asyncio.timeout(LIMIT):
        while left := len(await waiting(office)):
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            if kills < KILLS:
                # At a moment of its work, not by the clock: when some more are done.
                goal = max(0, left - randomly.randint(1, 12))
                while len(await waiting(office)) > goal and process.returncode is None:
                    await asyncio.sleep(0)
                process.send_signal(signal.SIGKILL)
                kills += 1
            await process.communicate()
    assert kills == KILLS
    assert sorted(content for _, content in stored(office, user)) == sorted(letter(n) for n in range(60))


async def test_an_answer_that_was_lost_does_not_double(office: PostOffice, user: str, monkeypatch: pytest.MonkeyPatch):
    """The server has stored it, and the line breaks before it says so."""
    from jobrunner.services.mail.imap.fault import LineBroken
    from jobrunner.services.mail.imap.protocol import ImapProtocol

    id, sender = await mailbox(office, user)
    await keep(office, sender, user, 1, 2)
    real = ImapProtocol.finish

    async def lost(protocol: ImapProtocol, exchange: Any, *options: Any, **more: Any) -> Any:
        result = await real(protocol, exchange, *options, **more)
        if exchange.name == "APPEND":
            raise LineBroken(Fault.LOST, "cut")
        return result

    monkeypatch.setattr(ImapProtocol, "finish", lost)
    assert (await storing(office, id).store()).put_off == 1
    monkeypatch.undo()
    rows = await waiting(office)
    assert len(rows) == 2
    assert all("was lost at storing in the folder 'Sent'" in row["trouble"] for row in rows)
    assert all(row["next_attempt_at"] > row["created_at"] for row in rows)
    (sentence,) = await list_storing_troubles(office.connection)
    assert sentence.startswith(f"2 mails that went by the account 'of {user}' since ")
    await office.connection.execute("UPDATE jobrunner.sent_copy SET next_attempt_at = now()")
    report = await storing(office, id).store()
    assert (report.found, report.stored) == (1, 1)
    assert len(stored(office, user)) == 2
    assert await list_storing_troubles(office.connection) == []


async def test_who_was_frozen_in_between_takes_back_what_another_one_has_stored(
    office: PostOffice, user: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "SUSPICIOUS", 0.0)
    id, sender = await mailbox(office, user)
    await keep(office, sender, user, 1)
    assert (await storing(office, id).store()).stored == 1
    assert len(stored(office, user)) == 1, "alone it takes nothing back"
    await keep(office, sender, user, 2)
    first = storing(office, id)
    fetch, other = first._fetch, storing(office, id)

    async def meanwhile(statement: str, *arguments: Any) -> Any:
        rows = await fetch(statement, *arguments)
        if statement == run.READ_COPY:
            await other.store()
        return rows

    monkeypatch.setattr(first, "_fetch", meanwhile)
    await first.store()
    assert other.report.stored == 1
    assert [content for _, content in stored(office, user)] == [letter(1), letter(2)]


async def test_a_folder_that_cannot_be_made_is_one_clear_trouble(office: PostOffice, user: str):
    id, sender = await mailbox(office, user, sent_folder="a//b")
    await keep(office, sender, user, 1)
    assert (await storing(office, id).store()).put_off == 1
    (row,) = await waiting(office)
    assert "Has adjacent hierarchy separators" in row["trouble"]
    assert row["attempt_count"] == 1


async def test_a_server_without_the_folder_says_so_at_append(office: PostOffice):
    """[TRYCREATE]: the folder goes between the look and the storing."""
    async with ScriptedServer({"SEARCH": "* SEARCH\r\nTAG OK done", "APPEND": "TAG NO [TRYCREATE] no such"}) as server:
        id, sender = await mailbox(office, "ann", port=server.port)
        await keep(office, sender, "ann", 1)
        assert (await storing(office, id).store()).put_off == 1
    (row,) = await waiting(office)
    assert "has no such folder" in row["trouble"]


async def test_what_cannot_be_stored_is_given_up_after_a_week_and_only_that(
    office: PostOffice, caplog: pytest.LogCaptureFixture
):
    async with ScriptedServer({"SELECT": CLOSE}) as server:
        id, sender = await mailbox(office, "ann", port=server.port)
        await keep(office, sender, "ann", 1, 2)
        await office.connection.execute(
            "UPDATE jobrunner.sent_copy SET created_at = created_at - interval '8 days' WHERE message_id LIKE '<m1@%'"
        )
        report = await storing(office, id).store()
    assert (report.put_off, report.given_up) == (1, 1)
    assert [row["message_id"] for row in await waiting(office)] == ["<m2@example.org>"]
    assert "<m1@example.org> was sent, and could not be stored in a week" in caplog.text


async def test_a_refused_login_holds_the_account_back(office: PostOffice, user: str):
    id, sender = await mailbox(office, user, password="wrong")
    await keep(office, sender, user, 1)
    assert (await storing(office, id).store()).put_off == 1
    assert (await office.state(id))["failures"] == 1
    await office.connection.execute("UPDATE jobrunner.sent_copy SET next_attempt_at = now()")
    await pause(office.connection, "Personal", id, "moving house")
    await storing(office, id).store()
    assert (await office.state(id))["failures"] == 1, "a paused account is not tried"
    assert "paused: moving house" in (await waiting(office))[0]["trouble"]


async def test_in_whose_folder_a_mail_belongs(office: PostOffice):
    """Of several accounts that send by one it is the one with the mail's address; where none has it, none."""
    ann, sender = await mailbox(office, "ann")
    for number, address in enumerate(("ann@example.org", "office@example.org")):
        await keep_copy(office.connection, SentCopy(sender, address, f"<a{number}@x>", SENT_AT, b"x"))
    columns = {"store_sent_emails": True, "sent_folder": FOLDER, "smtp_account_id": sender}
    bob = await office.account("bob", **columns)
    await office.account("cid", **{**columns, "store_sent_emails": False})
    help_desk = await office.account("help", kind="Group", **columns)
    for number, address in enumerate(("BOB@example.org", "help@example.org", "office@example.org", "cid@example.org")):
        await keep_copy(office.connection, SentCopy(sender, address, f"<b{number}@x>", SENT_AT, b"x"))
    places = [(row["message_id"], row["account_kind"], row["account_id"]) for row in await waiting(office)]
    assert places == [
        ("<a0@x>", "Personal", ann),
        ("<a1@x>", "Personal", ann),
        ("<b0@x>", "Personal", bob),
        ("<b1@x>", "Group", help_desk),
    ]
    await office.connection.execute("DELETE FROM jobrunner.email_account WHERE id = $1", ann)
    assert len(await waiting(office)) == 2, "what waits goes with its account"


async def test_what_was_noted_as_sent_is_kept_with_it_or_not_at_all(office: PostOffice, user: str):
    from jobrunner.services.mail.accounts import keeping_copy

    _, sender = await mailbox(office, user)
    copy = SentCopy(sender, f"{user}@example.org", "<m@x>", SENT_AT, b"x")

    @asynccontextmanager
    async def noting(connection: Any) -> Any:
        async with keeping_copy(connection, copy):
            yield

    async with office.connect() as connection:
        with pytest.raises(RuntimeError, match="the note"):
            async with noting(connection):
                raise RuntimeError("the note fails")
        assert await waiting(office) == []
        # What cannot be kept costs no note.
        bad = SentCopy(sender, f"{user}@example.org", "x", SENT_AT, b"x")
        async with keeping_copy(connection, bad):
            await connection.execute("UPDATE jobrunner.email_account SET name = 'noted'")
        assert await office.connection.fetchval("SELECT name FROM jobrunner.email_account") == "noted"
    assert await waiting(office) == []


def test_the_limits():
    assert Limits() == run.LIMITS
    assert timedelta(days=1) < run.GIVE_UP
