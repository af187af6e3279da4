"""docs/from-espocrm.md: what a row says shows it does run; and it has a row for each job of EspoCRM's page."""

import re
import shlex
from pathlib import Path

import pytest

from jobrunner.db.connection import Connection
from jobrunner.definitions import registry
from jobrunner.scheduling.seed import seed
from tests.cli.calling import caller
from tests.docs.documents import ROOT
from tests.e2e.nine_jobs import NINE

TEXT = (ROOT / "docs" / "from-espocrm.md").read_text(encoding="utf-8")
SHOWN_BY = re.compile(r"^\| [^|]* \| [^|]* \| `([^`]+)` \|$", re.MULTILINE)
"""The last cell of a row of three."""
ELSEWHERE = re.compile(r"nohup|systemctl|jobrunner (daemon|status)|--target-id")
"""These need a machine, a daemon or an account: tests of their own show them (`tests/set_ups`, `tests/e2e`)."""


async def test_each_command_that_shows_something_runs(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    monkeypatch.setenv("JOBRUNNER_SMTP__HOST", "127.0.0.1")
    monkeypatch.setenv("JOBRUNNER_SMTP__FROM_ADDRESS", "crm@example.com")
    registry.load()
    connection = Connection(database_url, "test", limit=20)
    try:
        await seed(connection, registry)
    finally:
        await connection.close()
    call = caller(capfd)
    commands = [command for command in SHOWN_BY.findall(TEXT) if not ELSEWHERE.search(command)]
    assert len(commands) > 20
    for command in dict.fromkeys(commands):
        done = await call(*shlex.split(command)[1:])
        assert done.code == 0, f"{command}: {done.err}"


def test_it_has_a_row_for_each_job_of_the_page():
    shown = SHOWN_BY.findall(TEXT)
    assert all(f"jobrunner run-job {work.job}" in {command.split(" --")[0] for command in shown} for work in NINE)
