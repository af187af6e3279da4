"""What stands after `--import`: a module's name, and what was meant where it is none."""

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

from jobrunner.errors import InvalidInput


def check(given: Iterable[str]) -> None:
    """Refuse what names a file or has hyphens; raises InvalidInput with the name that was meant.

    A module that is not there is not refused: it is named where modules are loaded, and the others load (H24).
    """
    for module in given:
        if _is_file(module):
            raise InvalidInput(f"--import {module!r} is a file, a module is wanted: did you mean {_module_in(module)}?")
        if "-" in module:
            plain = module.replace("-", "_")
            raise InvalidInput(
                f"--import {module!r}: a module's name has no hyphens, nor has its file; did you mean --import {plain}?"
            )


def _is_file(module: str) -> bool:
    return os.sep in module or (module.endswith(".py") and not _is_package(module.partition(".")[0]))


def _module_in(path: str) -> str:
    """Return the option for the module in a file, with what makes it be found where it is not below this folder."""
    file = Path(path.removesuffix(".py")).expanduser()
    try:
        parts = Path(os.path.abspath(file)).relative_to(Path.cwd()).parts
    except (OSError, ValueError):  # it is elsewhere, or this folder is gone
        return f"--import {file.name.replace('-', '_')} with PYTHONPATH={file.parent}"
    return f"--import {'.'.join(parts).replace('-', '_')}"


def _is_package(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)  # of a name without a dot: nothing is imported for it
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.submodule_search_locations is not None
