"""scripts/demo: keeps to its own folder, and takes no nonsense."""

import importlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from jobrunner.errors import ConfigurationError
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that root's stand-in can reach."""
    with tempfile.TemporaryDirectory(prefix="jobrunner-demo-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


def demo(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "demo_program.py", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[IO[str]]:
    """What a demo says, line by line; at the end it is stopped as by Ctrl-C."""
    program = ROOT / "scripts" / "demo_program.py"
    process = subprocess.Popen(
        [sys.executable, program, "--data-dir", folder / "data", "--seconds", "100", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        with process.stdout as said:
            yield said
            process.send_signal(signal.SIGINT)
            until(said, "Stopped cleanly.")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def until(said: IO[str], pattern: str) -> "re.Match[str]":
    """Read on to a line that has it."""
    lines = []
    for line in said:
        lines.append(line)
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"{pattern!r} is not in what the demo said:\n{''.join(lines)}")


def test_its_data_is_kept_below_the_data_folder_of_the_environment(folder: Path):
    """And apart from those of a real installation there, which it must not fill with samples."""
    done = demo("--seconds", "1", JOBRUNNER_DATA_DIR=str(folder / "given"), HOME=str(folder))
    assert done.returncode == 0, done.stderr
    assert f"Its data is kept in {folder}/given/demo and nowhere else" in done.stdout
    assert (folder / "given" / "demo" / "data" / "PG_VERSION").exists()
    assert "Stopped cleanly." in done.stdout
    assert [path.name for path in folder.iterdir()] == ["given"]
    assert [path.name for path in (folder / "given").iterdir()] == ["demo"]


def test_what_the_machine_has_configured_is_not_the_demos(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Its database, queues and ports; and the command that the demo names finds the demo's data all the same."""
    (folder / "jobrunner.toml").write_text("queues = ['none']\nnonsense = 1\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    monkeypatch.setenv("JOBRUNNER_QUEUES", "none")
    monkeypatch.setenv("JOBRUNNER_HTTP__PORT", "1")
    with running(folder) as said:
        command = until(said, r"^ +(\S.* mass-email status Spring)$")[1]
        installed = Path(sys.executable).with_name("jobrunner")
        done = subprocess.run(
            command.replace(".venv/bin/jobrunner", str(installed)),
            shell=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "Complete" in done.stdout


@pytest.mark.parametrize("seconds", ["-1", "0", "nan", "inf", "soon"])
def test_seconds_must_be_a_time(seconds: str, folder: Path):
    done = demo(f"--seconds={seconds}", JOBRUNNER_DATA_DIR=str(folder))
    assert done.returncode == 2
    assert f"must be a number of seconds above 0, at most 86400, got {seconds!r}" in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "²"])
def test_the_port_must_be_one(port: str, folder: Path):
    done = demo(f"--http-port={port}", JOBRUNNER_DATA_DIR=str(folder))
    assert done.returncode == 2
    assert f"must be a port from 1 to 65535, got {port!r}" in done.stderr
    assert not list(folder.iterdir())


def test_a_reminder_and_then_a_mailing_whose_links_work(folder: Path):
    """Who unsubscribes by the link in the mail is left out at the next start; at a port that no other demo takes."""
    port = str(free_port())
    with running(folder, "--http-port", port) as said:
        until(said, "Subject: Reminder of a meeting: Coffee with Charles")
        until(said, "To: Charles Babbage")
        until(said, "One more: Grace Hopper")
        until(said, "One more: Zoë Weiß")
        until(said, "'Spring' is Complete")
        until(said, r"Alan Turing <alan@example.net>: invalid address \(a mail to it came back\)")
        until(said, "Emmy Noether <emmy@example.net>: on the list of those that get none")
        until(said, r"Mary Somerville <mary@example.net>: opted out \(wrote that she wants no more mail\)")
        link = until(said, r"its link, which is counted: +(\S+)$")[1]
        page = until(said, r"its page to unsubscribe: +(\S+)$")[1]
        assert link.startswith(f"http://127.0.0.1:{port}/")
        assert "this visit was counted" in httpx.get(link).text
        until(said, "charles@example.org has followed the link to the catalogue .counted as a machine")
        assert "<button" in httpx.get(page).text
        assert httpx.post(page).status_code == 200
        until(said, "charles@example.org has unsubscribed")
    with running(folder, "--http-port", port) as said:
        until(said, "To: Grace Hopper")
        until(said, "Charles Babbage <charles@example.org>: has unsubscribed")
        until(said, "its page to unsubscribe:")
        assert "You are unsubscribed" in httpx.get(page).text


def test_mail_comes_in_as_soon_as_it_is_there(
    folder: Path, require_tool: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    """With a file, in its thread, to a group with a case and an answer; also at the second start.

    Then nothing is left of its Dovecot.
    """
    require_tool("dovecot", "dovecot-imapd")
    (folder / "tmp").mkdir(mode=0o755)
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    with running(folder, "--mail") as said:
        until(said, "Both mailboxes are watched")
        seconds = until(said, r"It is mail 1, ([\d.]+) s after the server got it")[1]
        assert float(seconds) < 10  # of the schedule's minute; how quick it is the benchmarks tell
        until(said, r"File: operations.csv \(text/csv, 66\)")
        until(said, "Who has it: Ada Lovelace$")
        until(said, "Thread: it is the mail number 2 of the thread of mail 1")
        until(said, "Who has it: Ada Lovelace, Katherine Johnson$")
        until(said, "It has opened the case 1, Assigned, which Ada Lovelace has got.")
        until(said, "An automatic answer has arrived")
        until(said, r"Subject: \[#1\] We have your mail")
        command = until(said, r"python3 -c '(import imaplib; .*)'$")[1]
        second = demo("--mail", "--data-dir", str(folder / "data"), "--seconds", "1")
        assert second.returncode == 1
        assert "another scripts/demo --mail runs on" in second.stderr
        subprocess.run([sys.executable, "-c", command], check=True, timeout=30)
        until(said, r"Mail \d has come in")
        until(said, "Subject: Hello$")
    assert list((folder / "tmp").glob("jobrunner-demo-*")) == []
    with running(folder, "--mail") as said:
        until(said, r"From former times [45] mails are here.")
        until(said, r"It is mail \d, ")
        until(said, "It has opened the case 2, Assigned, which Katherine Johnson has got.")


def test_what_is_missing_for_mail_is_said_in_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    dovecot = importlib.import_module("demo_dovecot")
    monkeypatch.setattr(dovecot, "PLACES", [str(folder)])
    with pytest.raises(ConfigurationError, match="have `apt-get install dovecot-imapd` run as root"):
        dovecot.find_dovecot()
    program = folder / "dovecot"
    program.write_text("#!/bin/sh\necho '2.2.36 (abc)'\n")
    program.chmod(0o755)
    monkeypatch.setattr(dovecot, "IMAP", [str(program)])
    with pytest.raises(ConfigurationError, match=r"knows Dovecot 2.3 and 2.4, and this machine has 2.2.36"):
        dovecot.find_dovecot()


@pytest.mark.parametrize(("version", "first"), [("2.3.19.1", "base_dir = "), ("2.4.1-4", "dovecot_config_version = ")])
def test_dovecot_is_configured_as_its_version_wants_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, version: str, first: str
):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    dovecot = importlib.import_module("demo_dovecot")
    program = folder / "dovecot"
    program.write_text(f"#!/bin/sh\necho '{version} (abc)'\n")
    program.chmod(0o755)
    monkeypatch.setattr(dovecot, "PLACES", [str(folder)])
    monkeypatch.setattr(dovecot, "IMAP", [str(program)])
    found = dovecot.find_dovecot()
    assert found.path == program
    assert found.configuration.strip().startswith(first)
