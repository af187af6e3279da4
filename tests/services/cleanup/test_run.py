"""A run: batches, locks, what is referred to, what fails, what is stopped or killed, tables of applications."""

import asyncio
import hashlib
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.errors import ConfigurationError
from jobrunner.queue.cleanup_target import Amount, Child, CleanupTarget, Occasion, old_rows
from jobrunner.services.cleanup import batches
from jobrunner.services.cleanup.run import CleanupFailed
from jobrunner.services.mail.importing.storing import audit_files
from tests.services.cleanup.conftest import House
from tests.services.cleanup.test_targets import add_mail
from tests.support.daemons import until

NOTES = """
CREATE SCHEMA app;
CREATE TABLE app."Note" (id bigint PRIMARY KEY, deleted boolean NOT NULL, "at" timestamptz NOT NULL);
CREATE TABLE app.line (note_id bigint NOT NULL);
CREATE TABLE app.comment (note_id bigint NOT NULL REFERENCES app."Note");
INSERT INTO app."Note" SELECT n, n % 2 = 0, now() - interval '100 days' FROM generate_series(1, 100) AS n;
INSERT INTO app.line SELECT n FROM generate_series(1, 100) AS n;
"""


def notes(**options: Any) -> CleanupTarget:
    """As an application declares it."""
    return old_rows(
        "notes",
        "Notes that were deleted",
        "90 days",
        table='app."Note"',
        time="at",
        where="t.deleted",
        **options,
    )


async def left(house: House) -> list[int]:
    return [row["id"] for row in await house.pool.fetch('SELECT id FROM app."Note" WHERE deleted ORDER BY id')]


async def test_a_table_of_an_application_with_what_hangs_on_it(house: House):
    await house.pool.execute(NOTES)
    target = notes(children=(Child("app.line", "note_id"),))
    assert await house.preview(target) == {"notes": 50}

    report = await house.clean(target, largest=7)

    assert report.rows == 50
    assert await left(house) == []
    assert await house.run("SELECT count(*) FROM app.line") == 50
    assert await house.run('SELECT count(*) FROM app."Note"') == 50


async def test_what_is_referred_to_stays_and_is_counted_and_the_others_go(house: House):
    await house.pool.execute(NOTES)
    await house.pool.execute("INSERT INTO app.comment VALUES (2), (50), (100)")

    report = await house.clean(notes(), largest=7)

    assert await left(house) == [2, 50, 100]
    assert report.rows == 47
    assert report.targets[0].referred == {"app.comment": 3}
    assert report.targets[0].error is None


async def test_a_row_that_somebody_holds_is_passed_over_and_one_that_is_restored_survives(house: House):
    await house.pool.execute(NOTES)
    async with house.connect() as editor, editor.transaction():
        await editor.execute('UPDATE app."Note" SET deleted = false WHERE id = 4')
        async with asyncio.timeout(20):
            assert (await house.clean(notes())).rows == 49
    assert await house.run('SELECT deleted FROM app."Note" WHERE id = 4') is False
    assert (await house.clean(notes())).rows == 0


async def test_a_table_that_is_locked_is_left_to_the_next_run(house: House):
    await house.pool.execute(NOTES)
    async with house.connect() as other, other.transaction():
        await other.execute('LOCK TABLE app."Note" IN ACCESS EXCLUSIVE MODE')
        async with asyncio.timeout(60):
            report = await house.clean(notes(), largest=100)
    assert report.rows == 0
    assert report.targets[0].note is not None
    assert report.targets[0].note.startswith("in use")


SLOW_DELETE = """
CREATE FUNCTION app.slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_sleep(0.05);
    RETURN OLD;
END;
$$;
CREATE TRIGGER slow BEFORE DELETE ON app."Note" FOR EACH ROW EXECUTE FUNCTION app.slow();
"""


async def test_a_target_whose_smallest_batch_takes_too_long_has_failed(house: House, monkeypatch: pytest.MonkeyPatch):
    """Nobody uses it, and the next run would come no further; the other target is cleaned all the same."""
    monkeypatch.setattr(batches, "LIMITS", batches.LIMITS.replace("'30s'", "'400ms'"))
    await house.pool.execute(NOTES)
    await house.pool.execute(SLOW_DELETE)
    run = house.cleaner(
        notes(), old_rows("leads", "Leads", "1 day", table="jobrunner.lead", time="deleted_at"), largest=100
    )
    with pytest.raises(CleanupFailed, match="notes; a batch of 100 rows takes longer than it may"):
        await run.clean()
    slow, other = run.report.targets
    assert (slow.rows, slow.note) == (0, None)
    assert slow.error is not None
    assert (other.target, other.error) == ("leads", None)


class SlowAhead:
    """What goes whole, and takes too long, by the client's clock or the server's."""

    def __init__(self, limit: float | None) -> None:
        self.limit = limit

    async def step(self, given: Occasion) -> Amount:
        async with given.connection.transaction():
            await given.connection.execute("SET LOCAL statement_timeout = '200ms'")
            await given.connection.fetch("SELECT pg_sleep(60)", timeout=self.limit)
        return Amount(is_last=True)


@pytest.mark.parametrize("limit", [None, 0.05])
async def test_a_target_of_which_what_goes_whole_takes_too_long_has_failed(house: House, limit: float | None):
    await house.pool.execute(NOTES)
    run = house.cleaner(replace(notes(), ahead=SlowAhead(limit)))
    with pytest.raises(CleanupFailed, match="notes; a statement takes longer than it may"):
        await run.clean()
    assert run.report.targets[0].note is None


async def test_a_view_in_the_place_of_a_table_is_left_alone(house: House):
    await house.pool.execute(NOTES)
    await house.pool.execute('CREATE VIEW app.seen AS SELECT * FROM app."Note"')
    seen = old_rows("seen", "Seen", "1 day", table="app.seen", time="at")
    gone = old_rows("gone", "Gone", "1 day", table="app.gone", time="at")
    report = await house.clean(seen, gone)
    assert report.rows == 0
    assert [one.note is not None and one.note.startswith("left alone") for one in report.targets] == [True, True]


async def test_one_that_fails_is_named_and_holds_up_no_other(house: House):
    await house.pool.execute(NOTES)
    broken = old_rows("broken", "Broken", "1 day", table='app."Note"', time="at", where="1 / 0 = 1")
    run = house.cleaner(broken, notes())
    with pytest.raises(CleanupFailed, match="broken"):
        await run.clean()
    assert run.report.rows == 50


async def test_a_run_that_is_cancelled_ends_after_its_batch_and_the_next_goes_on(house: House):
    await house.pool.execute(NOTES)
    told: list[tuple[float, str | None]] = []
    run = house.cleaner(
        notes(), "trash", largest=10, cancelled=lambda: run.report.rows >= 20, progress=lambda *how: told.append(how)
    )
    report = await run.clean()
    assert (report.rows, report.has_more, len(report.targets)) == (20, True, 1)
    assert told == [(0.0, f"notes; {rows} rows so far") for rows in (0, 10, 20)]
    assert (await house.clean(notes())).rows == 30


FULL = """
CREATE FUNCTION app.full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM former) > TG_ARGV[0]::integer THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '{state}';
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER full_disk AFTER DELETE ON app."Note" REFERENCING OLD TABLE AS former
FOR EACH STATEMENT EXECUTE FUNCTION app.full({rows});
"""


@pytest.mark.parametrize("state", ["disk_full", "query_canceled"])
async def test_where_the_disk_is_full_or_time_runs_out_smaller_batches_go_on(house: House, state: str):
    """F25: a batch that needs less room for what it writes ahead of the rows themselves."""
    await house.pool.execute(NOTES)
    await house.pool.execute(
        "INSERT INTO app.\"Note\" SELECT n, true, now() - interval '100 days' FROM generate_series(101, 1100) AS n"
    )
    await house.pool.execute(FULL.format(rows=300, state=state))
    report = await house.clean(notes())
    assert (report.rows, await left(house)) == (1050, [])


async def test_what_a_full_disk_holds_back_is_named_and_what_makes_room_goes(house: House):
    """F25: the first target fails in the smallest batch, too; the second is cleaned all the same."""
    await house.pool.execute(NOTES)
    await house.pool.execute(FULL.format(rows=0, state="disk_full"))
    run = house.cleaner(notes(), old_rows("leads", "Leads", "1 day", table="jobrunner.lead", time="deleted_at"))
    with pytest.raises(CleanupFailed, match="No space left on device"):
        await run.clean()
    assert [one.error is None for one in run.report.targets] == [False, True]


def test_what_is_no_target_is_refused_where_it_is_declared():
    with pytest.raises(ConfigurationError, match="small letters"):
        old_rows("My Notes", "Notes", "1 day", table="a.b", time="at")
    with pytest.raises(Exception, match="write a number of days"):
        old_rows("notes", "Notes", "soon", table="a.b", time="at")


SLOW = """
CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(0.002); RETURN OLD; END;
$$;
CREATE TRIGGER slow BEFORE DELETE ON jobrunner.email FOR EACH ROW EXECUTE FUNCTION public.slow();
CREATE TRIGGER slow BEFORE DELETE ON jobrunner.stored_file FOR EACH ROW EXECUTE FUNCTION public.slow();
"""
MAILS = 400


async def fill(house: House, root: Path) -> None:
    """Add mails with a file each, old in the trash. A tenth are of cases; of another tenth a case has the file."""
    for number in range(MAILS):
        content = hashlib.sha256(str(number).encode()).digest()
        place = root / content.hex()[:2] / content.hex()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"hello")
        await add_mail(house, number + 1, ann=(True, "31 days"))
        await house.run(
            "INSERT INTO jobrunner.stored_file (sha256, size, pinned_until) VALUES ($1, 5, now() - interval '1 hour')",
            content,
        )
        await house.run(
            "INSERT INTO jobrunner.email_attachment (email_id, position, name, content_type, size, sha256)"
            " VALUES ($1, 1, 'a.txt', 'text/plain', 5, $2)",
            number + 1,
            content,
        )
    await house.run(
        "INSERT INTO jobrunner.case_record (id, name, email_id)"
        " SELECT 'c' || e.id, 'Case', CASE WHEN e.id % 10 = 0 THEN e.id END"
        " FROM jobrunner.email AS e WHERE e.id % 5 = 0"
    )
    await house.run(
        "INSERT INTO jobrunner.case_attachment (case_id, position, name, content_type, size, sha256)"
        " SELECT 'c' || a.email_id, 1, a.name, a.content_type, a.size, a.sha256"
        " FROM jobrunner.email_attachment AS a WHERE a.email_id % 10 = 5"
    )
    await house.pool.execute(SLOW)


NOBODY_ELSE_IS_AT_WORK = """
SELECT NOT EXISTS (
    SELECT
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.state <> 'idle' AND a.pid <> pg_backend_pid()
)
"""


async def test_killed_again_and_again_it_goes_on_and_nothing_that_is_referred_to_is_gone(
    house: House, database_url: str, connection: "asyncpg.Connection[Any]"
):
    """`kill -9` amid mails and amid their files: no file that somebody has is gone, none is left that nobody has."""
    root = house.configuration.data_dir / "files"
    await fill(house, root)
    steps = [("email", MAILS), ("email", 300), ("email", 150), ("stored_file", MAILS), ("stored_file", 250)]
    for table, below in steps:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.services.cleanup.cleaning_program", database_url, str(root.parent)
        )
        try:
            await until(connection, f"SELECT count(*) < {below} FROM jobrunner.{table}")
            process.send_signal(signal.SIGKILL)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        async with house.connect() as looking:
            audit = await audit_files(looking, root)
        assert audit.without_file == ()
        assert audit.without_row == ()

    await until(connection, NOBODY_ELSE_IS_AT_WORK)  # of the killed one the server learns when its statement is done
    await house.clean()

    assert await house.ids("email") == list(range(10, MAILS + 1, 10))
    assert await house.run("SELECT count(*) FROM jobrunner.case_attachment") == MAILS // 10
    files = [path for path in root.glob("*/*") if path.is_file()]
    assert len(files) == await house.run("SELECT count(*) FROM jobrunner.stored_file") == MAILS // 5
    async with house.connect() as looking:
        audit = await audit_files(looking, root)
    assert (audit.without_file, audit.without_row) == ((), ())


async def test_a_table_from_which_much_went_is_vacuumed(house: House):
    await house.pool.execute(NOTES)
    await house.pool.execute(
        "INSERT INTO app.\"Note\" SELECT n, n % 2 = 0, now() - interval '100 days' FROM generate_series(101, 24000) n"
    )
    await house.clean(notes())
    vacuumed = "SELECT c.relpages, c.reltuples FROM pg_class AS c WHERE c.oid = to_regclass($1)"
    assert (await house.pool.fetchrow(vacuumed, 'app."Note"'))["reltuples"] == 12_000
