"""The locks that the scripts install from: complete, nested, hashed, and without a word about where from."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]

# What each lock has to hold, as scripts/lock asks for it.
run = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
demo = [*run, *EXTRAS["embedded"]]
dev = [*demo, *EXTRAS["psycopg"], *GROUPS["dev"]]
bench = [*dev, *GROUPS["bench"]]


def locked(name: str) -> dict[str, str]:
    """The version of each project that the lock names."""
    text = (CHECKOUT / "requirements" / f"{name}.lock").read_text()
    found = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(project): version for project, version in found}


@pytest.mark.parametrize(("name", "wanted"), [("run", run), ("demo", demo), ("dev", dev), ("bench", bench)])
def test_lock_holds_what_the_project_asks_for(name: str, wanted: list[str]) -> None:
    """Fails when pyproject.toml was changed without `scripts/lock`."""
    versions = locked(name)
    for requirement in map(Requirement, wanted):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"requirements/{name}.lock lacks {requirement}: run scripts/lock"
        assert version in requirement.specifier, f"requirements/{name}.lock has {version}: run scripts/lock"


def test_smaller_locks_are_part_of_the_larger() -> None:
    assert locked("run").items() <= locked("demo").items() <= locked("dev").items() <= locked("bench").items()


@pytest.mark.parametrize("name", ["run", "demo", "dev", "bench"])
def test_lock_names_hashes_and_no_host(name: str) -> None:
    text = (CHECKOUT / "requirements" / f"{name}.lock").read_text()
    assert "://" not in text
    assert "--index" not in text
    pinned = re.split(r"^(?=[\w.-]+(?:\[[^]]*\])?==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in each for each in pinned)


def test_bench_without_a_name_tells_the_names() -> None:
    done = subprocess.run(["scripts/bench", "no-such"], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("bench: name one of the benchmarks: ")
