"""Dockerfile, compose file and unit say what the code does; nothing of them is run here."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobrunner.config import Configuration
from jobrunner.config.catalogue import settings_of
from jobrunner.daemon import START_LIMIT
from jobrunner.daemon_process import STOP_LIMIT
from tests.set_ups.image import ROOT, steps

DOCKERFILE = steps((ROOT / "Dockerfile").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
UNIT = ROOT / "scripts" / "set-ups" / "jobrunner.service"
LONGEST_STOP = Configuration().grace + STOP_LIMIT


def rest(name: str) -> list[str]:
    return [step.rest for step in DOCKERFILE if step.name == name]


def test_the_image_copies_what_is_there_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    kept = [line[1:] for line in ignored if line.startswith("!")]
    copied = [source for step in DOCKERFILE if step.name == "COPY" for source in step.words[:-1]]
    for source in [source for source in copied if not source.startswith(("--from=", "/"))]:
        assert (ROOT / source).exists(), source
        assert any(Path(source).is_relative_to(one) for one in kept), f".dockerignore leaves {source} out"


def test_the_image_is_not_root_and_hears_signals():
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", rest("USER")[-1]), "by number"
    for name in ("ENTRYPOINT", "CMD"):
        (line,) = rest(name)
        assert isinstance(json.loads(line), list), f"{name} by a shell hears no signals"
    assert json.loads(rest("ENTRYPOINT")[0])[-1] == "jobrunner-entrypoint"


def test_the_health_check_waits_for_a_start():
    (check,) = rest("HEALTHCHECK")
    found = re.search(r"--start-period=(\d+)s", check)
    assert found
    assert int(found[1]) > START_LIMIT


def test_the_compose_file():
    services = COMPOSE["services"]
    known = {setting.name for setting in settings_of(Configuration)}
    daemon = services["jobrunner"]
    assert {name for name in daemon["environment"] if name.startswith("JOBRUNNER_")} <= known
    assert int(daemon["stop_grace_period"].removesuffix("s")) >= LONGEST_STOP
    assert daemon["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert "healthcheck" in services["postgres"]
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), f"{name} is open to the world"
        assert set(service.get("volumes", [])) <= {f"{volume}:/var/lib/postgresql" for volume in COMPOSE["volumes"]}
        image = service["image"]
        assert "build" in service or re.search(r":v?\d", image), f"{image}: of which version?"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the command of this environment, since verify looks whether it is there."""
    command = Path(sys.executable).parent / "jobrunner"
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/jobrunner/bin/jobrunner", str(command)))
    return path


def test_systemd_finds_nothing_wrong_with_the_unit(unit: Path, require_tool: Callable[..., Path]):
    tool = require_tool("systemd-analyze", "systemd")
    verified = subprocess.run([tool, "verify", unit], capture_output=True, text=True, timeout=60)
    said = [line for line in verified.stderr.splitlines() if UNIT.name in line]
    assert (verified.returncode, said) == (0, [])
    judged = subprocess.run(
        [tool, "security", "--offline=yes", "--threshold=20", unit], capture_output=True, text=True, timeout=60
    )
    assert judged.returncode == 0, judged.stdout[-300:]


def test_the_unit_gives_a_stop_its_time():
    settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE))
    assert int(settings["TimeoutStopSec"]) >= LONGEST_STOP
    assert settings["Type"] == "notify"
    assert settings["KillMode"] == "mixed", "the daemon's processes are its own to end"
