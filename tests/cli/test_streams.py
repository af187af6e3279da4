"""Standard input, output and error that are closed, full or not read: what a shell's `>&-` and a full disk do."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

COMMAND = f"'{sys.executable}' -m jobrunner"


@pytest.fixture
def shell(database_url: str, tmp_path: Path):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT jobrunner.enqueue('Greet')")

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f"cd '{tmp_path}'; {COMMAND} {line}"],
            env={
                **os.environ,
                "JOBRUNNER_DATABASE_URL": database_url,
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.parametrize("command", ["jobs list", "status", "--help", "version --json"])
def test_a_closed_standard_output_is_one_sentence_and_a_failure(shell, command: str):
    done = shell(f"{command} >&-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: cannot write to standard output: Bad file descriptor\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("command", ["jobs list", "--help", "app-info --jobs --json", "version"])
def test_a_full_disk_is_one_sentence_and_a_failure(shell, command: str):
    done = shell(f"{command} >/dev/full")
    assert (done.returncode, done.stderr) == (1, "Error: cannot write to standard output: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_no_fault_of_the_database(shell, database_url: str):
    """Log lines are written while the connection is open, where an OSError would be taken for one of the network."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        job = connection.execute("SELECT jobrunner.enqueue('Greet')").fetchone()[0]
        connection.execute(
            "INSERT INTO jobrunner.job_log (job_id, attempt, at, level, logger, message) "
            "VALUES (%s, 1, now(), 20, 'greeter', 'hello')",
            [job],
        )
    assert "hello" in shell(f"logs {job}").stdout
    done = shell(f"logs {job} >/dev/full")
    assert (done.returncode, done.stderr) == (1, "Error: cannot write to standard output: No space left on device\n")


def test_without_standard_error_and_input_it_does_what_it_should(shell):
    whole = shell("jobs list")
    for closed in ("2>&-", "<&-", "<&- 2>&-"):
        done = shell(f"jobs list {closed}")
        assert (done.returncode, done.stdout, done.stderr) == (0, whole.stdout, ""), closed


def test_with_nothing_open_at_all_it_still_ends_as_it_should(shell):
    assert shell("jobs list <&- >&- 2>&-").returncode == 1
    assert shell("jobs lst <&- >&- 2>&-").returncode == 2
    assert shell("settings set paused yes <&- 2>&-").stdout == shell("settings get paused").stdout


def test_remarks_that_cannot_be_written_are_no_failure(shell):
    if Path("/dev/full").exists():
        done = shell("jobs show 999 2>/dev/full")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
        assert shell("settings list 2>/dev/full").returncode == 0


def test_data_from_a_standard_input_that_is_closed_is_refused(shell):
    done = shell("jobs enqueue Greet --force --data - <&-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: --data - reads standard input, which cannot be read: Bad file descriptor\n"
