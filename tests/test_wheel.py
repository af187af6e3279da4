"""The wheel: what is in it, and that it works alone, installed into an empty environment and run in another folder.

What jobrunner depends on is lent to that environment by the one that runs the tests, so nothing is downloaded. The
package itself must not be lent: where it comes from is asserted in each process.
"""

import json
import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import asyncpg
import pytest

from tests.support.daemons import DaemonProcess, ended

ROOT = Path(__file__).parents[1]
LIMIT = 120
BUILD = "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])"

JOBS = """
import jobrunner
from jobrunner import JobContext, job


@job("Where")
async def where(ctx: JobContext) -> str:
    return jobrunner.__file__


@job("WhereBlocking")
def where_blocking() -> str:
    return jobrunner.__file__
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout as an installer builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, check=True, timeout=LIMIT)
    (path,) = folder.glob("*.whl")
    return path


class Installation:
    """An environment in which nothing but the wheel is installed, and a folder to work in."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.scripts = environment / "bin"
        self.python = self.scripts / "python"
        self.folder = folder
        (self.packages,) = environment.glob("lib/python*/site-packages")
        self.variables = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
        }

    def run(self, *arguments: str, **environment: str) -> str:
        """Run `jobrunner` with these arguments and return its standard output."""
        return self.output(str(self.scripts / "jobrunner"), *arguments, **environment)

    def output(self, *command: str, **environment: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.variables, **environment},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=LIMIT)
    installed = Installation(environment, tmp_path_factory.mktemp("elsewhere"))
    offline = ["--no-deps", "--no-index"]
    installer = (
        [sys.executable, "-m", "pip", "--python", str(installed.python), "install", "--quiet", *offline]
        if find_spec("pip")
        else ["uv", "pip", "install", "--quiet", "--offline", "--python", str(installed.python), *offline]
    )
    subprocess.run([*installer, str(wheel)], check=True, timeout=LIMIT, cwd=installed.folder)
    # A path named in a .pth file is looked through after the environment's own, and .pth files there are not read: so
    # what links the checkout into the lender's environment has no effect here.
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (installed.packages / "lent.pth").write_text("\n".join(sorted(lent)) + "\n")
    return installed


def test_its_files_are_the_package_and_its_migrations(wheel: Path):
    """The wheel's part of H25: not a file too many, none missing."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = {name for name in names if ".dist-info/" in name}
    assert {name.partition(".dist-info/")[2] for name in info} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "jobrunner").rglob("*")
        if path.suffix in (".py", ".sql", ".html", ".css", ".js") or path.name == "py.typed"
    }
    migrations = {
        f"jobrunner/migrations/{path.relative_to(ROOT / 'alembic').as_posix()}"
        for path in (ROOT / "alembic").rglob("*")
        if path.suffix in (".py", ".sql", ".mako")
    }
    assert names - info == package | migrations
    assert "jobrunner/py.typed" in names
    assert "jobrunner/queue/claim_jobs.sql" in names
    assert "jobrunner/migrations/env.py" in names
    assert {name for name in migrations if name.endswith(".sql")} >= {"jobrunner/migrations/versions/0001_engine.sql"}


def test_what_it_says_of_itself(wheel: Path):
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
        entry_points = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
    head, _, description = metadata.partition("\n\n")
    assert "License-Expression: MIT" in head
    assert "Requires-Python: >=3.11" in head
    assert description.lstrip().startswith("# jobrunner")
    assert "jobrunner = jobrunner.__main__:main" in entry_points
    assert "[jobrunner.jobs]" in entry_points
    # What only tests and benchmarks need is asked of nobody.
    assert "pytest" not in head
    assert "procrastinate" not in head


def test_the_package_in_the_new_environment_is_the_wheel(installation: Installation):
    question = "import jobrunner, jobrunner.db.migrations as m; print(jobrunner.__file__); print(m.scripts_folder())"
    package, migrations = installation.output(str(installation.python), "-c", question).splitlines()
    assert Path(package).is_relative_to(installation.packages)
    assert Path(migrations) == installation.packages / "jobrunner" / "migrations"


def test_commands_without_a_database(installation: Installation):
    assert "daemon" in installation.run("--help")
    assert installation.run("version").startswith("jobrunner ")
    explained = json.loads(installation.run("crontab", "explain", "0 9 * * MON#1", "--json", "--count", "3"))
    assert len(explained["next"]) == 3


async def test_it_migrates_and_runs_jobs_from_another_folder(
    installation: Installation, empty_database_url: str
) -> None:
    (installation.folder / "elsewhere_jobs.py").write_text(JOBS)
    environment = {"JOBRUNNER_DATABASE_URL": empty_database_url}
    applied = installation.run("migrate", **environment).splitlines()
    assert applied == [f"applied: {path.stem}" for path in sorted((ROOT / "alembic/versions").glob("*.py"))]
    assert installation.run("migrate", "--check", **environment) == "the schema is current\n"
    connection: Any = await asyncpg.connect(empty_database_url)
    daemon = DaemonProcess(
        empty_database_url,
        imports="elsewhere_jobs",
        command=installation.scripts / "jobrunner",
        folder=installation.folder,
    )
    try:
        await daemon.ready()
        listed = json.loads(
            installation.run("app-info", "--jobs", "--json", "--import", "elsewhere_jobs", **environment)
        )
        here = {row["name"] for row in listed if row["is_here"]}
        assert here >= {"Where", "WhereBlocking", "SendEmailReminders"}, "found in the folder where the command runs"
        jobs = [int(installation.run("jobs", "enqueue", name, **environment)) for name in ("where", "where-blocking")]
        rows = await ended(connection, *jobs)
        assert [row["status"] for row in rows] == ["Success", "Success"]
        for row in rows:
            assert Path(json.loads(row["result"])).is_relative_to(installation.packages)
    finally:
        code = daemon.stop()
        await connection.close()
    assert code == 0
