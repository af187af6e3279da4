"""`jobrunner cleanup`: what it counts and removes, what it refuses, and what packages declare."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.cli.calling import Call, caller, outside

DOCUMENT = Path(__file__).parents[2] / "docs" / "cleanup.md"


@pytest.fixture
def call(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: "pytest.CaptureFixture[str]") -> Call:
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    return caller(capsys)


async def test_cleanup_says_what_goes_and_removes_it(call: Call, connection: "asyncpg.Connection[Any]"):
    await call("settings", "set", "cleanup_reminders_period", "3 weeks")
    rows = {row["target"]: row for row in (await call("cleanup", "targets")).rows}
    assert rows["reminders"]["kept"] == "3 weeks"
    assert rows["reminders"]["rows"] == "0"
    assert rows["jobs"]["kept"] == "30 days"

    assert (await call("cleanup", "run", "--dry-run", "--only", "jobs,trash")).rows[0]["target"] == "jobs"
    removed = await outside("cleanup", "run", "--only", "jobs,trash")
    assert (removed.code, removed.out) == (0, ""), "of which nothing went, and for whom that is no news"
    assert "nothing was to be removed" in removed.err
    assert (await outside("run-job", "Cleanup", "--dry-run", "--only", "trash")).code == 0
    refused = await outside("run-job", "cleanup", "--dry-rnu")
    assert refused.code == 2
    assert "did you mean dry-run?" in refused.err
    unknown = await call("cleanup", "targets", "--only", "trush")
    assert unknown.code == 2
    assert "did you mean trash?" in unknown.err
    for command in (("targets",), ("run",), ("run", "--dry-run")):
        strange = await call("cleanup", *command, "--only", "qqq")
        assert (strange.code, strange.out) == (2, "")
        assert "there is no clean-up target 'qqq'; `jobrunner cleanup targets` lists them" in strange.err
    assert rows["files"]["kept"] == "at once"
    await connection.execute(
        "INSERT INTO jobrunner.setting (name, value) VALUES ('cleanup_trash_period', '\"soonish\"')"
    )
    (unknown_period,) = (await call("cleanup", "targets", "--only", "trash")).rows
    assert (unknown_period["kept"], "got 'soonish'" in unknown_period["note"]) == ("unknown", True)
    wrong = await call("settings", "set", "cleanup_reminders_period", "0 days")
    assert wrong.code == 2
    assert "from 1 day" in wrong.err


async def test_a_clean_up_by_hand_says_what_went_of_each_target(call: Call, connection: "asyncpg.Connection[Any]"):
    await connection.execute("INSERT INTO jobrunner.lead (id, last_name, deleted) VALUES ('l1', 'Ann', true)")
    await connection.execute("UPDATE jobrunner.lead SET deleted_at = now() - interval '61 days'")
    counted = (await call("cleanup", "run", "--dry-run", "--json")).json
    assert {row["target"]: row["rows"] for row in counted if row["rows"]} == {"deleted-leads": 1}

    (row,) = (await outside("cleanup", "run", "--only", "deleted_leads,jobs")).rows

    assert (row["target"], row["rows"]) == ("deleted-leads", "1")
    (again,) = (await outside("run-job", "Cleanup", "--only", "deleted-leads", "--json")).json
    assert again["result"]["targets"]["deleted-leads"]["rows"] == 0
    every = (await outside("cleanup", "run", "--only", "deleted-leads", "--json")).json
    assert [(one["target"], one["rows"]) for one in every] == [("deleted-leads", 0)]


def install(folder: Path, name: str, module: str) -> None:
    """Put a package into a folder as an installer does: with what its metadata say of its entry points."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    (folder / name / "cleanup.py").write_text(module)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[jobrunner.cleanup]\n{name} = {name}.cleanup:TARGETS\n")


BASKETS = """
CREATE SCHEMA shop;
CREATE TABLE shop.basket (id bigint PRIMARY KEY, changed_at timestamptz, ordered_at timestamptz);
CREATE TABLE shop.basket_line (basket_id bigint);
INSERT INTO shop.basket SELECT n, now() - n * interval '40 days' FROM generate_series(1, 4) AS n;
UPDATE shop.basket SET ordered_at = now() WHERE id = 4;
INSERT INTO shop.basket_line SELECT n FROM generate_series(1, 4) AS n;
"""


async def test_a_table_of_ones_own_as_the_page_declares_it(
    call: Call, tmp_path: Path, connection: "asyncpg.Connection[Any]"
):
    """And a package that is no good is named and holds up nobody."""
    blocks = DOCUMENT.read_text(encoding="utf-8").split("```python\n")
    install(tmp_path, "shop", blocks[1].partition("```")[0])
    install(tmp_path, "broken", "raise RuntimeError('oops')")
    await connection.execute(BASKETS)

    counted = await outside("cleanup", "targets", path=str(tmp_path))
    first = counted.rows[0]
    assert (first["target"], first["kept"], first["rows"]) == ("baskets", "3 months", "1")
    assert "'broken.cleanup:TARGETS' could not be loaded (oops): they are left out" in counted.err
    done = await outside("cleanup", "run", "--only", "baskets", path=str(tmp_path))

    assert done.rows[0]["rows"] == "1"
    assert await connection.fetchval("SELECT array_agg(id ORDER BY id) FROM shop.basket") == [1, 2, 4]
    assert await connection.fetchval("SELECT array_agg(basket_id ORDER BY 1) FROM shop.basket_line") == [1, 2, 4]


async def test_one_clean_up_at_a_time_unless_it_is_forced(call: Call, connection: "asyncpg.Connection[Any]"):
    id = await connection.fetchval("SELECT jobrunner.enqueue('Cleanup')")
    await connection.execute(
        "UPDATE jobrunner.job SET status = 'Running', claim_id = 1, started_at = now() WHERE id = $1", id
    )
    await connection.execute(
        "INSERT INTO jobrunner.claim VALUES (1, 1, now() + interval '1 hour', ARRAY[$1::bigint])", id
    )
    refused = await outside("cleanup", "run", "--only", "jobs")
    assert refused.code == 1
    assert "Cleanup is running already" in refused.err
    assert (await outside("cleanup", "run", "--only", "jobs", "--force")).code == 0


async def test_a_file_that_is_gone_is_said_by_the_run_and_by_status(
    call: Call, connection: "asyncpg.Connection[Any]", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("JOBRUNNER_DATA_DIR", str(tmp_path))
    await connection.execute(
        """
        INSERT INTO jobrunner.stored_file (sha256, size, pinned_until) VALUES (sha256('x'), 1, now() - interval '1 s');
        WITH mail AS (
            INSERT INTO jobrunner.email
                (date_sent, thread_id, message_key, message_ref, text_digest, subject, source_sha256)
            VALUES (now(), 1, 'key', 'ref', '', '', sha256('x')) RETURNING id
        )
        INSERT INTO jobrunner.email_attachment (email_id, position, name, content_type, size, sha256)
        SELECT id, 1, 'offer.pdf', 'application/pdf', 1, sha256('x') FROM mail
        """
    )
    assert "cannot be found" not in (await call("status")).out
    ran = await outside("cleanup", "run")
    assert "files that are missing: 1" in ran.err
    assert "of mails and cases 2 files cannot be found since" in (await call("status")).out
    assert "'offer.pdf' of e-mail" in (await call("status")).out
