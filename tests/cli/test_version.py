import json
import subprocess
import sys

import pytest

from jobrunner.cli import main


def test_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["version"])
    assert capsys.readouterr().out.startswith("jobrunner ")
    with pytest.raises(SystemExit):
        main(["version", "--json"])
    assert set(json.loads(capsys.readouterr().out)) == {"jobrunner", "python", "platform"}


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "jobrunner", "version"], capture_output=True, text=True, timeout=30)
    assert done.stdout.startswith("jobrunner ")
