"""Firing as the statement does it, by itself; tests/scheduling/test_scheduler.py has the daemons' side."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from jobrunner.db.connection import Connection
from jobrunner.queue.settings import Settings
from jobrunner.scheduling.firing import BATCH, fire, fire_due
from jobrunner.scheduling.schedule import Schedule, read_schedules
from tests.scheduling.bench import HOUR, MINUTE, SECOND, Bench, check_each_firing_has_its_job


async def read(connection: Connection, scheduled_job_id: int) -> Schedule:
    return (await read_schedules(connection, [scheduled_job_id], "UTC"))[scheduled_job_id]


@pytest.fixture
async def minute(bench: Bench):
    """The minute that has just begun, so that nothing becomes due while the test runs."""
    now = await bench.now()
    return now.replace(second=0, microsecond=0)


async def test_a_firing_places_a_job_and_advances_the_row(own, bench, minute):
    await bench.define("Noop", queue="q0", max_attempts=7)
    id_ = await bench.schedule(next_fire_at=minute, data={"a": 1})
    [outcome] = await fire(own, [await read(own, id_)], minute)
    assert outcome.job_id is not None
    assert outcome.next_fire_at == outcome.following == minute + MINUTE
    row = await bench.row(id_)
    assert (row["last_fire_at"], row["next_fire_at"], row["revision"]) == (minute, minute + MINUTE, 1)
    [job] = await bench.connection.fetch("SELECT * FROM jobrunner.job")
    assert (job["id"], job["name"], job["data"], job["queue"]) == (outcome.job_id, "Noop", '{"a": 1}', "q0")
    assert (job["max_attempts"], job["hold"], job["execute_at"]) == (7, None, minute)
    assert (job["first_firing"], job["firing"], job["firings"]) == (minute, minute, 1)


async def test_a_firing_is_replayed_in_vain(own, bench, minute):
    """F27: what fired once does not fire again, with no trace of its job left anywhere."""
    id_ = await bench.schedule(next_fire_at=minute)
    stale = await read(own, id_)
    await fire(own, [stale], minute)
    await bench.connection.fetch("DELETE FROM jobrunner.job")
    [outcome] = await fire(own, [stale], minute)
    assert outcome.job_id is None
    assert outcome.next_fire_at == minute + MINUTE
    assert await bench.jobs() == []


async def test_the_database_judges_whether_a_firing_is_due(own, bench, minute):
    """F28: a daemon whose clock is ahead, by five minutes or a millisecond, fires nothing early."""
    for place, early in enumerate([timedelta(minutes=5), timedelta(seconds=1)]):
        ahead = (await bench.now()).replace(microsecond=0) + early
        id_ = await bench.schedule("* * * * * *", name=f"s{place}", next_fire_at=ahead)
        [outcome] = await fire(own, [await read(own, id_)], ahead + SECOND)
        assert outcome.job_id is None
        assert (await bench.row(id_))["next_fire_at"] == ahead
    assert await bench.jobs() == []


async def test_missed_firings_coalesce_into_one_that_names_them(own, bench, minute):
    """F30: one job for three hours in which nothing ran."""
    id_ = await bench.schedule("*/15 * * * *", next_fire_at=minute.replace(minute=0) - 3 * HOUR)
    now = minute.replace(minute=0) + timedelta(minutes=59) - HOUR
    await fire(own, [await read(own, id_)], now)
    [job] = await bench.jobs()
    assert job["first_firing"] == minute.replace(minute=0) - 3 * HOUR
    assert job["firing"] == minute.replace(minute=45) - HOUR
    assert job["firings"] == 12
    check_each_firing_has_its_job([job], "*/15 * * * *")


async def test_a_second_firing_folds_into_the_job_that_waits(own, bench, minute):
    """F34: nobody takes the first job, so the second firing is named by it."""
    id_ = await bench.schedule(next_fire_at=minute - 2 * MINUTE)
    for place in (2, 1, 0):
        [outcome] = await fire(own, [await read(own, id_)], minute - place * MINUTE)
        assert outcome.job_id is not None
    [job] = await bench.jobs()
    assert (job["first_firing"], job["firing"], job["firings"]) == (minute - 2 * MINUTE, minute, 3)


async def test_a_firing_waits_for_the_job_that_runs(own, bench, minute):
    """F34: one runs, one waits, whatever fires meanwhile; the waiting one starts when the other has ended."""
    id_ = await bench.schedule(next_fire_at=minute - 3 * MINUTE)
    await fire(own, [await read(own, id_)], minute - 3 * MINUTE)
    [running] = await bench.claim()
    for place in (2, 1, 0):
        await fire(own, [await read(own, id_)], minute - place * MINUTE)
        assert await bench.claim() == []
    [first, second] = await bench.jobs()
    assert (first["status"], first["firings"]) == ("Running", 1)
    assert (second["status"], second["hold"], second["firings"]) == ("Pending", "Group", 3)
    await bench.finish([running])
    [next_one] = await bench.claim()
    assert next_one.id == second["id"]
    check_each_firing_has_its_job(await bench.jobs(), "* * * * *")


async def test_a_job_between_two_attempts_keeps_the_next_one_waiting(own, bench, minute):
    """F34: what waits for its next attempt was started, so nothing is folded into it."""
    id_ = await bench.schedule(next_fire_at=minute - 2 * MINUTE)
    await fire(own, [await read(own, id_)], minute - 2 * MINUTE)
    [running] = await bench.claim()
    await bench.requeue(running, "Error", 600)
    for place in (1, 0):
        await fire(own, [await read(own, id_)], minute - place * MINUTE)
    [first, second] = await bench.jobs()
    assert (first["hold"], first["firings"]) == ("Retry", 1)
    assert (second["hold"], second["firings"]) == ("Group", 2)
    assert await bench.claim() == []


async def test_a_job_that_a_stopping_daemon_gave_back_may_be_folded_into(own, bench, minute):
    id_ = await bench.schedule(next_fire_at=minute - MINUTE)
    await fire(own, [await read(own, id_)], minute - MINUTE)
    [running] = await bench.claim()
    await bench.requeue(running, "Stopped", 0)
    await fire(own, [await read(own, id_)], minute)
    [job] = await bench.jobs()
    assert (job["firings"], job["firing"]) == (2, minute)


async def test_a_claim_under_way_is_passed_over(own, bench, minute, connection):
    """A firing neither waits for a claim nor touches its job: stepped."""
    id_ = await bench.schedule(next_fire_at=minute - MINUTE)
    await fire(own, [await read(own, id_)], minute - MINUTE)
    async with connection.transaction():
        [held] = await connection.fetch("SELECT id FROM jobrunner.job WHERE status = 'Pending' FOR UPDATE SKIP LOCKED")
        await fire(own, [await read(own, id_)], minute)
        await connection.execute(
            "UPDATE jobrunner.job SET status = 'Running', claim_id = 1, attempt = 1, started_at = now() WHERE id = $1",
            held["id"],
        )
    [first, second] = await bench.jobs()
    assert (first["status"], first["firings"], first["firing"]) == ("Running", 1, minute - MINUTE)
    assert (second["hold"], second["firings"], second["firing"]) == ("Group", 1, minute)


async def test_a_retried_old_job_is_not_folded_into(own, bench, minute):
    """A person runs a failed job of last week again: the firings since then are not this job's."""
    id_ = await bench.schedule(next_fire_at=minute - 2 * MINUTE)
    await fire(own, [await read(own, id_)], minute - 2 * MINUTE)
    await bench.finish(await bench.claim(), "Failed")
    await fire(own, [await read(own, id_)], minute - MINUTE)
    await bench.finish(await bench.claim())
    [old] = await bench.connection.fetch("DELETE FROM jobrunner.job_history WHERE status = 'Failed' RETURNING *")
    await bench.connection.fetch(
        "INSERT INTO jobrunner.job (name, scheduled_job_id, firing, first_firing, firings, group_name)"
        " VALUES ('Noop', $1, $2, $2, 1, $3)",
        id_,
        old["firing"],
        old["group_name"],
    )
    await fire(own, [await read(own, id_)], minute)
    check_each_firing_has_its_job(await bench.jobs(), "* * * * *")
    assert sorted(job["firings"] for job in await bench.jobs()) == [1, 1, 1]


async def test_a_row_that_somebody_holds_is_passed_over_in_silence(own, bench, minute, connection):
    """F26: two daemons in the same moment, stepped: the second neither waits nor fires, and the first may fail."""
    held = await bench.schedule(name="held", next_fire_at=minute)
    free = await bench.schedule(name="free", next_fire_at=minute)
    schedules = [await read(own, held), await read(own, free)]
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT FROM jobrunner.scheduled_job WHERE id = $1 FOR UPDATE", held)
    outcomes = await fire(own, schedules, minute)
    assert [outcome.job_id is not None for outcome in outcomes] == [False, True]
    await transaction.rollback()
    outcomes = await fire(own, schedules, minute)
    assert [outcome.job_id is not None for outcome in outcomes] == [True, False]
    assert len(await bench.jobs()) == 2


async def test_a_job_that_ends_while_the_next_one_is_placed(own, bench, minute, connection):
    """Stepped: the firing still sees its former job, whose daemon then finds nothing to let go on: it must wait for
    the firing's commit, else the new job would be left behind."""
    id_ = await bench.schedule(next_fire_at=minute - MINUTE)
    await fire(own, [await read(own, id_)], minute - MINUTE)
    running = await bench.claim()
    async with connection.transaction():
        await connection.fetch(
            "SELECT * FROM jobrunner.fire($1, $2, $3, $4, $5, $6)",
            [id_],
            [1],
            [minute],
            [minute],
            [1],
            [minute + MINUTE],
        )
        finishing = asyncio.create_task(bench.finish(running))
        while not await own.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") and not finishing.done():
            await asyncio.sleep(0.005)
    await finishing
    assert len(await bench.claim()) == 1


async def test_two_daemons_in_one_transaction_after_the_other_fire_once(own, bench, minute, connection):
    """F26: the second one's snapshot is older than the first one's commit; it is told what the row is now."""
    id_ = await bench.schedule(next_fire_at=minute)
    schedule = await read(own, id_)
    arguments = ([id_], [1], [minute], [minute], [1], [minute + MINUTE])
    async with connection.transaction():
        [won] = await connection.fetch("SELECT * FROM jobrunner.fire($1, $2, $3, $4, $5, $6)", *arguments)
        [lost] = await fire(own, [schedule], minute)
        assert won["job_id"] is not None
        assert lost.job_id is None
    [late] = await fire(own, [schedule], minute)
    assert late.job_id is None
    assert late.next_fire_at == minute + MINUTE
    assert len(await bench.jobs()) == 1


async def test_a_batch_is_fired_as_one_or_not_at_all(own, bench, minute):
    """Promise 2: the rows advance in the transaction that places their jobs."""
    good = await bench.schedule(name="good", next_fire_at=minute)
    bad = await bench.schedule(name="bad", job="Bad", next_fire_at=minute)
    await bench.connection.fetch("ALTER TABLE jobrunner.job ADD CHECK (name <> 'Bad')")
    with pytest.raises(asyncpg.CheckViolationError):
        await fire(own, [await read(own, good), await read(own, bad)], minute)
    assert [(await bench.row(id_))["next_fire_at"] for id_ in (good, bad)] == [minute, minute]
    assert await bench.jobs() == []


async def test_the_answer_tells_who_was_edited_paused_or_removed(own, bench, minute):
    """F32: also where the new expression happens to have the same next fire time."""
    ids = [
        await bench.schedule(name=name, next_fire_at=minute) for name in ("edited", "paused", "removed", "as it was")
    ]
    schedules = [await read(own, id_) for id_ in ids]
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET crontab = '5 5 5 5 *' WHERE id = $1", ids[0])
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET next_fire_at = $2 WHERE id = $1", ids[0], minute)
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET status = 'Inactive' WHERE id = $1", ids[1])
    await bench.connection.fetch("DELETE FROM jobrunner.scheduled_job WHERE id = $1", ids[2])
    outcomes = await fire(own, schedules, minute)
    assert [outcome.revision for outcome in outcomes] == [2, None, None, 1]
    assert [outcome.job_id is not None for outcome in outcomes] == [False, False, False, True]
    assert len(await bench.jobs()) == 1


async def test_identifiers_beyond_32_bits(own, bench, minute):
    """F23."""
    for sequence in ("scheduled_job", "job"):
        await bench.connection.fetch(f"ALTER TABLE jobrunner.{sequence} ALTER COLUMN id RESTART WITH 3000000000")
    id_ = await bench.schedule(next_fire_at=minute)
    [outcome] = await fire(own, [await read(own, id_)], minute)
    assert outcome.job_id == id_ == 3_000_000_000


async def test_one_pass_fires_everything_that_is_due_once(own, bench, minute):
    """F30: the cron set-up; two passes at once, or one after the other, are harmless."""
    count = BATCH + 20
    await bench.connection.fetch(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab, next_fire_at)"
        " SELECT 's' || n, 'Noop', '0 * * * *', $1 FROM generate_series(1, $2::integer) AS n",
        minute.replace(minute=0) - 2 * HOUR,
        count,
    )
    later = await bench.schedule("0 0 1 1 *", name="later")
    assert await fire_due(own, Settings(paused=True)) == 0
    assert await fire_due(own, Settings()) == count
    assert await fire_due(own, Settings()) == 0
    jobs = await bench.jobs()
    assert len(jobs) == count
    assert {job["firings"] for job in jobs} == {3}
    assert (await bench.row(later))["next_fire_at"] is not None


async def test_a_row_made_by_hand_fires_from_its_making_on(own, bench):
    """F30: nobody ran when it should have fired for the first time."""
    id_ = await bench.schedule("* * * * * *")
    await bench.connection.fetch(
        "UPDATE jobrunner.scheduled_job SET modified_at = now() - interval '10 seconds' WHERE id = $1", id_
    )
    assert await fire_due(own, Settings()) == 1
    [job] = await bench.jobs()
    assert job["firings"] in (10, 11)


async def test_a_firing_advances_its_row_in_place(own, bench, minute):
    """Two hundred schedules a second would otherwise leave two hundred dead index entries a second."""
    id_ = await bench.schedule("* * * * * *", next_fire_at=minute)
    updates = "SELECT pg_stat_get_xact_tuples_hot_updated('jobrunner.scheduled_job'::regclass)"
    connection = await asyncpg.connect(own.dsn)
    try:
        async with connection.transaction():
            await connection.fetch(
                "SELECT * FROM jobrunner.fire($1, $2, $3, $4, $5, $6)",
                [id_],
                [1],
                [minute],
                [minute],
                [1],
                [minute + SECOND],
            )
            assert await connection.fetchval(updates) == 1
    finally:
        await connection.close()
