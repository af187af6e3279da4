"""scripts/demo: keeps to its own folder, and takes no nonsense."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def test_its_data_is_kept_below_the_data_folder_of_the_environment(folder: Path):
    """And apart from those of a real installation there, which it must not fill with samples."""
    done = demo("--seconds", "1", JOBRUNNER_DATA_DIR=str(folder / "given"), HOME=str(folder))
    assert done.returncode == 0, done.stderr
    assert f"Its data is kept in {folder}/given/demo and nowhere else" in done.stdout
    assert (folder / "given" / "demo" / "data" / "PG_VERSION").exists()
    assert "Stopped cleanly." in done.stdout
    assert [path.name for path in folder.iterdir()] == ["given"]
    assert [path.name for path in (folder / "given").iterdir()] == ["demo"]


@pytest.mark.parametrize("seconds", ["-1", "0", "nan", "inf", "soon"])
def test_seconds_must_be_a_time(seconds: str, folder: Path):
    done = demo(f"--seconds={seconds}", JOBRUNNER_DATA_DIR=str(folder))
    assert done.returncode == 2
    assert f"must be a number of seconds above 0, at most 86400, got {seconds!r}" in done.stderr
    assert not list(folder.iterdir())
