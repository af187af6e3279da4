"""Commands as they are called in an empty folder, with the database of the test."""

import pytest

from tests.cli.calling import Call, caller


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path) -> Call:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    return caller(capsys)
