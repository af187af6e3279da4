"""The container's entrypoint and health check, run as they are."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.set_ups.container import ENTRYPOINT, HEALTHY, environment
from tests.support.ports import free_port

URL = "postgresql://somebody:secret@db.example.org/crm"


def enter(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ENTRYPOINT, *arguments],
        cwd=folder,
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=60,
    )


def healthy(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [HEALTHY, *arguments], env=environment(folder, **variables), capture_output=True, text=True, timeout=60
    )


class Running:
    """A daemon as the entrypoint starts it."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [ENTRYPOINT, *arguments],
            cwd=folder,
            env=environment(folder, **variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = ""
        self.is_ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.log += line
                if " is ready: " in line:
                    self.is_ready.set()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._reader.join(10)
        return code


@contextmanager
def running(folder: Path, *arguments: str, **variables: str) -> Iterator[Running]:
    one = Running(folder, *arguments, **variables)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        one._reader.join(10)


def test_several_on_an_empty_database(empty_database_url: str, tmp_path: Path):
    """One migrates, all work; SIGTERM reaches the daemon itself, which ends well; the health check tells both."""
    ports = [free_port() for _ in range(2)]
    settings = {"JOBRUNNER_DATABASE_URL": empty_database_url, "JOBRUNNER_HTTP__HOST": "0.0.0.0"}
    with ExitStack() as all_of_them:
        daemons = [
            all_of_them.enter_context(running(tmp_path, **settings, JOBRUNNER_HTTP__PORT=str(port))) for port in ports
        ]
        for daemon in daemons:
            assert daemon.is_ready.wait(60), daemon.log
        assert sum("the database was migrated to" in daemon.log for daemon in daemons) == 1
        for daemon, port in zip(daemons, ports, strict=True):
            there = {**settings, "JOBRUNNER_HTTP__PORT": str(port)}
            assert Path(f"/proc/{daemon.process.pid}/comm").read_text() != "sh\n", "the shell was not replaced"
            assert healthy(tmp_path, **there).stdout == '200 {"status":"ok"}\n'
            assert healthy(tmp_path, "--ready", **there).returncode == 0
            assert daemon.stop() == 0
            assert "SIGTERM: stopping" in daemon.log
            gone = healthy(tmp_path, **there)
            assert (gone.returncode, gone.stderr) == (1, "")
            assert "does not answer" in gone.stdout


def test_a_daemon_without_http_is_not_asked(tmp_path: Path):
    assert healthy(tmp_path, JOBRUNNER_HTTP__ENABLED="false").returncode == 0


@pytest.mark.parametrize("arguments", [[], ["daemon"], ["--queues", "main"]])
def test_without_a_database_it_says_what_to_set(arguments: list[str], tmp_path: Path):
    done = enter(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("jobrunner: no database is named: set JOBRUNNER_DATABASE_URL to ")


def test_arguments_are_those_of_the_command(tmp_path: Path):
    assert enter(tmp_path, "version").stdout.startswith("jobrunner ")
    assert enter(tmp_path, "sh", "-c", "echo $((6 * 7))").stdout == "42\n"
    assert enter(tmp_path, "/bin/echo", "a  b").stdout == "a  b\n"


def test_a_secret_may_come_as_a_file(tmp_path: Path):
    """Its name is not taken for a setting, and a newline at the end is not part of it."""
    secret = tmp_path / "secret"
    secret.write_text(URL + "\n")
    done = enter(tmp_path, "config", "show", JOBRUNNER_DATABASE_URL_FILE=str(secret))
    assert done.returncode == 0
    assert "db.example.org" in done.stdout
    assert "secret@" not in done.stdout
    assert done.stderr == ""
    said = enter(tmp_path, "sh", "-c", "echo $JOBRUNNER_SMTP__PASSWORD", JOBRUNNER_SMTP__PASSWORD_FILE=str(secret))
    assert said.stdout == URL + "\n"


def test_a_secret_that_is_not_there(tmp_path: Path):
    done = enter(tmp_path, JOBRUNNER_DATABASE_URL_FILE=str(tmp_path / "none"))
    assert done.returncode == 2
    user = os.getuid()
    assert f"JOBRUNNER_DATABASE_URL_FILE names {tmp_path}/none, which user {user} cannot read" in done.stderr
