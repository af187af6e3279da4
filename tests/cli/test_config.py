import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobrunner.cli import main
from jobrunner.config import settings

CANARY = "canary-88e1"


def output(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_show_says_where_each_value_comes_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "jobrunner.toml").write_text("lease = 12\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_GRACE", "4")
    lines = output(["config", "show", "--import", "crm.jobs"], capsys).splitlines()
    cells = {line.split("\t")[0]: line.split("\t")[1:3] for line in lines}
    assert cells["name"] == ["value", "source"]
    assert cells["JOBRUNNER_LEASE"] == ["12", f"file {tmp_path / 'jobrunner.toml'}"]
    assert cells["JOBRUNNER_HEARTBEAT_INTERVAL"] == ["4", "default"]
    assert cells["JOBRUNNER_GRACE"] == ["4", "environment"]
    assert cells["JOBRUNNER_IMPORT"] == ["crm.jobs", "option"]
    assert cells["JOBRUNNER_DATABASE_URL"] == ["", "default"]
    assert len(lines) == 1 + len(list(settings()))


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_show_masks_secrets(form: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """H21"""
    monkeypatch.setenv("JOBRUNNER_SMTP__USERNAME", "crm")
    monkeypatch.setenv("JOBRUNNER_SMTP__PASSWORD", CANARY)
    out = output(["config", "show", *form, "--database-url", f"postgresql://crm:{CANARY}@db/crm"], capsys)
    assert CANARY not in out
    assert "postgresql://crm:***@db/crm" in out


def test_show_as_json_keeps_types(capsys: pytest.CaptureFixture[str]):
    rows = {row["name"]: row for row in json.loads(output(["config", "show", "--json"], capsys))}
    assert rows["JOBRUNNER_LEASE"]["value"] == 30
    assert rows["JOBRUNNER_MIGRATE_ON_START"]["value"] is True
    assert rows["JOBRUNNER_QUEUES"]["value"] is None
    assert set(rows["JOBRUNNER_LEASE"]) == {"name", "value", "source", "description"}


def test_a_misspelt_name_is_pointed_out_once_on_standard_error():
    done = subprocess.run(
        [sys.executable, "-m", "jobrunner", "config", "show"],
        env=os.environ | {"JOBRUNNER_LEESE": "3"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0
    assert done.stderr == "JOBRUNNER_LEESE is not a setting of jobrunner; did you mean JOBRUNNER_LEASE?\n"


def test_a_wrong_setting_ends_with_2(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBRUNNER_LEASE", "0")
    with pytest.raises(SystemExit) as ended:
        main(["config", "show"])
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", "Error: JOBRUNNER_LEASE must be a number from 0.5 to 3600, got '0'\n")


def test_the_reference_is_the_table_of_the_documentation(capsys: pytest.CaptureFixture[str]):
    documentation = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    assert output(["config", "reference"], capsys) in documentation
