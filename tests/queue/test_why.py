import pytest

from jobrunner.errors import NotFound
from jobrunner.queue.record import find_job
from jobrunner.queue.settings import set_setting
from jobrunner.queue.why import COUNT_BEFORE_IN_GROUP, COUNT_BEFORE_IN_QUEUE, MOST_COUNTED, why
from tests.queue.plans import rows_touched
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def reasons(stage, job_id):
    """The codes with their sentences, in order."""
    answer = await why(stage.connection, job_id)
    assert answer.sentence == answer.reasons[0].sentence
    for reason in answer.reasons:
        assert "\n" not in reason.sentence
    return {reason.code: reason.sentence for reason in answer.reasons}


async def facts(stage, job_id, code):
    answer = await why(stage.connection, job_id)
    return next(reason.facts for reason in answer.reasons if reason.code == code)


async def test_there_is_no_such_job(stage):
    with pytest.raises(NotFound, match="there is no job 7"):
        await why(stage.connection, 7)


# Waiting


async def test_ready_and_next(stage):
    job = await stage.enqueue()
    await stage.daemon()
    assert await reasons(stage, job) == {
        "Next": "it is ready, and first of the coroutine jobs of the queue 'main': a daemon takes it at any moment"
    }


async def test_its_time_is_ahead(stage):
    job = await stage.connection.fetchval("SELECT jobrunner.enqueue('Send', delay => interval '2 hours 30 minutes')")
    await stage.daemon()
    found = await reasons(stage, job)
    assert list(found) == ["Time"]
    assert "it waits for its time, 2" in found["Time"]
    assert "2 h 29 min more" in found["Time"] or "2 h 30 min more" in found["Time"]
    assert 8990 < (await facts(stage, job, "Time"))["seconds"] <= 9000


async def test_its_time_has_come_and_nobody_looked(stage):
    job = await stage.connection.fetchval("SELECT jobrunner.enqueue('Send', delay => interval '1 hour')")
    await stage.connection.execute("UPDATE jobrunner.job SET execute_at = now() - interval '1 second'")
    found = await reasons(stage, job)
    assert list(found) == ["Time", "NoDaemon"]
    assert found["Time"] == "its time has come: the next look of a daemon lets it go"


async def test_it_waits_for_its_next_attempt(stage):
    job = await stage.enqueue(max_attempts=5)
    await stage.claim(await stage.daemon())
    await stage.requeue(job, "Error", "ValueError: no\nmore lines", pause=600)
    found = await reasons(stage, job)
    assert list(found) == ["Retry"]
    assert "for attempt 2 of 5; attempt 1 ended with: ValueError: no" in found["Retry"]
    assert (await facts(stage, job, "Retry"))["attempt"] == 2


async def test_its_group_is_busy(stage):
    """F47: what a blocked group waits for is named."""
    first, second, third = [await stage.enqueue(group_name="g") for _ in range(3)]
    await stage.look()
    await stage.claim(await stage.daemon())
    found = await reasons(stage, second)
    assert list(found) == ["Group"]
    assert f"its group 'g' runs one job at a time: job {first} (Send) is running since 2" in found["Group"]
    assert "and 1 more waits before it" in (await reasons(stage, third))["Group"]
    assert (await facts(stage, third, "Group")) == {
        "group": "g",
        "open_job": first,
        "open_job_status": "Running",
        "before": 1,
    }
    await stage.requeue(first)
    assert f"job {first} (Send) waits until 2" in (await reasons(stage, second))["Group"]


async def test_its_group_has_an_open_job_that_waits_itself(stage):
    first, second = [await stage.enqueue(group_name="g") for _ in range(2)]
    await stage.look()
    assert (
        f"job {first} (Send) is Pending and goes first (`jobrunner why {first}`)"
        in (await reasons(stage, second))["Group"]
    )


async def test_its_group_was_not_opened_yet(stage):
    job = await stage.enqueue(group_name="g")
    found = await reasons(stage, job)
    assert list(found) == ["Group", "NoDaemon"]
    assert "no job is open in it: the next look of a daemon lets the first one go" in found["Group"]
    await stage.connection.execute("UPDATE jobrunner.job SET hold = 'Group'")  # as a daemon that died then leaves it
    found = await reasons(stage, job)
    assert "no job is open in it: the next sweep of a daemon lets the first one go" in found["Group"]


async def test_the_group_of_a_scheduled_job_has_its_name(stage):
    schedule = await stage.schedule("Nightly")
    for _ in range(2):
        job = await stage.connection.fetchval(
            "INSERT INTO jobrunner.job (name, group_name, hold, scheduled_job_id)"
            " VALUES ('Send', '~schedule/1', 'Time', $1) RETURNING id",
            schedule,
        )
    await stage.look()
    assert "its scheduled job 'Nightly' runs one job at a time" in (await reasons(stage, job))["Group"]


async def test_processing_is_paused(stage):
    job = await stage.enqueue()
    await stage.daemon()
    await set_setting(stage.connection, "paused", True, "ada")
    found = await reasons(stage, job)
    assert list(found) == ["Paused", "Next"]
    assert found["Paused"].startswith("processing is paused by ada since 2")
    assert found["Paused"].endswith("`jobrunner settings set paused false` resumes it")
    assert "at any moment" not in found["Next"]


async def test_no_daemon_runs(stage):
    job = await stage.enqueue()
    await stage.daemon(lease=-1)  # one whose time ran out counts for nothing
    found = await reasons(stage, job)
    assert list(found) == ["NoDaemon", "Next"]
    assert found["NoDaemon"] == "no daemon is running: `jobrunner daemon` starts one"


async def test_no_daemon_takes_its_queue(stage):
    job = await stage.enqueue(queue="slow")
    await stage.daemon("one", queues=["main", "q0"])
    await stage.daemon("two", queues=["e0"])
    found = await reasons(stage, job)
    assert list(found) == ["NoDaemonTakesQueue", "Next"]
    assert found["NoDaemonTakesQueue"] == "no daemon takes its queue 'slow': those that run take e0, main and q0"


async def test_no_daemon_knows_it(stage):
    """F09: a job whose definition no daemon has is left alone and says so, with the nearest name."""
    job, odd = await stage.enqueue("SendMial"), await stage.enqueue("Zzz")
    await stage.daemon(definitions=["SendMail", "CleanUp"])
    found = await reasons(stage, job)
    assert list(found) == ["NoDaemonKnowsJob", "Next"]
    assert found["NoDaemonKnowsJob"] == (
        "no daemon knows it: none that runs has a job named 'SendMial'; did you mean SendMail?"
    )
    assert "start one with --import" in (await reasons(stage, odd))["NoDaemonKnowsJob"]


async def test_no_daemon_both_knows_it_and_takes_its_queue(stage):
    job = await stage.enqueue(queue="slow")
    await stage.daemon("one", queues=["main"], definitions=["Send"])
    await stage.daemon("two", queues=["slow"], definitions=["Other"])
    assert (await reasons(stage, job))["NoDaemonTakesBoth"] == (
        "no daemon both knows 'Send' and takes the queue 'slow': one could run it, two take it"
    )


async def test_its_queue_is_full(stage):
    jobs = [await stage.enqueue() for _ in range(4)]
    daemon = await stage.daemon()
    await set_setting(stage.connection, "queue_main_concurrency", 2, "ada")
    await stage.claim(daemon, limit=2)
    found = await reasons(stage, jobs[-1])
    assert list(found) == ["Concurrency", "Place"]
    assert found["Concurrency"] == (
        "its queue 'main' is full: 2 of its jobs run on one, and no more may (queue_main_concurrency)"
    )
    await stage.daemon("two")  # which has room
    assert list(await reasons(stage, jobs[-1])) == ["Place"]


async def test_all_slots_are_busy(stage):
    await stage.publish("Send", blocking=True)
    job = await stage.enqueue()
    await stage.daemon(slots=8, slots_busy=8)
    found = await reasons(stage, job)
    assert list(found) == ["Slots", "Next"]
    assert "all 8 slots of one are busy" in found["Slots"]
    await stage.daemon("two", slots=8, slots_busy=7)
    assert list(await reasons(stage, job)) == ["Next"]


async def test_its_place_in_the_queue(stage):
    first, second, third = [await stage.enqueue() for _ in range(3)]
    urgent = await stage.enqueue(priority=-1)
    await stage.enqueue(queue="q0", priority=-5)
    await stage.daemon()
    assert (await reasons(stage, first))["Place"] == ("1 coroutine job of the queue 'main' is ready and goes before it")
    assert (await reasons(stage, third))["Place"] == ("3 coroutine jobs of the queue 'main' are ready and go before it")
    assert (await facts(stage, second, "Place"))["before"] == 2
    assert list(await reasons(stage, urgent)) == ["Next"]


async def test_it_was_asked_to_be_cancelled(stage):
    job = await stage.enqueue()
    await stage.connection.execute("UPDATE jobrunner.job SET cancel_requested = true")
    assert "CancelRequested" in await reasons(stage, job)


async def test_counting_those_before_it_is_bounded(stage):
    """A million before it cost no more than ten thousand: rows read stay below the limit."""
    await stage.connection.execute("INSERT INTO jobrunner.job (name) SELECT 'Send' FROM generate_series(1, 30000)")
    await stage.connection.execute(
        "INSERT INTO jobrunner.job (name, group_name, hold) SELECT 'Send', 'g', 'Group' FROM generate_series(1, 30000)"
    )
    last = await stage.enqueue()
    waiting = await stage.connection.fetchval(
        "INSERT INTO jobrunner.job (name, group_name, hold) VALUES ('Send', 'g', 'Group') RETURNING id"
    )
    await stage.connection.execute("ANALYZE jobrunner.job")
    assert "more than 10,000 coroutine jobs" in (await reasons(stage, last))["Place"]
    limit = MOST_COUNTED + 1
    for job_id, statement, lane in (
        (last, COUNT_BEFORE_IN_QUEUE, ["main", False]),
        (waiting, COUNT_BEFORE_IN_GROUP, ["g"]),
    ):
        job = await find_job(stage.connection, job_id)
        arguments = (*lane, job.priority, job.execute_at, job.id, limit)
        assert limit <= await rows_touched(stage.connection, statement, *arguments) <= limit + 10


# Running and finished


async def test_it_is_running(stage):
    job = await stage.enqueue()
    await stage.claim(await stage.daemon("one"))
    await stage.connection.execute("UPDATE jobrunner.job SET progress = 0.42, progress_message = 'half way'")
    found = await reasons(stage, job)
    assert list(found) == ["Running"]
    assert "it is running on one (host host, process 42) since 2" in found["Running"]
    assert "attempt 1 of 3, at 42% (half way); its lease holds until 2" in found["Running"]


async def test_its_lease_ran_out(stage):
    job = await stage.enqueue()
    await stage.claim(await stage.daemon("one", lease=-1), lease=-2)
    found = await reasons(stage, job)
    assert list(found) == ["LeaseRanOut"]
    assert found["LeaseRanOut"].endswith("it is taken back as soon as a daemon runs, and none does")
    await stage.daemon("two")
    assert (await reasons(stage, job))["LeaseRanOut"].endswith("the next sweep takes it back")


async def test_it_blocks_the_event_loop(stage):
    """F36: the job and the line that block the loop are named."""
    job = await stage.enqueue()
    daemon = await stage.daemon("one", blocked={"job": job, "line": "mail.py:12", "seconds": 4.5})
    await stage.claim(daemon)
    assert (await reasons(stage, job))["BlocksTheLoop"] == (
        "it has been blocking the event loop of its daemon for 4.5 s at mail.py:12"
    )


async def test_it_was_asked_to_stop(stage):
    job = await stage.enqueue()
    await stage.claim(await stage.daemon())
    await stage.connection.fetchval("SELECT jobrunner.cancel($1)", job)
    assert list(await reasons(stage, job)) == ["Running", "CancelRequested"]


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("Success", None, "it succeeded at 2"),
        ("Failed", "ValueError: no\nTraceback", "it failed at 2"),
        ("Cancelled", "cancelled by ada", "it was cancelled at 2"),
    ],
)
async def test_it_is_finished(stage, status, error, words):
    job = await stage.run(status, error=error)
    found = await reasons(stage, job)
    assert list(found) == ["Finished"]
    assert found["Finished"].startswith(words)
    assert "after 1 attempt" in found["Finished"]
    if error:
        assert found["Finished"].endswith(error.partition("\n")[0])
