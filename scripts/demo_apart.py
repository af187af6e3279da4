"""Keeps the demo apart from a real installation of the machine, and that from the demo."""

import os
import shlex
from pathlib import Path

from jobrunner.config.catalogue import PREFIX
from jobrunner.config.sources import find_file

KEPT = ("JOBRUNNER_DATA_DIR", "JOBRUNNER_DEBUG")


class Apart:
    """What the machine has configured for jobrunner, none of which is the demo's: a database, queues, a key, a port."""

    def __init__(self) -> None:
        """Take it out of the environment, for this process and those that it starts."""
        self._names = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name not in KEPT)
        for name in self._names:
            del os.environ[name]
        self._has_file = find_file(None) is not None
        os.environ["JOBRUNNER_CONFIG"] = os.devnull

    def command(self, data_dir: Path) -> str:
        """Return how jobrunner is called, in a shell as the one that the demo was started from, for the demo's data."""
        given = [f"JOBRUNNER_DATA_DIR={shlex.quote(str(data_dir))}", ".venv/bin/jobrunner"]
        if self._has_file or "JOBRUNNER_CONFIG" in self._names:
            given.insert(1, f"JOBRUNNER_CONFIG={os.devnull}")
        others = [name for name in self._names if name != "JOBRUNNER_CONFIG"]
        if others:
            given = ["env", *(f"-u {name}" for name in others), *given]
        return " ".join(given)
