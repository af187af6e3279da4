"""Loads the .sql file that stands beside a module: one statement each, named verb_noun."""

from functools import cache
from importlib.resources import files


@cache
def load(package: str, name: str) -> str:
    """Return the statement `name`.sql of a package (`load(__package__, "claim_jobs")`).

    Files are packaged with the code, so a missing one is a fault of ours: FileNotFoundError.
    """
    return files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")
