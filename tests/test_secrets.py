"""H21: a password that a user has configured is nowhere to be read but where it was configured.

The passwords are canaries. A daemon that logs everything, and jobs that tell the passwords in every way they can, are
run; then they are looked for in all that was stored, logged, printed, and in the list of processes.
"""

import asyncio
import base64
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from tests.cli.calling import caller
from tests.support.daemons import DaemonProcess, ended

ROOT = Path(__file__).parents[1]
CANARY = "canary"
DATABASE_PASSWORD = 'canary"Da1\\ta'
"""With letters that are written otherwise in a URL and in JSON."""
SMTP_PASSWORD = "canary'Sm1tp"
AWAY = f"postgresql://crm:{quote(DATABASE_PASSWORD, safe='')}@127.0.0.1:1/crm"
"""A database where nobody listens."""
JOBS = ("TellsPasswords", "TellsPasswordsBlocking", "FailsInTheDatabase")


def with_password(database_url: str) -> str:
    return re.sub(r"^(\w+://[^:@/]+)@", rf"\1:{quote(DATABASE_PASSWORD, safe='')}@", database_url)


def environment(database_url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JOBRUNNER_")}
    return inherited | {
        "PYTHONPATH": str(ROOT),
        "JOBRUNNER_DATABASE_URL": database_url,
        "JOBRUNNER_IMPORT": "tests.secret_jobs",
        "JOBRUNNER_MIGRATE_ON_START": "false",
        "JOBRUNNER_SMTP__HOST": "mail.example.org",
        "JOBRUNNER_SMTP__USERNAME": "crm",
        "JOBRUNNER_SMTP__PASSWORD": SMTP_PASSWORD,
    }


def said(*arguments: str, database_url: str, code: int | None = 0, **more: str) -> str:
    """Run a command and return all that it printed, on both outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "jobrunner", *arguments],
        env=environment(database_url) | more,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert code is None or done.returncode == code, done.stderr
    return done.stdout + done.stderr


async def stored(connection: Any) -> str:
    """Everything that stands in our schema."""
    tables = await connection.fetch(
        "SELECT oid::regclass::text AS name FROM pg_class "
        "WHERE relnamespace = 'jobrunner'::regnamespace AND relkind = 'r' ORDER BY 1"
    )
    assert len(tables) > 10
    texts = []
    for table in tables:
        rows = await connection.fetch(f"SELECT t::text FROM {table['name']} AS t")
        texts += [row[0] for row in rows]
    return "\n".join(texts)


@pytest.fixture
async def seen(connection: Any) -> None:
    """Where a job keeps what was stored of its progress."""
    await connection.execute("CREATE TABLE public.seen (progress text)")


async def run_jobs(connection: Any, database_url: str, **settings: Any) -> tuple[DaemonProcess, list[int]]:
    """Run the jobs in a daemon, which goes on; return it with their ids."""
    daemon = DaemonProcess(
        database_url,
        imports="tests.secret_jobs",
        log_level="debug",
        smtp__host="mail.example.org",
        smtp__username="crm",
        smtp__password=SMTP_PASSWORD,
        **settings,
    )
    try:
        await daemon.ready()
        jobs = [await connection.fetchval("SELECT jobrunner.enqueue($1)", name) for name in JOBS]
        rows = await ended(connection, *jobs)
        assert [row["status"] for row in rows] == ["Failed"] * 3
        for row in rows[:2]:
            assert "gave up on postgresql://" in row["error"]
            assert row["error"].count("***") >= 3
        logged = await connection.fetchval("SELECT string_agg(message, chr(10)) FROM jobrunner.job_log")
        assert "connecting to postgresql://" in logged
        assert logged.count("***") >= 10, "the lines were kept, without the passwords"
        assert "***" in await connection.fetchval("SELECT progress FROM public.seen LIMIT 1")
    except BaseException:
        daemon.kill()
        raise
    return daemon, jobs


async def test_jobs_that_tell_passwords(database_url: str, connection: Any, seen: None) -> None:
    """H21: in errors, tracebacks, captured logs, progress, the daemon's most talkative log, commands and `ps`."""
    url = with_password(database_url)
    assert url != database_url
    daemon, (first, second, _) = await run_jobs(connection, url)
    try:
        family = [psutil.Process(daemon.process.pid), *psutil.Process(daemon.process.pid).children(recursive=True)]
        assert len(family) > 2
        commands = [" ".join(process.cmdline()) for process in family]
        shown = [
            said(*arguments, database_url=url, code=None)
            for arguments in (
                ["jobs", "show", str(first)],
                ["jobs", "show", str(second), "--json"],
                ["logs", str(first)],
                ["logs", str(second), "--json"],
                ["jobs", "list"],
                ["status"],
            )
        ]
    finally:
        code = daemon.stop()
    assert code == 0
    assert "connecting to postgresql://" in daemon.log
    assert "Failed" in shown[0]
    for text in (await stored(connection), daemon.log, *commands, *shown):
        assert CANARY not in text


async def test_jobs_that_tell_passwords_to_a_log_in_json(database_url: str, connection: Any, seen: None) -> None:
    """H21: the same, where letters of a password are written otherwise."""
    daemon, _ = await run_jobs(connection, with_password(database_url), log_format="json")
    assert daemon.stop() == 0
    messages = [json.loads(line)["message"] for line in daemon.lines]
    assert any("debugging postgresql://" in message and message.count("***") == 3 for message in messages)
    assert CANARY not in daemon.log


async def test_a_job_on_the_terminal(database_url: str, connection: Any, seen: None) -> None:
    """H21: `run-job` shows what a job logs and how it ended."""
    url = with_password(database_url)
    for arguments in (["TellsPasswords"], ["TellsPasswordsBlocking", "--json"]):
        text = said("run-job", *arguments, database_url=url, code=1, JOBRUNNER_DEBUG="1")
        assert "gave up on postgresql://" in text
        assert CANARY not in text
    assert CANARY not in await stored(connection)


async def test_the_password_of_an_account(database_url: str, connection: Any) -> None:
    """H21, H22: entered, sealed, sent with, told by a job: in no output, no table, no log and not in `ps`."""
    key = "canary+key" + "A" * 33 + "="
    hidden = {"JOBRUNNER_SECRET_KEY": key, "NEWS_PASSWORD": SMTP_PASSWORD, "JOBRUNNER_DEBUG": "1"}
    account = ["news", "--host", "127.0.0.1", "--username", "news", "--from-address", "news@example.org"]
    shown = [
        said("smtp-account", "add", *account, "--password-env", "NEWS_PASSWORD", database_url=database_url, **hidden),
        said("smtp-account", "list", "--json", database_url=database_url, **hidden),
        said("smtp-account", "edit", "1", "--password-env", "NEWS_PASSWORD", database_url=database_url, **hidden),
        said("secrets", "status", database_url=database_url, **hidden),
        said("secrets", "rotate", database_url=database_url, **hidden),
        said("smtp-account", "list", database_url=database_url, code=2, JOBRUNNER_SECRET_KEY=key + "x"),
        said("config", "show", database_url=database_url, **hidden),
    ]
    assert "added 1 news" in shown[0]
    # A server that keeps silent, so that the command is to be seen while it waits; it was given the wrong key before.
    asked = ["smtp-account", "test", "news", "--to", "ann@example.org"]
    other = base64.b64encode(bytes(32)).decode()
    shown.append(said(*asked, database_url=database_url, code=1, JOBRUNNER_SECRET_KEY=other))
    assert "smtp_account/1/password cannot be read: it was sealed with the key" in shown[-1]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        said("smtp-account", "edit", "1", "--port", port, "--security", "ssl", database_url=database_url, **hidden)
        process = subprocess.Popen(
            [sys.executable, "-m", "jobrunner", *asked],
            env=environment(database_url) | hidden,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        line, _ = await asyncio.to_thread(silent.accept)
        commands = " ".join(psutil.Process(process.pid).cmdline())
        line.close()
        shown += [commands, (await asyncio.to_thread(process.communicate))[0]]
    assert "smtp-account test" in commands
    assert "Not sent:" in shown[-1]
    daemon = DaemonProcess(database_url, imports="tests.secret_jobs", log_level="debug", secret_key=key)
    try:
        await daemon.ready()
        job = await connection.fetchval("SELECT jobrunner.enqueue('TellsAccountPassword')")
        (row,) = await ended(connection, job)
    finally:
        daemon.stop()
    assert "gave up on ***, sealed by ***" in row["error"]
    assert "its password is ***" in daemon.log
    for text in (await stored(connection), daemon.log, *shown):
        assert CANARY not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["jobs", "list"],
        ["jobs", "enqueue", "TellsPasswords"],
        ["logs", "-f", "1"],
        ["scheduled-jobs", "list"],
        ["settings", "list"],
        ["migrate"],
        ["app-info", "--jobs"],
    ],
    ids=" ".join,
)
async def test_a_database_that_is_away(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """H21: each command that cannot reach its database says where it is without the password, also when debugging."""
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", AWAY)
    call = caller(capsys)
    for debug in ("0", "1"):
        monkeypatch.setenv("JOBRUNNER_DEBUG", debug)
        done = await call(*arguments)
        assert done.code in (1, 2)
        assert "postgresql://crm:***@127.0.0.1" in done.out + done.err
        assert CANARY not in done.out + done.err


def test_a_job_whose_database_is_away():
    """H21: the same for those that run jobs."""
    for arguments in (["run-job", "TellsPasswords"], ["cron"]):
        text = said(*arguments, database_url=AWAY, code=1, JOBRUNNER_DEBUG="1")
        assert "crm:***@127.0.0.1" in text
        assert CANARY not in text


def test_a_daemon_whose_database_is_away():
    """H21: it waits for its database, and says so."""
    daemon = DaemonProcess(AWAY, imports="tests.secret_jobs", log_level="debug", migrate_on_start="true")
    try:
        assert "crm:***@127.0.0.1" in daemon.wait_for("trying again")
    finally:
        daemon.stop()
    assert CANARY not in daemon.log


async def test_a_wrong_password_is_not_repeated(database_url: str, connection: Any) -> None:
    """H21: neither where a server refuses the user, nor where the URL itself cannot be used."""
    url = with_password(database_url).replace("jobrunner_test", "no_such_database")
    assert CANARY not in said("status", database_url=url, code=None, JOBRUNNER_DEBUG="1")
    for broken in (
        f"postgresql://u:{CANARY}@h:port/d",
        f"postgres//u:{CANARY}@h/d",
        f"postgresql://u:{CANARY}@@h/d?sslmode=nonsense",
    ):
        assert CANARY not in said("status", database_url=broken, code=None, JOBRUNNER_DEBUG="1")


def test_the_configuration_is_shown_without_them():
    """H21: as a table and as JSON, however the password stands in the URL."""
    for url in (AWAY, f"postgresql://db/crm?user=crm&password={quote(DATABASE_PASSWORD, safe='')}"):
        for form in ([], ["--json"]):
            text = said("config", "show", *form, database_url=url)
            assert "***" in text
            assert CANARY not in text


def test_a_password_among_the_parameters_of_a_url_is_taken_out_as_well():
    """H21."""
    from jobrunner.config import load
    from jobrunner.execution.scrub import scrubber

    url = f"postgresql://db/crm?user=crm&password={quote(DATABASE_PASSWORD, safe='')}"
    scrub = scrubber(load(database_url=url))
    assert CANARY not in scrub(f"{url} {DATABASE_PASSWORD}")
    assert scrub("user=crm") == "user=crm"


async def test_the_client_names_its_database_without_the_password() -> None:
    """H21: in what an application logs of it."""
    from jobrunner import Client, DatabaseUnavailable

    async with Client(AWAY) as client:
        with pytest.raises(DatabaseUnavailable) as refusal:
            await client.enqueue("SendGreeting")
        assert CANARY not in str(refusal.value)
        assert CANARY not in repr(client) + repr(vars(client))


def test_json_lines_are_scrubbed_before_they_are_written():
    """H21: a password with letters that JSON writes otherwise."""
    import logging

    from jobrunner.cli.logging_setup import Json
    from jobrunner.config import load
    from jobrunner.execution.scrub import scrubber

    scrub = scrubber(load(database_url=AWAY))
    record = logging.LogRecord("x", logging.INFO, "f", 1, "it is %s", (DATABASE_PASSWORD,), None)
    assert json.loads(Json(scrub).format(record))["message"] == "it is ***"
    try:
        raise RuntimeError(DATABASE_PASSWORD)
    except RuntimeError:
        record.exc_info = sys.exc_info()
    assert CANARY not in Json(scrub).format(record)
