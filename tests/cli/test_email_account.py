"""`jobrunner email-account` and `jobrunner inbound-email`, as a person types them; `test` at a real Dovecot."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from jobrunner.db.secrets import Key, Keyring
from jobrunner.services.mail.imap import Fault
from jobrunner.services.mailbox.accounts.loading import LOAD_ACCOUNTS, account_of, load_account
from jobrunner.services.mailbox.accounts.state import note_failure, note_success, read_states
from tests.cli.calling import caller
from tests.services.mail.imap.scripted_server import ScriptedServer
from tests.support.dovecot import PASSWORD, Dovecot

CANARY = "canary-1map"
KEY = Key(bytes(range(32)))
ANN = ("email-account", "add", "ann", "--user", "ann", "--host", "imap.example.org", "--address", "ann@example.org")


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", KEY.text)
    monkeypatch.setenv("IMAP_PASSWORD", CANARY)
    monkeypatch.setenv("DOVECOT_PASSWORD", PASSWORD)
    return caller(capsys)


@pytest.fixture
async def people(connection):
    await connection.execute("INSERT INTO jobrunner.app_user (id, name) VALUES ('ann', 'Ann Lee'), ('bob', 'Bob Ray')")
    await connection.execute("INSERT INTO jobrunner.team (id, name) VALUES ('t1', 'Support'), ('t2', 'Sales')")
    await connection.execute("INSERT INTO jobrunner.email_folder (user_id, name) VALUES ('ann', 'Bills'), ('bob', 'X')")
    await connection.execute("INSERT INTO jobrunner.group_email_folder (name) VALUES ('Questions')")
    await connection.execute("INSERT INTO jobrunner.email_template (name) VALUES ('Thanks')")


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


async def opened(connection, kind, id):
    (row,) = await connection.fetch(LOAD_ACCOUNTS, kind, [id])
    return account_of(row, Keyring([KEY]))


async def test_the_life_of_a_personal_account(call, connection, people):
    done = await call(
        *(*ANN, "--password-env", "IMAP_PASSWORD", "--into", "Bills", "--map", "In=voices=Bills"),
        *("--folder", "INBOX", "--folder", "Kunden/*", "--since", "2026-01-31", "--security", "TLS", "--keep-unread"),
        *("--sent-folder", "Sent", "--no-idle"),
    )
    assert (done.code, done.out, done.err) == (0, "added 1 ann\n", "")
    account = await load_account(connection, Keyring([KEY]), "Personal", 1)
    assert account.imap.password is not None
    assert account.imap.password.get_secret_value() == CANARY
    assert (account.imap.username, account.imap.port, account.imap.security) == ("ann@example.org", 143, "tls")
    assert (account.folders, account.keep_unread, account.idle) == (("INBOX", "Kunden/*"), True, False)
    (row,) = (await call("email-account", "list", "--json")).json
    assert (row["assigned_user_id"], row["email_folder_id"], row["folder_map"]) == ("ann", 1, {"In=voices": 1})
    assert (row["fetch_since"], row["sent_folder"], row["store_sent_emails"]) == ("2026-01-31", "Sent", True)
    assert (row["secrets"], row["state"], row["epoch"]) == (["password"], "not read yet", 0)
    assert CANARY not in str(row)

    assert (await call("email-account", "edit", "ann", "--name", "Ann", "--port", "1143")).out == "changed 1 Ann\n"
    done = await call(
        "email-account", "edit", "Ann", "--clear", "sent-folder", "--clear", "map", "--since", "2026-02-01"
    )
    assert done.code == 0, done.err
    (row,) = (await call("email-account", "list", "--json")).json
    assert (row["store_sent_emails"], row["folder_map"], row["fetch_since"]) == (False, {}, "2026-02-01")
    assert (await opened(connection, "Personal", 1)).imap.password == account.imap.password

    done = await call("email-account", "show", "Ann")
    shown = dict(line.split("\t") for line in done.lines)
    assert (shown["assigned_user"], shown["email_folder"], shown["secrets"]) == ("Ann Lee", "Bills", "password")
    assert (shown["monitored_folders"], shown["keep_fetched_emails_unread"]) == ("INBOX, Kunden/*", "yes")
    assert CANARY not in done.out
    assert (await call("email-account", "show", "Ann", "--json")).json["folders"] == []
    assert "did you mean Ann" in (await call("email-account", "show", "An")).err

    assert (await call("email-account", "pause", "1", "--reason", "holiday")).out == "paused 1 Ann\n"
    (row,) = (await call("email-account", "list")).rows
    assert row["state"].startswith("paused: holiday (")
    assert (await call("email-account", "resume", "Ann")).out == "resumed 1 Ann\n"
    assert (await call("email-account", "resume", "Ann")).out == "nothing held Ann back\n"
    assert (await call("email-account", "remove", "Ann", "Nobody")).code == 2
    assert (await call("email-account", "remove", "Ann")).out == "removed 1 Ann\n"
    assert (await call("email-account", "list", "--json")).json == []
    assert await read_states(connection, "Personal") == {}


async def test_the_life_of_a_group_account(call, connection, people):
    done = await call(
        *("inbound-email", "add", "help", "--host", "imap.example.org", "--username", "help@example.org"),
        *("--password-env", "IMAP_PASSWORD", "--team", "Support", "--team", "t2", "--group-folder", "Questions"),
        *("--create-case", "--distribution", "least-busy", "--case-team", "Support", "--assign-to", "Bob Ray"),
        *("--reply", "--reply-template", "Thanks", "--reply-from-name", "Help desk", "--json"),
    )
    assert done.code == 0, done.err
    assert (done.json["teams"], done.json["team_id"], done.json["assign_to_user_id"]) == (["t1", "t2"], "t1", "bob")
    assert (done.json["case_distribution"], done.json["reply_email_template_id"]) == ("Least-Busy", 1)
    assert (done.json["email_address"], done.json["group_email_folder_id"]) == ("help@example.org", 1)
    done = await call("inbound-email", "edit", "help", "--team", "Sales", "--no-reply", "--clear", "group-folder")
    assert done.code == 0, done.err
    (row,) = (await call("inbound-email", "list", "--json")).json
    assert (row["teams"], row["reply"], row["group_email_folder_id"]) == (["t2"], False, None)
    options = ("--takes-unsubscriptions", "--exclude-from-reply", "--reopen-on-reply", "--no-notify-assignee")
    done = await call("inbound-email", "edit", "help", *options, "--json")
    named = ("takes_unsubscriptions", "exclude_from_reply", "reopen_on_reply", "notify_assignee")
    assert [done.json[name] for name in named] == [True, True, True, False]
    assert (await call("inbound-email", "edit", "help", "--clear", "team", "--name", "desk")).code == 0
    (row,) = (await call("inbound-email", "list", "--json")).json
    assert (row["teams"], row["name"]) == ([], "desk")
    assert (await call("inbound-email", "remove", "desk")).code == 0


async def test_a_group_account_whose_mail_reaches_nobody_is_told_so(call, connection, people):
    add = ("--host", "imap.example.org", "--username", "help@example.org", "--password-env", "IMAP_PASSWORD")
    done = await call("inbound-email", "add", "the help", *add)
    assert (done.code, done.out) == (0, "added 1 the help\n")
    warning = done.err
    assert warning.startswith(
        "Warning: nobody gets the mail of 'the help', which has no team, no user and no group folder"
    )
    assert "`jobrunner emails list --inbound-email 'the help'` finds it" in warning
    assert (await call("inbound-email", "list")).err == warning
    assert (await call("emails", "list", "--inbound-email", "the help")).code == 0
    assert (await call("inbound-email", "edit", "1", "--group-folder", "Questions")).err == warning
    assert (await call("inbound-email", "edit", "1", "--team", "Support")).err == ""
    assert (await call("inbound-email", "edit", "1", "--clear", "team")).err == warning
    await connection.execute("INSERT INTO jobrunner.group_email_folder_team VALUES (1, 't1')")
    assert (await call("inbound-email", "list")).err == ""
    assert (await call("inbound-email", "edit", "1", "--clear", "group-folder", "--assign-to", "bob")).err == ""
    assert (await call("inbound-email", "edit", "1", "--clear", "assign-to", "--no-imap")).err == ""


async def test_what_was_read_is_begun_anew_by_reset_only(call, connection, people):
    await call(*ANN, "--password-env", "IMAP_PASSWORD", "--since", "2026-01-31")
    insert = (
        "INSERT INTO jobrunner.mail_folder_state (account_kind, account_id, folder, epoch, uid_validity) "
        "VALUES ('Personal', 1, 'INBOX', $1, 7)"
    )
    await connection.execute(insert, 0)
    done = await call("email-account", "edit", "ann", "--since", "2026-03-01")
    assert done.code == 1
    assert "`jobrunner email-account reset 1 --since DATE` begins it anew" in done.err
    done = await call("email-account", "reset", "ann", "--since", "2026-03-01")
    assert done.out == "reset 1 ann: it is read from 2026-03-01 on\n"
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.mail_folder_state") == 0
    assert (await call("email-account", "edit", "ann", "--since", "2026-03-02")).code == 0
    assert (await opened(connection, "Personal", 1)).ref.epoch == 1

    done = await call("email-account", "edit", "ann", "--port", "994")
    assert (done.code, done.err) == (0, "")
    done = await call("email-account", "edit", "ann", "--username", "other")
    assert "It is another mailbox now: it is read from 2026-03-02 on." in done.err
    assert (await opened(connection, "Personal", 1)).ref.epoch == 2


async def test_a_change_of_how_it_connects_ends_what_held_it_back(call, connection, people):
    await call(*ANN, "--password-env", "IMAP_PASSWORD")
    ref = (await opened(connection, "Personal", 1)).ref
    for _ in range(5):
        await note_failure(connection, ref, "the login was refused", fault=Fault.LOGIN)
    (row,) = (await call("email-account", "list")).rows
    assert row["state"] == "paused: the login was refused"
    await call("email-account", "edit", "ann", "--name", "Ann")
    assert (await read_states(connection, "Personal"))[1].paused_kind == "authentication"
    await call("email-account", "edit", "Ann", "--password-env", "IMAP_PASSWORD")
    (row,) = (await call("email-account", "list", "--json")).json
    assert (row["state"], row["failures"], row["last_trouble"]) == ("ready", 0, "the login was refused")
    await call("email-account", "pause", "Ann")
    await call("email-account", "edit", "Ann", "--port", "1143")
    assert (await read_states(connection, "Personal"))[1].paused_kind == "person"


@pytest.mark.parametrize(
    ("group", "arguments", "sentence"),
    [
        ("email-account", ("--user", "An"), "there is no user 'An'"),
        ("email-account", ("--user", "ann", "--into", "X"), "there is no folder for mail of the user ann 'X'"),
        ("email-account", ("--user", "ann", "--map", "Bills"), "--map 'Bills' must be FOLDER=NAME"),
        ("email-account", ("--user", "ann", "--security", "none"), "no password goes in clear over a network"),
        ("email-account", ("--user", "ann", "--login", "xoauth2"), "needs the token URL, the client id and"),
        ("email-account", ("--user", "ann", "--since", "31.1.2026"), "is no date; write it as 2026-05-04"),
        ("email-account", ("--user", "ann", "--since", "2999-01-01"), "--since 2999-01-01 lies in the future"),
        ("email-account", ("--user", "bob", "--map", "In=Bills"), "of the user bob 'Bills'; there are X"),
        ("email-account", ("--user", "ann", "--port", "0"), "the port must be from 1 to 65535, got 0"),
        ("email-account", ("--user", "ann", "--folder", ""), "the folder must not be empty"),
        ("email-account", ("--user", "ann", "--address", "ann"), "it has no @"),
        ("inbound-email", ("--team", "Suport"), "there is no team 'Suport'; did you mean Support?"),
        ("inbound-email", ("--reply",), "automatic answers need a template"),
        ("inbound-email", ("--create-case", "--distribution", "Round-Robin"), "cases by Round-Robin need the team"),
        ("inbound-email", ("--distribution", "Random"), "must be Direct-Assignment, Round-Robin or Least-Busy"),
        (
            "inbound-email",
            ("--smtp-account", "news"),
            "there is no SMTP account 'news': `jobrunner smtp-account add` makes one",
        ),
    ],
)
async def test_what_cannot_be_right_is_refused_in_words(call, connection, people, group, arguments, sentence):
    where = ("--host", "imap.example.org", "--username", "a@example.org", "--password-env", "IMAP_PASSWORD")
    done = await call(group, "add", "new", *where, *arguments)
    assert done.code == 2
    assert sentence in done.err
    assert (await call(group, "list", "--json")).json == []


async def test_a_password_is_no_argument_and_is_asked_for(call, people):
    done = await call(*ANN, "--password", CANARY)
    assert done.code == 2
    done = await call(*ANN)
    assert "there is no terminal to ask for the password at" in done.err
    done = await call(*ANN, "--password-env", CANARY)
    assert CANARY not in done.err
    assert (await call("email-account", "edit", "nobody", "--port", "1")).code == 2
    assert (await call(*ANN, "--password-env", "IMAP_PASSWORD")).code == 0
    done = await call(*ANN, "--password-env", "IMAP_PASSWORD")
    assert (done.code, done.err) == (1, "Error: there is a personal account of that name already: choose another\n")
    assert "give what is to change" in (await call("email-account", "edit", "ann")).err
    assert "did you mean sent-folder" in (await call("email-account", "edit", "ann", "--clear", "sent-foldr")).err


def at(dovecot, user, **more):
    options = {
        "--host": "127.0.0.1",
        "--port": dovecot.port,
        "--security": "none",
        "--username": user,
        "--address": "a@example.org",
        "--password-env": "DOVECOT_PASSWORD",
    } | more
    return [part for option in options.items() for part in option]


async def test_test_lists_folders_and_counts_messages(call, connection, people, dovecot):
    user = dovecot.new_user()
    with dovecot.client(user) as client:
        client.create("Bills")
        client.create('"Gr&APwA3w-e"')
    dovecot.deliver(user, [b"Subject: 1\r\n\r\n1\r\n", b"Subject: 2\r\n\r\n2\r\n"])
    dovecot.deliver(user, [b"Subject: 3\r\n\r\n3\r\n"], "Bills")
    done = await call(
        "email-account", "add", "ann", "--user", "ann", *at(dovecot, user), "--folder", "INBOX", "--folder", "Bi*"
    )
    assert done.code == 0, done.err
    await note_failure(connection, (await opened(connection, "Personal", 1)).ref, "was away")
    done = await call("email-account", "test", "ann")
    assert done.code == 0, done.err
    assert [list(row.values()) for row in done.rows] == [
        ["INBOX", "2", "2", "yes"],
        ["Bills", "1", "1", "yes"],
        ["Grüße", "0", "0", "no"],
    ]
    assert "and tells of new mail by itself (IDLE)." in done.err
    assert (await read_states(connection, "Personal"))[1].failures == 0

    assert (await call("email-account", "edit", "ann", "--folder", "Junk", "--sent-folder", "Sent")).code == 0
    done = await call("email-account", "test", "ann")
    assert done.code == 1
    assert "The server has no folder 'Junk': name those that it lists, `jobrunner email-account edit ann" in done.err
    await call("email-account", "edit", "ann", "--folder", "INBOX")
    done = await call("email-account", "test", "ann", "--json")
    assert (done.code, done.json["worked"], done.json["fault"]) == (0, True, None), "it hinders no reading"
    assert done.json["advice"].startswith("The server has no folder 'Sent' for sent mail")


@pytest.mark.parametrize(
    ("options", "fault", "advice"),
    [
        (
            {"--password-env": "IMAP_PASSWORD"},
            "LOGIN",
            "enter it again (`jobrunner inbound-email edit h --ask-password`)",
        ),
        (
            {"--security": "ssl"},
            "TLS",
            "may not begin with TLS: try STARTTLS (`jobrunner inbound-email edit h --security tls`",
        ),
        ({"--security": "ssl", "--port": "tls_port"}, "CERTIFICATE", "name its certificate file in SSL_CERT_FILE"),
        ({"--host": "no-such-host.invalid", "--security": "ssl"}, "DNS", "Check the host for a typing error"),
        ({"--port": "1"}, "REFUSED", "Nobody listens on port 1: the usual ones are 993 with ssl and 143 with tls"),
    ],
)
async def test_test_explains_what_is_wrong(call, connection, dovecot, options, fault, advice):
    options = {name: dovecot.tls_port if value == "tls_port" else value for name, value in options.items()}
    done = await call("inbound-email", "add", "h", *at(dovecot, dovecot.new_user(), **options))
    assert done.code == 0, done.err
    done = await call("inbound-email", "test", "h", "--json")
    assert (done.code, done.json["fault"]) == (1, fault), done.json
    assert advice in done.json["advice"]
    done = await call("inbound-email", "test", "h")
    assert done.code == 1
    assert done.err.startswith("Not read: ")
    assert advice in done.err
    assert CANARY not in done.err
    assert PASSWORD not in done.err


async def test_test_explains_a_server_that_says_goodbye(call, connection):
    async with ScriptedServer({"GREETING": "* BYE too many connections"}) as server:
        await call("inbound-email", "add", "h", *at(server, "h"))
        done = await call("inbound-email", "test", "h", "--json")
    assert (done.code, done.json["fault"]) == (1, "BYE")
    assert "too many connections" in done.json["text"]
    assert "other programs may hold too many connections" in done.json["advice"]


async def test_an_account_that_is_read_needs_its_server_before_its_password(call, people):
    done = await call("email-account", "add", "ann", "--user", "ann", "--address", "ann@example.org")
    assert (done.code, done.err) == (
        2,
        "Error: give the IMAP server: --host (or --no-imap for an account that is not read)\n",
    )


async def test_without_any_user_the_way_to_one_is_named(call):
    done = await call(*ANN, "--password-env", "IMAP_PASSWORD")
    assert (done.code, done.err) == (2, "Error: there is no user 'ann': add one to the table jobrunner.app_user\n")


async def test_a_folder_that_could_not_be_read_is_in_the_list(call, connection, people):
    await call(*ANN, "--password-env", "IMAP_PASSWORD")
    ref = (await opened(connection, "Personal", 1)).ref
    await note_success(connection, ref, trouble="the folder Gone: it is not there", folder="Gone")
    (row,) = (await call("email-account", "list")).rows
    assert row["state"] == "read, but the folder Gone: it is not there"
    await note_success(connection, ref)
    assert (await call("email-account", "list")).rows[0]["state"] == "ready"


async def test_a_template_that_answers_may_name_its_case_and_is_not_removed(call, people):
    """PostgreSQL's own words would name a constraint."""
    done = await call(
        *("inbound-email", "add", "help", "--host", "imap.example.org", "--address", "help@example.org"),
        *("--reply", "--reply-template", "Thanks", "--password-env", "IMAP_PASSWORD"),
    )
    assert done.code == 0, done.err
    done = await call("email-template", "edit", "Thanks", "--subject", "[#{Case.number}] {Email.fromName} {Case.nr}")
    assert done.err.splitlines() == [
        "Warning: {Case.number} is known in automatic answers only: in mass mail it stays as written",
        "Warning: {Email.fromName} is known in automatic answers only: in mass mail it stays as written",
        "Warning: {Case.nr} is not known and stays as it is written; did you mean {User.name}?",
    ]
    done = await call("email-template", "remove", "Thanks")
    assert (done.code, done.err) == (
        1,
        "Error: a group account answers with the template 'Thanks': give it another first "
        "(`jobrunner inbound-email edit ACCOUNT --reply-template TEMPLATE`)\n",
    )
