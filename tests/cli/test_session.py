import os
import re
import sys
from pathlib import Path

import asyncpg
import pytest

from jobrunner.cli import options
from jobrunner.cli.session import load_configuration, session
from jobrunner.db.embedded import EmbeddedServer
from jobrunner.errors import ConfigurationError, InvalidInput


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(options, "given", options.GlobalOptions())
    monkeypatch.chdir(tmp_path)


async def test_the_configured_database_is_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", "postgresql://crm:canary-51c9@db/crm")
    async with session() as here:
        assert here.dsn == here.direct_dsn == "postgresql://crm:canary-51c9@db/crm"
        assert not here.embedded
        assert "canary" not in repr(here)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL_DIRECT", "postgresql://direct/crm")
    async with session() as here:
        assert here.dsn == "postgresql://crm:canary-51c9@db/crm"
        assert here.direct_dsn == "postgresql://direct/crm"


async def test_an_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", "postgresql://environment/crm")
    options.given.database_url = "postgresql://option/crm"
    async with session() as here:
        assert here.dsn == "postgresql://option/crm"


async def test_without_a_url_the_embedded_server_answers(
    monkeypatch: pytest.MonkeyPatch, embedded_server: EmbeddedServer | None
):
    if embedded_server is None:
        pytest.skip("this run tests on a server that was given")
    monkeypatch.setenv("JOBRUNNER_DATA_DIR", str(embedded_server.data_dir))
    async with session() as here:
        assert here.embedded
        assert here.dsn == here.direct_dsn
        connection = await asyncpg.connect(here.dsn)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
    assert embedded_server.pid is not None  # somebody else uses it still


def test_a_mistake_is_found_before_any_server_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    options.given.config_file = tmp_path / "absent.toml"
    with pytest.raises(ConfigurationError, match=r"absent\.toml cannot be read"):
        load_configuration()
    assert os.listdir(tmp_path) == []


def test_modules_of_jobs_are_found_in_the_current_folder_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    load_configuration()
    assert str(tmp_path) not in sys.path
    options.given.imports = ["myjobs"]
    load_configuration()
    load_configuration()
    assert sys.path.count(str(tmp_path)) == 1
    assert sys.path[-1] == str(tmp_path), "a file there hides nothing that is installed"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("myjobs.py", "did you mean --import myjobs?"),
        ("./myjobs.py", "did you mean --import myjobs?"),
        ("jobs/my-jobs.py", "did you mean --import jobs.my_jobs?"),
        ("jobs/nightly", "did you mean --import jobs.nightly?"),
        ("/srv/app/myjobs.py", "did you mean --import myjobs with PYTHONPATH=/srv/app?"),
        ("my-jobs", "did you mean --import my_jobs?"),
    ],
)
def test_what_is_no_module_is_refused_with_what_was_meant(given: str, meant: str):
    options.given.imports = [given]
    with pytest.raises(InvalidInput, match=re.escape(meant)):
        load_configuration()


def test_a_module_called_py_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "package_of_test").mkdir()
    (tmp_path / "package_of_test" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    options.given.imports = ["package_of_test.py", "json", "no_such_module"]
    assert load_configuration().imports == options.given.imports
