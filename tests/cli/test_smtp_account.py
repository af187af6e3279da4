"""`jobrunner smtp-account`, as a person types it."""

import io
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jobrunner.db.secrets import Key, Keyring
from jobrunner.services.mail.accounts import load_account, pause
from tests.cli.calling import caller
from tests.services.mail.smtp.scripted_server import ScriptedServer

ROOT = Path(__file__).parents[2]
CANARY = "canary-Sm1tp"
KEY = Key(bytes(range(32)))
NEWS = ("smtp-account", "add", "news", "--host", "mail.example.org")
LOGIN = ("--username", "news@example.org")


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", KEY.text)
    return caller(capsys)


@pytest.fixture
def password_file(tmp_path):
    file = tmp_path / "password"
    file.write_text(f"{CANARY}\n")
    return file


async def password_of(connection, key):
    account = await load_account(connection, Keyring([KEY]), key)
    assert account.smtp.password is not None
    return account.smtp.password.get_secret_value()


async def test_add_list_edit_remove(call, connection, password_file):
    done = await call(*NEWS, *LOGIN, "--password-file", password_file, "--security", "SSL", "--rate-per-hour", "100")
    assert (done.code, done.out, done.err) == (0, "added 1 news\n", "")
    assert await password_of(connection, "1") == CANARY
    (row,) = (await call("smtp-account", "list")).rows
    assert row == {
        "id": "1",
        "name": "news",
        "kind": "Group",
        "status": "Active",
        "state": "ready",
        "host": "mail.example.org",
        "port": "465",
        "security": "ssl",
        "from_address": "news@example.org",
        "for_mass_mail": "no",
        "rate_per_minute": "",
        "rate_per_hour": "100",
    }
    (shown,) = (await call("smtp-account", "list", "--json")).json
    assert shown["secrets"] == ["password"]
    assert shown["username"] == "news@example.org"
    done = await call(
        "smtp-account", "edit", "news", "--clear", "rate-per-hour", "--for-mass-mail", "--name", "News", "--json"
    )
    assert (done.code, done.json["name"], done.json["for_mass_mail"], done.json["rate_per_hour"]) == (
        0,
        "News",
        True,
        None,
    )
    assert (await call("smtp-account", "edit", "1", "--clear", "username")).out == "changed 1 News\n"
    assert (await call("smtp-account", "remove", "News")).out == "removed 1 News\n"
    assert (await call("smtp-account", "list")).lines[1:] == []


async def test_the_password_comes_from_the_environment(call, connection, monkeypatch):
    monkeypatch.setenv("NEWS_PASSWORD", CANARY)
    assert (await call(*NEWS, *LOGIN, "--password-env", "NEWS_PASSWORD")).code == 0
    assert await password_of(connection, "1") == CANARY


async def test_the_password_comes_from_standard_input(call, connection, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{CANARY}\r\n".encode())))
    assert (await call(*NEWS, *LOGIN, "--password-file", "-")).code == 0
    assert await password_of(connection, "1") == CANARY


async def test_who_logs_in_by_tokens_is_not_asked_for_a_password(call, connection, password_file):
    tokens = ("--oauth-token-url", "https://id.example.org/token", "--oauth-client-id", "crm")
    files = ("--oauth-refresh-token-file", password_file, "--oauth-client-secret-file", password_file)
    done = await call(*NEWS, *LOGIN, "--login", "XOAUTH2", *tokens, *files)
    assert (done.code, done.err) == (0, "")


async def test_the_password_is_asked_for_and_not_shown(connection, database_url, tmp_path):
    """H21: typed at a real terminal, it is on no screen."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "jobrunner", *NEWS, *LOGIN],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "JOBRUNNER_DATABASE_URL": database_url,
            "JOBRUNNER_SECRET_KEY": KEY.text,
        },
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    screen = b""
    limit = threading.Timer(60, process.kill)
    limit.start()
    try:
        # The blank comes when the terminal no longer shows what is typed.
        while b"Password: " not in screen and (piece := os.read(controller, 1000)):
            screen += piece
        os.write(controller, f"{CANARY}\n".encode())
        try:
            while piece := os.read(controller, 1000):
                screen += piece
        except OSError:  # how Linux says that the terminal was closed
            pass
        assert process.wait() == 0, screen
    finally:
        limit.cancel()
        os.close(controller)
    assert b"added 1 news" in screen
    assert CANARY.encode() not in screen
    assert await password_of(connection, "1") == CANARY


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*NEWS, *LOGIN), "there is no terminal to ask for the password at"),
        ((*NEWS, *LOGIN, "--password-env", CANARY), "the environment has no variable of the name given"),
        ((*NEWS, *LOGIN, "--password-file", "nowhere"), "cannot be read: No such file or directory"),
        ((*NEWS, *LOGIN, "--password-env", "A", "--password-file", "B"), "can be given in one way only"),
        ((*NEWS, "--from-address", "a@b@c"), "it has more than one @"),
        (NEWS, "give the sender's address: --from-address"),
        ((*NEWS, "--from-address", "a@b.example", "--kind", "team"), "must be System, Group or Personal, got 'team'"),
        ((*NEWS, "--from-address", "a@b.example", "--security", "starttls"), "must be tls, ssl or none"),
        ((*NEWS, "--port", "99999"), "the port must be from 1 to 65535, got 99999"),
        ((*NEWS, *LOGIN, "--port", "0"), "the port must be from 1 to 65535, got 0"),
        ((*NEWS, "--security", "starttls"), "must be tls, ssl or none"),
        (("smtp-account", "add", "news", "--host", "a b"), "'a b'"),
        (("smtp-account", "add", "", "--host", "mail.example.org"), "the name must be 1 to 100 letters in one line"),
        (("smtp-account", "edit", "nobody", "--port", "25"), "there is no SMTP account 'nobody'"),
        (("smtp-account", "edit", "nobody"), "give what is to change"),
        (("smtp-account", "edit", "x", "--clear", "hosst"), "'hosst' cannot be emptied"),
        (("smtp-account", "test", "x", "--to", "nobody"), "it has no @"),
        (("smtp-account", "test", "system", "--to", "a@b.example"), "there is no system account to send by"),
        (("smtp-account", "remove", "system"), "there is no SMTP account 'system'"),
    ],
)
async def test_mistakes_are_refused(call, connection, arguments, sentence, monkeypatch):
    """H21: and a password that was given as the wrong thing is not repeated."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    done = await call(*arguments)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
    assert CANARY not in done.err
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.smtp_account") == 0


@pytest.mark.parametrize("command", ["add", "edit"])
async def test_the_help_shows_the_names_of_options_whole(call, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    shown = (await call("smtp-account", command, "--help")).out
    for name in ("--oauth-client-secret-file FILE", "--not-for-mass-mail", "--domain-rate-per-minute N"):
        assert name in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


async def test_a_password_is_no_argument(call):
    """H21: `ps` would show it."""
    done = await call(*NEWS, *LOGIN, "--password", CANARY)
    assert done.code == 2
    assert "No such option: --password" in done.err
    assert CANARY not in done.err


async def test_without_a_key_the_way_to_one_is_told(call, monkeypatch, password_file):
    monkeypatch.delenv("JOBRUNNER_SECRET_KEY")
    done = await call(*NEWS, *LOGIN, "--password-file", password_file)
    assert done.code == 2
    assert "`jobrunner secrets new-key` makes one" in done.err


async def test_a_dkim_key_is_told_what_the_dns_must_hold(call, tmp_path):
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", tmp_path / "key.pem"],
        check=True,
        capture_output=True,
    )
    dkim = ("--dkim-domain", "example.org", "--dkim-selector", "s1", "--dkim-key-file", tmp_path / "key.pem")
    done = await call(*NEWS, "--from-address", "news@example.org", *dkim)
    assert done.code == 0
    assert "Warning: the DKIM key s1 has 1024 bits" in done.err
    assert "The DNS must hold at s1._domainkey" in done.err
    assert "PRIVATE" not in done.out + done.err


async def test_a_test_mail(call, connection):
    async with ScriptedServer({"RCPT": [None, "554 5.7.1 Relay access denied"]}) as server:
        await call(
            "smtp-account", "add", "local", "--host", "127.0.0.1", "--port", server.port, "--security", "none",
            "--from-address", "news@example.org",
        )  # fmt: skip
        await pause(connection, "1", "authentication", "535 5.7.8 no")
        (row,) = (await call("smtp-account", "list")).rows
        assert row["state"] == "paused: 535 5.7.8 no"
        done = await call("smtp-account", "test", "local", "--to", "ann@example.org")
        assert (done.code, done.err) == (0, "")
        assert done.out == f"the mail server 127.0.0.1:{server.port} took the mail to ann@example.org: 2.0.0 queued\n"
        (row,) = (await call("smtp-account", "list")).rows
        assert row["state"] == "ready", "a test that went well ends the pause"
        done = await call("smtp-account", "test", "1", "--to", "ann@example.org")
        assert (done.code, done.out) == (1, "")
        assert "Not sent: 554 5.7.1 Relay access denied" in done.err
        assert "does not pass mail on for us (relay denied)" in done.err
        done = await call("smtp-account", "test", "1", "--to", "ann@example.org", "--json")
        assert (done.code, done.json["taken"], done.json["advice"]) == (0, True, None)
    assert b"Test mail by the account local" in server.messages[0].data


async def test_the_account_of_the_configuration(call, monkeypatch):
    async with ScriptedServer() as server:
        for name, value in {"HOST": "127.0.0.1", "PORT": server.port, "SECURITY": "none"}.items():
            monkeypatch.setenv(f"JOBRUNNER_SMTP__{name}", str(value))
        monkeypatch.setenv("JOBRUNNER_SMTP__FROM_ADDRESS", "crm@example.org")
        (row,) = (await call("smtp-account", "list")).rows
        assert (row["id"], row["kind"], row["port"]) == ("system", "System", str(server.port))
        assert (await call("smtp-account", "test", "system", "--to", "ann@example.org")).code == 0
        assert (await call("smtp-account", "pause", "system", "--reason", "we move")).out == "paused system\n"
        (row,) = (await call("smtp-account", "list")).rows
        assert row["state"].startswith("paused: we move (")
        assert (await call("smtp-account", "test", "system", "--to", "ann@example.org")).code == 0
        (row,) = (await call("smtp-account", "list")).rows
        assert row["state"].startswith("paused: we move ("), "a person's pause is ended by a person"
    assert (await call("smtp-account", "resume", "system")).out == "resumed system\n"
    assert (await call("smtp-account", "resume", "system")).out == "nothing held system back\n"
    done = await call("smtp-account", "test", "system", "--to", "ann@example.org")
    assert done.code == 1
    assert "(connection refused): check JOBRUNNER_SMTP__HOST and JOBRUNNER_SMTP__PORT" in done.err
    (row,) = (await call("smtp-account", "list")).rows
    assert row["state"].startswith("tried again at ")


async def test_what_holds_the_configured_account_back_is_ended_without_its_configuration(call, connection):
    """`jobrunner status` names it wherever it is called: so it can be resumed there."""
    await connection.execute(
        "INSERT INTO jobrunner.smtp_account_state (account, paused_kind, pause_reason, paused_at) "
        "VALUES ('system', 'authentication', '535 no', now())"
    )
    assert "the SMTP account 'system' is held back" in (await call("status")).out
    assert (await call("smtp-account", "resume", "system")).out == "resumed system\n"
    assert "'system'" not in (await call("status")).out


async def test_only_the_system_account_may_be_called_system(call, connection):
    arguments = ("smtp-account", "add", "system", "--host", "mail.example.org", "--from-address", "crm@example.org")
    done = await call(*arguments)
    assert (done.code, done.err) == (
        2,
        "Error: only the system account may be called 'system': choose another name, or --kind System\n",
    )
    assert (await call(*arguments, "--kind", "System")).code == 0
    (row,) = (await call("smtp-account", "list", "--json")).json
    assert (row["name"], row["kind"]) == ("system", "System")
    assert (await call("smtp-account", "edit", "system", "--host", "smtp.example.org")).code == 0
    done = await call("smtp-account", "edit", "system", "--kind", "Group")
    assert done.code == 2
    (row,) = (await call("smtp-account", "list")).rows
    assert row["name"] == "system"
    assert (await call("smtp-account", "remove", "system")).code == 0
