"""`jobrunner emails`, as a person types it: sources come from the file that is kept, or from a real Dovecot."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from jobrunner.config import load
from jobrunner.db.secrets import Key, Keyring
from jobrunner.services.mail.importing.parsing import Limits, parse
from jobrunner.services.mail.importing.staging import INCOMING
from jobrunner.services.mail.importing.storing import AccountRef, Fetched, FolderRef
from jobrunner.services.mailbox.accounts.entry import PersonalEntry
from jobrunner.services.mailbox.accounts.table import add_account
from jobrunner.services.mailbox.fetching.readers import files_root
from tests.cli.calling import caller
from tests.services.mail.importing.letters import letter, rich
from tests.services.mail.importing.storing.conftest import INBOX, RECEIVED, Office
from tests.support.dovecot import PASSWORD, Dovecot

KEY = Key(bytes(range(32)))


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    monkeypatch.setenv("JOBRUNNER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", KEY.text)
    return caller(capsys)


@pytest.fixture
async def office(call, connection):
    root = files_root(load())
    (root / INCOMING).mkdir(parents=True)
    return Office(connection, root)


@pytest.fixture(scope="module")
def started() -> Iterator[list[Dovecot]]:
    servers: list[Dovecot] = []
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture
def dovecot(require_tool: Callable[..., Path], started: list[Dovecot]) -> Dovecot:
    program = require_tool("dovecot", "dovecot-imapd")
    if not started:
        started.append(Dovecot.start(program, trustme.CA()))
    return started[0]


async def test_mails_are_listed_and_shown(call, office):
    bob = await office.personal(await office.user("bob"))
    desk = await office.group(team_id=await office.team("t1", await office.user("cleo")))
    await office.take(bob, letter(), letter(b"evil \x1b[2J\r\n", subject="Bill 7", message_id="<2@example.com>"))
    await office.take(desk, letter(sender="dan@example.net", message_id="<3@example.com>"))
    first, second, third = await office.column("SELECT id FROM jobrunner.email ORDER BY id")

    async def ids(*arguments):
        done = await call("emails", "list", *arguments, "--json")
        assert done.code == 0, done.err
        return [row["id"] for row in done.json]

    assert await ids() == [third, second, first]
    assert await ids("--user", "Bob") == [second, first]
    assert await ids("--email-account", "of bob") == [second, first]
    assert await ids("--inbound-email", "Help") == [third]
    assert await ids("--from", "DAN@Example.net") == [third]
    assert await ids("--subject", "bill") == [second]
    assert await ids("--before", third, "--limit", "1") == [second]
    assert await ids("--trouble") == []
    done = await call("emails", "list", "--failures", "--user", "Bob")
    assert (done.code, "only --limit and --json go with it" in done.err) == (2, True)
    assert await ids("--failures") == []
    (row, *_) = (await call("emails", "list", "--subject", "bill")).rows
    assert (row["sender"], row["subject"]) == ("Ann <ann@example.com>", "Bill 7")

    done = await call("emails", "show", second)
    assert "subject\tBill 7" in done.out
    assert "came_by\temail-account of bob INBOX 2" in done.out
    assert "users\tBob\n" in done.out
    assert "evil \\x1b[2J" in done.out
    assert "\x1b" not in done.out
    assert (await call("emails", "show", third, "--json")).json["teams"] == ["t1"]
    assert "users\tCleo\nteams\tt1\n" in (await call("emails", "show", third)).out
    done = await call("emails", "show", third + 100)
    assert (done.code, done.out) == (2, "")
    assert f"there is no mail {third + 100}" in done.err


async def test_messages_that_the_server_refused_are_listed(call, office):
    bob = await office.personal(await office.user("bob"))
    await office.connection.execute(
        "INSERT INTO jobrunner.mail_fetch_failure (account_kind, account_id, folder, uid_validity, uid, stage, error) "
        "VALUES ('Personal', $1, 'INBOX', 1, 5, 'fetch', 'the server refuses it')",
        bob.id,
    )
    (row,) = (await call("emails", "list", "--failures")).rows
    assert (row["account"], row["uid"], row["error"]) == ("of bob", "5", "the server refuses it")


async def test_what_could_not_be_read_is_written_and_read_again(call, office, tmp_path):
    account = await office.personal(await office.user("bob"))
    message = rich()
    mail = parse(message, limits=Limits(parts=1), keep=office.keep)  # as an earlier version that could read less
    (outcome,) = await office.importer.import_batch(office.connection, account, INBOX, [Fetched(1, RECEIVED, mail)])
    crowd = letter(to=", ".join(f"a{number}@example.org" for number in range(3_000)), message_id="<9@example.com>")
    (hopeless,) = await office.take(account, crowd, first=2)
    (row, _) = (await call("emails", "list", "--trouble")).rows
    assert (row["id"], row["trouble"]) == (str(hopeless.email_id), "it has more than 2,000 addresses")

    assert (await call("emails", "source", outcome.email_id, "--out", "mail.eml")).code == 0
    assert (tmp_path / "mail.eml").read_bytes() == message
    done = await call("emails", "source", outcome.email_id, "--out", "mail.eml")
    assert (done.code, done.err) == (2, "Error: --out: mail.eml cannot be written: file exists\n")

    assert "give the ids of mails, or --all" in (await call("emails", "retry")).err
    done = await call("emails", "retry", "--all")
    assert done.code == 1
    assert done.lines == [
        f"read {outcome.email_id}",
        f"not read {hopeless.email_id}: it has more than 2,000 addresses",
    ]
    done = await call("emails", "retry", hopeless.email_id, "--json")
    assert done.json == [{"id": hopeless.email_id, "read": False, "trouble": "it has more than 2,000 addresses"}]
    done = await call("emails", "retry", outcome.email_id)
    assert (done.code, done.err) == (2, f"Error: there is no mail {outcome.email_id} that could not be read\n")


async def test_the_source_comes_from_the_server(call, office, dovecot):
    user = dovecot.new_user()
    source = letter(b"only at the server\r\n")
    dovecot.deliver(user, [source])
    await office.user("ann")
    entry = PersonalEntry(
        name="ann", email_address="ann@example.org", assigned_user_id="ann", host="127.0.0.1", port=dovecot.port,
        security="none", username=user, fetch_since=RECEIVED.date(), secrets={"password": SecretStr(PASSWORD)},
    )  # fmt: skip
    account = await add_account(office.connection, Keyring([KEY]), entry)
    with dovecot.client(user) as client:
        _, (told,) = client.status("INBOX", "(UIDVALIDITY)")
    validity = int(told.split()[-1].rstrip(b")"))
    ref = AccountRef("Personal", account.id, 0)
    (outcome,) = await office.take(ref, source, folder=FolderRef("INBOX", validity))
    (other,) = await office.take(
        ref, letter(message_id="<2@example.com>"), folder=FolderRef("INBOX", validity), first=2
    )
    done = await call("emails", "source", outcome.email_id)
    assert (done.code, done.err) == (0, "")
    assert done.out.encode() == source
    with dovecot.client(user) as client:
        client.select("INBOX", readonly=True)
        assert client.search(None, "UNSEEN") == ("OK", [b"1"])

    done = await call("emails", "source", other.email_id, "--out", "gone.eml")
    assert done.code == 1
    assert "cannot be had from the server: it is no longer in the folder 'INBOX' of the IMAP server" in done.err
    assert not Path("gone.eml").exists()
    await office.connection.execute("UPDATE jobrunner.email_copy SET uid_validity = 1")
    assert "has numbered the folder 'INBOX' anew" in (await call("emails", "source", outcome.email_id)).err
    await call("email-account", "remove", "ann")
    assert "no account is left by which it came" in (await call("emails", "source", outcome.email_id)).err


async def test_an_account_that_was_entered_is_fetched_and_its_mail_shown(call, connection, dovecot, monkeypatch):
    user = dovecot.new_user()
    dovecot.deliver(user, [letter(b"by command\r\n", subject="First"), letter(subject="Spam", message_id="<2@x.org>")])
    await connection.execute("INSERT INTO jobrunner.app_user (id, name) VALUES ('ann', 'Ann')")
    monkeypatch.setenv("DOVECOT_PASSWORD", PASSWORD)
    done = await call(
        *("email-account", "add", "ann", "--user", "ann", "--host", "127.0.0.1", "--port", dovecot.port),
        *("--security", "none", "--username", user, "--address", "ann@example.org", "--since", "2026-01-01"),
        *("--password-env", "DOVECOT_PASSWORD"),
    )
    assert done.code == 0, done.err
    assert (await call("email-filter", "add", "spam", "--email-account", "ann", "--subject", "spam")).code == 0
    # In a process of its own: what a job says goes to the descriptors of the terminal.
    command = (sys.executable, "-m", "jobrunner", "run-job", "CheckEmailAccounts", "--target-id", "1")
    ran = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(60):
        said, _ = await ran.communicate()
    assert ran.returncode == 0, said.decode()
    (row,) = (await call("emails", "list", "--user", "ann", "--json")).json
    assert row["subject"] == "First"
    assert (await call("emails", "show", row["id"])).out.rstrip().endswith("by command")
    (row,) = (await call("email-account", "list", "--json")).json
    assert row["state"] == "ready"
    assert row["connected_at"] is not None


@pytest.mark.parametrize(
    "arguments", [("show", 10**30), ("show", 0), ("source", 10**30), ("retry", 10**30), ("list", "--before", 10**30)]
)
async def test_numbers_that_no_mail_has_are_refused(call, connection, arguments):
    done = await call("emails", *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "unexpected" not in done.err
