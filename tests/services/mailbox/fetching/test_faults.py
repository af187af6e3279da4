"""Servers that fail at any step: what was imported stays, nothing is lost or doubled, and the account says why."""

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from jobrunner.errors import LimitExceeded
from jobrunner.services.mail.imap import Fault, Limits, MailboxError
from jobrunner.services.mailbox.fetching.desk import Portions
from tests.services.mail.imap.scripted_server import CLOSE, SILENT, ScriptedServer, ThenClose
from tests.services.mail.importing.letters import letter, rich
from tests.services.mailbox.conftest import PostOffice, letters

SUBJECTS = ["a", "b", "c"]
SOURCES = dict(enumerate(letters(SUBJECTS), 1))
SHORT = Limits(connect=2, silence=0.5, command=5, farewell=0.2)


def answers(broken: Callable[[int], Any] = lambda uid: None) -> Callable[[str], Any]:
    """FETCH as a server does it; for some UIDs something else comes instead of the message."""

    def answer(command: str) -> Any:
        uids = uids_of(command)
        if "BODY" not in command:
            rows = [
                f"* {uid} FETCH (UID {uid} FLAGS () RFC822.SIZE {len(SOURCES[uid])}"
                f' INTERNALDATE "02-Mar-2026 10:00:00 +0000")\r\n'.encode()
                for uid in uids
            ]
            return b"".join([*rows, b"TAG OK told\r\n"])
        octets = b""
        for uid in uids:
            fault = broken(uid)
            if isinstance(fault, ThenClose):
                text = fault.text.encode() if isinstance(fault.text, str) else fault.text
                return ThenClose(octets + text)
            if fault is not None:
                return fault
            octets += b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, uid, len(SOURCES[uid]), SOURCES[uid])
        return octets + b"TAG OK fetched\r\n"

    return answer


def uids_of(command: str) -> list[int]:
    found: list[int] = []
    for part in command.split()[2].split(","):
        first, _, last = part.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


ONE_BY_ONE = Portions(batch_messages=1)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (ThenClose(b"* 3 FETCH (UID 3 BODY[] {500}\r\nFrom: half"), Fault.LOST),
        (ThenClose(b"* BYE going down\r\n"), Fault.BYE),
        (CLOSE, Fault.LOST),
        (SILENT, Fault.TIMEOUT),
    ],
    ids=["in a literal", "BYE", "closed", "silent"],
)
async def test_a_line_that_breaks_keeps_what_was_imported(office: PostOffice, fault: Any, expected: Fault):
    """F51: cut in the third message: the next run brings that one, and none twice."""
    async with ScriptedServer({"FETCH": answers(lambda uid: fault if uid == 3 else None)}) as server:
        id = await office.account("ann", port=server.port)
        with pytest.raises(MailboxError) as broken:
            await office.fetch(id, portions=ONE_BY_ONE, limits=SHORT)
        assert broken.value.fault is expected
        assert await office.subjects() == ["a", "b"]
        state = await office.state(id)
        assert state["failures"] == 1
        assert state["last_trouble_folder"] == "INBOX"
        assert state["retry_at"] is not None

        server.script = {"FETCH": answers()}
        server.script["SEARCH"] = lambda command: "* SEARCH 1 2 3\r\nTAG OK found"
        await office.fetch(id)
        assert await office.subjects() == SUBJECTS
        assert (await office.state(id))["failures"] == 0


async def test_a_server_that_hangs_after_select_is_named(office: PostOffice):
    async with ScriptedServer({"SEARCH": SILENT}) as server:
        id = await office.account("ann", port=server.port)
        with pytest.raises(MailboxError, match="gave no answer to SEARCH"):
            await office.fetch(id, limits=SHORT)
        assert "gave no answer" in (await office.state(id))["last_trouble"]


@pytest.mark.parametrize(
    "script",
    [
        {"SELECT": f"* OK {'x' * 100_000}\r\nTAG OK"},
        {"SELECT": "* 1 EXISTS\r\n" * 250_000},
        {"FETCH": answers(lambda uid: b"* 1 FETCH (UID 1 BODY[] {1000000000000}\r\nand so on")},
    ],
    ids=["a line without end", "lines without end", "a literal of a terabyte"],
)
async def test_a_server_that_floods_pauses_the_account(office: PostOffice, script: Any):
    """H23: what it sends is capped, the account says why it is paused; another one is read as ever."""
    async with ScriptedServer(script) as server, ScriptedServer({"FETCH": answers()}) as good:
        id = await office.account("ann", port=server.port)
        other = await office.account("bob", port=good.port)
        for _ in range(10):
            with pytest.raises(MailboxError) as flooded:
                await office.fetch(id)
            assert flooded.value.fault is Fault.FLOOD
            if (state := await office.state(id))["paused_kind"]:
                break
        assert state["paused_kind"] == "server"
        assert "sent more in answer" in state["pause_reason"]
        assert (await office.fetch(other)).messages == {"Imported": 3}


async def test_many_short_lines_in_one_read_are_no_fault(office: PostOffice):
    """H23: the library's own receiver calls itself once for each line."""
    usual = "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4] next\r\nTAG OK [READ-WRITE] selected"
    async with ScriptedServer({"FETCH": answers(), "SELECT": "* 3 EXISTS\r\n" * 1_500 + usual}) as server:
        id = await office.account("ann", port=server.port)
        assert (await office.fetch(id)).messages == {"Imported": 3}


async def test_a_run_has_a_budget(office: PostOffice):
    async with ScriptedServer({"SEARCH": SILENT}) as server:
        id = await office.account("ann", port=server.port)
        with pytest.raises(LimitExceeded, match="took more than"):
            await office.fetch(id, budget=0.3)
        assert "took more than" in (await office.state(id))["last_trouble"]


async def test_messages_that_vanish_between_search_and_fetch_are_no_fault(office: PostOffice):
    """F52: the one in the middle was deleted."""
    async with ScriptedServer({"FETCH": answers(), "SEARCH": "* SEARCH 1 2 3 4 5\r\nTAG OK found"}) as server:
        SOURCES.update({4: SOURCES[1], 5: SOURCES[1]})

        def answer(command: str) -> Any:
            wanted = [uid for uid in uids_of(command) if uid not in (2, 4, 5)]
            return answers()(command.replace(command.split()[2], ",".join(map(str, wanted)), 1)) if wanted else None

        server.script = {**server.script, "FETCH": answer}
        id = await office.account("ann", port=server.port)
        try:
            assert (await office.fetch(id)).messages == {"Imported": 2}
        finally:
            del SOURCES[4], SOURCES[5]
        assert await office.connection.fetchval("SELECT last_uid FROM jobrunner.mail_folder_state") == 5


async def test_a_message_that_is_not_handed_over_is_waited_for_and_then_passed_by(office: PostOffice):
    async with ScriptedServer({"FETCH": answers(lambda uid: "TAG NO damaged" if uid == 2 else None)}) as server:
        id = await office.account("ann", port=server.port)
        for _ in range(2):
            report = await office.fetch(id)
            assert "damaged" in report.troubles[0]
            assert await office.subjects() == ["a"]
        report = await office.fetch(id)
        assert await office.subjects() == ["a", "c"]
        row = await office.connection.fetchrow("SELECT * FROM jobrunner.mail_fetch_failure")
        assert (row["uid"], row["stage"], row["attempts"]) == (2, "fetch", 3)


async def test_what_the_database_refuses_is_kept_as_a_file_and_holds_up_none(office: PostOffice, user: str):
    await office.connection.execute("ALTER TABLE jobrunner.email ADD CHECK (subject <> 'Grüße')")
    id = await office.account(user)
    office.dovecot.deliver(user, [letter(subject="a"), rich(), letter(subject="c", message_id="<c@example.com>")])

    report = await office.fetch(id)

    assert report.messages == {"Imported": 3}
    rows = await office.connection.fetch("SELECT subject, trouble, source_sha256 FROM jobrunner.email ORDER BY id")
    assert [row["subject"] for row in rows] == ["a", "(No Subject)", "c"]
    assert "could not be stored" in rows[1]["trouble"]
    assert rows[1]["source_sha256"] is not None
    assert list((office.configuration.data_dir / "files" / "incoming").iterdir()) == []
    assert (await office.fetch(id)).found_nothing


async def test_a_large_message_that_is_not_handed_over_holds_up_none_for_ever(office: PostOffice):
    """F52: one that is gone meanwhile holds up none at all."""
    for answer, runs in (("TAG NO damaged", 3), ("TAG OK gone", 1)):
        async with ScriptedServer(
            {"FETCH": answers(lambda uid, answer=answer: answer if uid == 2 else None)}
        ) as server:
            id = await office.account(f"ann {runs}", port=server.port, email_address="ann@example.org")
            for _ in range(runs):
                await office.fetch(id, portions=Portions(batch_octets=100))
            assert await office.subjects() == ["a", "c"]
            assert (await office.fetch(id)).found_nothing


async def test_a_certificate_that_cannot_be_trusted_is_told_and_no_password_sent(
    office: PostOffice, server_tls: Callable[[str], ssl.SSLContext]
):
    async with ScriptedServer(tls=server_tls("127.0.0.1")) as server:
        id = await office.account("ann", port=server.port, security="ssl")
        with pytest.raises(MailboxError) as refused:
            await office.fetch(id)
        assert refused.value.fault is Fault.CERTIFICATE
        assert "certificate" in (await office.state(id))["last_trouble"]
        assert server.commands == []
