"""The log of a PostgreSQL of ours: why one did not start."""

import stat
from pathlib import Path

import pytest

from jobrunner.db import server_log
from jobrunner.db.server_log import ServerLog


@pytest.fixture
def log(tmp_path: Path) -> ServerLog:
    return ServerLog(tmp_path / "postgresql.log")


def test_what_it_tells_who_knocks_while_it_starts_is_not_why_it_ended(log: ServerLog) -> None:
    log.path.write_text(
        '2026-11-25 14:00:00.001 GMT [71] FATAL:  required WAL directory "pg_wal" does not exist\n'
        "2026-11-25 14:00:00.002 GMT [72] FATAL:  the database system is starting up\n"
        "2026-11-25 14:00:00.003 GMT [73] FATAL:  the database system is in recovery mode\n"
        "2026-11-25 14:00:00.004 GMT [70] LOG:  aborting startup due to startup process failure\n"
    )
    assert log.reason() == 'required WAL directory "pg_wal" does not exist'


def test_only_what_the_last_server_said_counts(log: ServerLog) -> None:
    for words in (b"FATAL:  of former days\n", b"postgres: could not read it,\nsay its words\n"):
        with log.open() as file:
            file.write(words)
    assert log.reason() == "could not read it; say its words"


def test_a_large_one_is_set_aside_and_each_is_for_its_owner_alone(
    log: ServerLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_log, "LARGEST", 3)
    for words in (b"first", b"second"):
        with log.open() as file:
            file.write(words)
    assert (log.path.read_bytes(), log.path.with_name("postgresql.log.1").read_bytes()) == (b"second", b"first")
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
