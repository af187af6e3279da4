import asyncio

import asyncpg
import pytest

from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.queue.control import RETRY_JOBS, cancel_job, retry_failed, retry_jobs
from jobrunner.queue.listing import JobFilter
from jobrunner.queue.record import find_job, list_attempts
from tests.queue.plans import rows_touched
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


# Cancel


async def test_a_pending_job_is_cancelled_at_once(stage):
    job = await stage.enqueue()
    assert await cancel_job(stage.connection, job, by="ada") == "Cancelled"
    record = await find_job(stage.connection, job)
    assert (record.status, record.error) == ("Cancelled", "cancelled by ada")


async def test_the_daemon_of_a_running_job_is_asked_to_stop_it(stage):
    job = await stage.enqueue()
    await stage.claim(await stage.daemon())
    before = await stage.connection.fetchval("SELECT number FROM jobrunner.revision WHERE topic = 'cancellations'")
    assert await cancel_job(stage.connection, job) == "Requested"
    record = await find_job(stage.connection, job)
    assert (record.status, record.cancel_requested) == ("Running", True)
    after = await stage.connection.fetchval("SELECT number FROM jobrunner.revision WHERE topic = 'cancellations'")
    assert after == before + 1


@pytest.mark.parametrize("status", ["Success", "Failed", "Cancelled"])
async def test_a_finished_job_is_not_cancelled(stage, status):
    job = await stage.run(status)
    with pytest.raises(Conflict, match=f"job {job} cannot be cancelled: it is {status} since 2"):
        await cancel_job(stage.connection, job)
    assert await stage.status(job) == status


@pytest.mark.parametrize("job_id", [1, 0, -7, 2**63, 10**30])
async def test_a_job_that_is_not_there_is_named(stage, job_id):
    with pytest.raises(NotFound, match=f"there is no job {job_id}"):
        await cancel_job(stage.connection, job_id)


async def test_a_group_goes_on_when_its_open_job_is_cancelled(stage):
    first, second = [await stage.enqueue(group_name="g") for _ in range(2)]
    await stage.look()
    daemon = await stage.daemon()
    await cancel_job(stage.connection, first)
    assert await stage.claim(daemon) == [second]


async def test_a_cancellation_in_an_open_transaction_stops_no_other_group(stage, database_url):
    """An application may edit a scheduled job, or cancel one, in a transaction that stays open for long."""
    schedule = await stage.connection.fetchval(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab) VALUES ('Send', 'Send', '0 0 1 1 *') RETURNING id"
    )
    first, second = [await stage.enqueue(group_name="g") for _ in range(2)]
    other, another = [await stage.enqueue(group_name="h") for _ in range(2)]
    await stage.look()
    await stage.connection.execute(
        "UPDATE jobrunner.job SET scheduled_job_id = $1, firing = now() WHERE id = $2", schedule, second
    )
    daemon = await stage.daemon()
    assert await stage.claim(daemon) == [first, other]
    await stage.finish(first)
    await stage.finish(other)
    editor = await asyncpg.connect(database_url)
    try:
        transaction = editor.transaction()
        await transaction.start()
        await editor.execute("UPDATE jobrunner.scheduled_job SET crontab = '0 0 2 1 *'")
        await stage.connection.execute("SET lock_timeout = '5s'")  # a wait is an error, not a test that hangs
        await stage.connection.fetch("SELECT jobrunner.advance_groups(ARRAY['g', 'h'])")
        assert await stage.claim(daemon) == [another]
        await transaction.rollback()
    finally:
        await editor.close()
    await stage.connection.fetch("SELECT jobrunner.repair_groups()")
    assert await stage.claim(daemon) == [second]


async def test_cancelling_what_waits_in_its_group_stops_no_other_group(stage, database_url):
    _, second = [await stage.enqueue(group_name="g") for _ in range(2)]
    other, another = [await stage.enqueue(group_name="h") for _ in range(2)]
    await stage.look()
    canceller = await asyncpg.connect(database_url)
    try:
        async with canceller.transaction():
            assert await canceller.fetchval("SELECT jobrunner.cancel($1)", second) == "Cancelled"
            await stage.connection.execute("SET lock_timeout = '5s'")  # a wait is an error, not a test that hangs
            assert await cancel_job(stage.connection, other) == "Cancelled"
            assert another in await stage.claim(await stage.daemon())
    finally:
        await canceller.close()


async def test_who_cancelled_cannot_bring_control_characters_in(stage):
    """H17: what is kept of a name is one printable line."""
    job = await stage.enqueue()
    await cancel_job(stage.connection, job, by="ada\x1b[2J\nRunning")
    assert (await find_job(stage.connection, job)).error == "cancelled by ada[2JRunning"


async def test_sql_cancels_too(stage):
    job = await stage.enqueue()
    assert await stage.connection.fetchval("SELECT jobrunner.cancel($1)", job) == "Cancelled"
    assert await stage.status(job) == "Cancelled"
    assert await stage.connection.fetchval("SELECT jobrunner.cancel($1)", job + 1) is None


# Retry


async def test_a_failed_job_is_pending_again_as_it_was_at_first(stage):
    options = {
        "data": {"number": 2**70},
        "priority": 7,
        "target_type": "Account",
        "target_id": "a1",
        "max_attempts": 2,
        "unique_key": "k",
    }
    job = await stage.run("Failed", error="ValueError: no", **options)
    created = (await find_job(stage.connection, job)).created_at
    assert (await retry_jobs(stage.connection, [job])).ids == [job]
    record = await find_job(stage.connection, job)
    assert (record.status, record.attempt, record.max_attempts, record.hold) == ("Pending", 0, 2, None)
    assert (record.error, record.result, record.finished_at, record.started_at) == (None, None, None, None)
    assert (record.data, record.priority, record.unique_key) == ({"number": 2**70}, 7, "k")
    assert (record.target_type, record.target_id, record.created_at) == ("Account", "a1", created)
    assert await stage.connection.fetchval("SELECT count(*) FROM jobrunner.job_history") == 0
    assert await stage.claim(await stage.daemon()) == [job]


async def test_the_attempt_that_failed_is_not_forgotten(stage):
    job = await stage.run("Failed", error="ValueError: no")
    await retry_jobs(stage.connection, [job])
    await stage.claim(await stage.daemon("two"))
    attempts = await list_attempts(stage.connection, await find_job(stage.connection, job))
    assert [(a.attempt, a.outcome, a.daemon, a.error) for a in attempts] == [
        (1, "Error", "runner", "ValueError: no"),
        (1, "Running", "two", None),
    ]


async def test_a_cancelled_job_is_pending_again(stage):
    job = await stage.enqueue()
    await cancel_job(stage.connection, job)
    assert (await retry_jobs(stage.connection, [job])).ids == [job]
    assert await stage.status(job) == "Pending"


async def test_what_cannot_be_retried_says_why(stage):
    success, pending = await stage.run("Success"), await stage.enqueue("Other")
    running = await stage.enqueue()
    await stage.claim(await stage.daemon())
    retried = await retry_jobs(stage.connection, [success, pending, running, 999, 2**80])
    assert retried.ids == []
    sentences = {job: str(error) for job, error in retried.refused.items()}
    assert "a Success never runs again" in sentences[success]
    assert sentences[pending] == f"job {pending} cannot be retried: it is Pending"
    assert sentences[running] == f"job {running} cannot be retried: it is Running"
    assert isinstance(retried.refused[999], NotFound)
    assert isinstance(retried.refused[2**80], NotFound)
    assert await stage.status(success) == "Success"


async def test_a_unique_key_that_is_taken_stops_a_retry(stage):
    failed = await stage.run("Failed", unique_key="k")
    holder = await stage.enqueue(unique_key="k")
    retried = await retry_jobs(stage.connection, [failed])
    assert retried.ids == []
    assert str(retried.refused[failed]) == f"job {failed} cannot be retried: job {holder} has its unique key 'k'"
    assert await stage.status(failed) == "Failed"


async def test_of_two_failed_jobs_with_one_key_one_is_retried(stage):
    first, second = [await stage.run("Failed", unique_key="k") for _ in range(2)]
    retried = await retry_jobs(stage.connection, [second, first])
    assert retried.ids == [first]
    assert isinstance(retried.refused[second], Conflict)
    assert await stage.status(second) == "Failed"


async def test_a_key_that_is_taken_while_a_retry_runs_loses_nothing(stage, database_url):
    """Stepped: the enqueue holds the key in an open transaction when the retry wants it, and commits first."""
    failed = await stage.run("Failed", unique_key="k")
    other = await asyncpg.connect(database_url)
    watcher = await asyncpg.connect(database_url)
    try:
        transaction = other.transaction()
        await transaction.start()
        holder = await Stage(other).enqueue(unique_key="k")
        retrying = asyncio.create_task(retry_jobs(stage.connection, [failed]))
        pid = stage.connection.get_server_pid()
        async with asyncio.timeout(10):
            while not await watcher.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid):
                await asyncio.sleep(0.01)
        await transaction.commit()
        retried = await retrying
        assert retried.ids == []
        assert f"job {holder} has its unique key" in str(retried.refused[failed])
        assert await stage.status(failed) == "Failed"
    finally:
        await other.close()
        await watcher.close()


async def test_two_retries_at_once_make_one_job(stage, database_url):
    job = await stage.run("Failed")
    other = await asyncpg.connect(database_url)
    try:
        both = await asyncio.gather(retry_jobs(stage.connection, [job]), retry_jobs(other, [job]))
        assert sorted(len(retried.ids) for retried in both) == [0, 1]
        assert await stage.connection.fetchval("SELECT count(*) FROM jobrunner.jobs WHERE id = $1", job) == 1
    finally:
        await other.close()


async def test_a_retried_job_of_a_group_waits_for_those_of_its_group(stage):
    failed = await stage.run("Failed", group_name="g")
    second, third = [await stage.enqueue(group_name="g") for _ in range(2)]
    await stage.look()
    await retry_jobs(stage.connection, [failed])
    await stage.look()
    daemon = await stage.daemon()
    order = []
    for _ in range(3):
        claimed = await stage.claim(daemon)
        assert len(claimed) == 1
        order += claimed
        await stage.finish(claimed[0])
        await stage.connection.fetch("SELECT jobrunner.advance_groups(ARRAY['g'])")
    assert order == [second, third, failed]


async def test_a_retry_wakes_daemons_that_sleep(stage, database_url):
    job = await stage.run("Failed", queue="q0")
    heard = asyncio.Queue()
    listener = await asyncpg.connect(database_url)
    try:
        await listener.add_listener("jobrunner_wake", lambda *told: heard.put_nowait(told[3]))
        await stage.daemon("sleeper")
        await retry_jobs(stage.connection, [job])
        async with asyncio.timeout(5):
            assert await heard.get() == "q0"
    finally:
        await listener.close()


async def test_a_retried_job_runs_as_its_definition_is_now(stage):
    job = await stage.run("Failed")
    await stage.publish("Send", blocking=True)
    await retry_jobs(stage.connection, [job])
    assert (await find_job(stage.connection, job)).blocking is True


async def test_failed_jobs_are_retried_by_name_in_bulk(stage):
    await stage.connection.execute(
        "INSERT INTO jobrunner.job_history (id, execute_at, created_at, finished_at, priority, attempt, max_attempts,"
        " status, blocking, preparing, name, queue, data)"
        " SELECT 1000000 + g, now(), now(), now(), 0, 3, 3, 'Failed', false, false,"
        " CASE WHEN g % 2 = 0 THEN 'Send' ELSE 'Other' END, 'main', '{}' FROM generate_series(1, 5000) AS g"
    )
    held = await stage.run("Failed", unique_key="k")
    await stage.enqueue(unique_key="k")
    portions = [portion async for portion in retry_failed(stage.connection, JobFilter(name="Send"))]
    assert sum(done for done, _ in portions) == 2500
    assert sum(left for _, left in portions) == 1
    assert max(done for done, _ in portions) <= 1000
    assert await stage.status(held) == "Failed"
    assert await stage.connection.fetchval("SELECT count(*) FROM jobrunner.job_history WHERE name = 'Other'") == 2500


async def test_bulk_leaves_cancelled_jobs_alone(stage):
    job = await stage.enqueue()
    await cancel_job(stage.connection, job)
    assert [portion async for portion in retry_failed(stage.connection, JobFilter())] == []
    with pytest.raises(InvalidInput, match="only failed jobs"):
        await anext(retry_failed(stage.connection, JobFilter(statuses=["Success"])))


async def test_a_retry_reads_few_rows_of_a_large_history(stage):
    """The day's table is found by the row's own time: no other day is searched for it but by index."""
    job = await stage.run("Failed")
    await stage.connection.execute(
        "INSERT INTO jobrunner.job_history (id, execute_at, created_at, finished_at, priority, attempt, max_attempts,"
        " status, blocking, preparing, name, queue, data)"
        " SELECT 1000000 + g, now(), now(), now(), 0, 3, 3, 'Failed', false, false, 'Send', 'main', '{}'"
        " FROM generate_series(1, 20000) AS g"
    )
    await stage.connection.execute("ANALYZE jobrunner.job_history")
    assert await rows_touched(stage.connection, RETRY_JOBS, [job]) < 100
