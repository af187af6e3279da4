"""Finds and imports the modules that have jobs; one that is no good is named and holds up nobody (H24)."""

import importlib
import threading
from importlib.metadata import entry_points

ENTRY_POINT_GROUP = "jobrunner.jobs"
IMPORT_LIMIT = 20.0
"""Seconds that importing one module of jobs may take before it is named and left out."""


def modules_of_jobs() -> list[str]:
    """Return the names of our own module of jobs and of all that installed packages name as theirs."""
    names = [point.value for point in entry_points(group=ENTRY_POINT_GROUP)]
    if "jobrunner.jobs" not in names:
        names.insert(0, "jobrunner.jobs")
    return names


def import_within_limit(module: str) -> str | None:
    """Import a module of jobs; return one sentence if it raised or did not end within `IMPORT_LIMIT`."""
    fault: list[BaseException] = []

    def load() -> None:
        try:
            importlib.import_module(module.partition(":")[0])
        except BaseException as error:  # a module may even call sys.exit
            fault.append(error)

    thread = threading.Thread(target=load, name=f"import {module}", daemon=True)
    thread.start()
    thread.join(IMPORT_LIMIT)
    if thread.is_alive():
        return f"the module {module!r} did not finish importing within {IMPORT_LIMIT:g} s: its jobs are left out"
    if fault:
        kind = type(fault[0]).__name__
        return f"the module {module!r} could not be imported ({kind}: {fault[0]}): its jobs are left out"
    return None
