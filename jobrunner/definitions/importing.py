"""Finds and imports the modules that have jobs; one that is no good is named and holds up nobody (H24)."""

import importlib
import sys
import threading
from importlib.metadata import entry_points

from jobrunner.errors import JobrunnerError

ENTRY_POINT_GROUP = "jobrunner.jobs"
IMPORT_LIMIT = 20.0
"""Seconds that importing one module of jobs may take before it is named and left out."""


def modules_of_jobs() -> list[str]:
    """Return the names of our own module of jobs and of all that installed packages name as theirs."""
    names = [point.value for point in entry_points(group=ENTRY_POINT_GROUP)]
    if "jobrunner.jobs" not in names:
        names.insert(0, "jobrunner.jobs")
    return names


class Import(threading.Thread):
    """The import of one module of jobs, in a thread that need not be waited for."""

    def __init__(self, module: str) -> None:
        super().__init__(name=f"import {module}", daemon=True)
        self.module = module.partition(":")[0]
        self.given_up = False
        """It took too long: what it still registers does not count."""
        self._given = module
        self._fault: BaseException | None = None

    def run(self) -> None:
        """Import the module."""
        try:
            importlib.import_module(self.module)
        except BaseException as error:  # a module may even call sys.exit
            self._fault = error

    def problem(self) -> str | None:
        """Start it; return one sentence if it raised or did not end within `IMPORT_LIMIT`."""
        self.start()
        self.join(IMPORT_LIMIT)
        if self.is_alive():
            self.given_up = True
            return (
                f"the module {self._given!r} did not finish importing within {IMPORT_LIMIT:g} s: its jobs are left out"
            )
        if self._fault is not None:
            return f"the module {self._given!r} could not be imported ({_told(self._fault)}): its jobs are left out"
        return None

    def left_out(self, module: str) -> bool:
        """Whether the jobs of a module are left out with this one: it is part of it, or not imported whole either."""
        return module == self.module or module.startswith(f"{self.module}.") or not _is_whole(module)


def in_given_up_import() -> bool:
    """Whether this code runs in an import that took too long."""
    current = threading.current_thread()
    return isinstance(current, Import) and current.given_up


def _is_whole(name: str) -> bool:
    """Whether a module and the packages around it were imported to their end."""
    while name:
        module = sys.modules.get(name)
        if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
            return False
        name = name.rpartition(".")[0]
    return True


def _told(error: BaseException) -> str:
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:  # an error's own methods may fail in any way
        return kind
    if isinstance(error, JobrunnerError) and text:
        return text
    return f"{kind}: {text}" if text else kind
