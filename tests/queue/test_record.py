import pytest

from jobrunner.errors import NotFound
from jobrunner.queue.record import count_log_lines, find_job, find_state, list_attempts
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def test_a_pending_job_has_all_its_fields(stage):
    job_id = await stage.enqueue(
        data={"a": [1, {"b": None}]},
        queue="q0",
        group_name="g",
        priority=-3,
        target_type="Account",
        target_id="a1",
        max_attempts=9,
        unique_key="k",
    )
    job = await find_job(stage.connection, job_id)
    assert (job.name, job.status, job.queue, job.group_name, job.hold) == ("Send", "Pending", "q0", "g", "Time")
    assert (job.priority, job.attempt, job.max_attempts, job.unique_key) == (-3, 0, 9, "k")
    assert (job.target_type, job.target_id, job.data) == ("Account", "a1", {"a": [1, {"b": None}]})
    assert (job.started_at, job.finished_at, job.duration, job.daemon, job.lease_until) == (None,) * 5
    assert await list_attempts(stage.connection, job) == []


@pytest.mark.parametrize("finished", [False, True])
async def test_integers_are_shown_unrounded(stage, finished):
    """H02: an integer beyond 2⁵³ comes back digit by digit, from the queue and from the history."""
    data = {"big": 2**53 + 1, "bigger": 10**30 + 7, "exponent": 10**300}
    job_id = await (stage.run(data=data) if finished else stage.enqueue(data=data))
    assert (await find_job(stage.connection, job_id)).data == data


async def test_a_number_too_long_for_python_is_shown_as_text(stage):
    """H02: written by hand in SQL, past all checks of ours."""
    job_id = await stage.enqueue()
    digits = "9" * 5000
    await stage.connection.execute(
        "UPDATE jobrunner.job SET data = jsonb_build_object('n', $2::text::numeric) WHERE id = $1", job_id, digits
    )
    assert digits in (await find_job(stage.connection, job_id)).data


async def test_a_running_job_says_where(stage):
    job_id = await stage.enqueue()
    daemon = await stage.daemon("one")
    await stage.daemon("one")  # another life of the same name
    await stage.claim(daemon)
    job = await find_job(stage.connection, job_id)
    assert (job.status, job.daemon, job.daemon_id, job.attempt) == ("Running", "one", daemon, 1)
    assert job.lease_until > job.started_at


async def test_a_finished_job_says_how(stage):
    job_id = await stage.enqueue()
    await stage.claim(await stage.daemon())
    await stage.finish(job_id, "Success", result={"sent": 3})
    job = await find_job(stage.connection, job_id)
    assert (job.status, job.result, job.daemon, job.lost_leases) == ("Success", {"sent": 3}, "one", None)
    assert job.duration == (job.finished_at - job.started_at).total_seconds() >= 0


async def test_attempts_stand_in_their_order_with_the_last_one(stage):
    job_id = await stage.enqueue(max_attempts=3)
    daemon = await stage.daemon()
    for number, outcome in enumerate(["Error", "Timeout"], 1):
        await stage.claim(daemon)
        await stage.requeue(job_id, outcome, f"ValueError: {number}", pause=0)
    await stage.claim(daemon)
    await stage.finish(job_id, "Failed", "ValueError: 3")
    attempts = await list_attempts(stage.connection, await find_job(stage.connection, job_id))
    assert [(one.attempt, one.outcome, one.error) for one in attempts] == [
        (1, "Error", "ValueError: 1"),
        (2, "Timeout", "ValueError: 2"),
        (3, "Failed", "ValueError: 3"),
    ]
    assert all(one.duration is not None and one.duration >= 0 and one.daemon == "one" for one in attempts)


async def test_the_attempt_that_runs_has_no_error_of_the_one_before(stage):
    job_id = await stage.enqueue()
    daemon = await stage.daemon()
    await stage.claim(daemon)
    await stage.requeue(job_id, pause=0)
    await stage.claim(daemon)
    attempts = await list_attempts(stage.connection, await find_job(stage.connection, job_id))
    assert [(one.outcome, one.error, one.duration is None) for one in attempts] == [
        ("Error", "ValueError: no", False),
        ("Running", None, True),
    ]


async def test_firings_folded_in_are_told(stage):
    job_id = await stage.enqueue()
    await stage.connection.execute(
        "UPDATE jobrunner.job SET scheduled_job_id = $2, firing = '2026-01-01 03:00Z',"
        " first_firing = '2026-01-01 01:00Z', firings = 3 WHERE id = $1",
        job_id,
        await stage.schedule("Hourly"),
    )
    job = await find_job(stage.connection, job_id)
    assert (job.scheduled_job, job.firings) == ("Hourly", 3)
    assert (job.first_firing.hour, job.firing.hour) == (1, 3)


async def test_log_lines_are_counted(stage):
    job_id = await stage.enqueue()
    assert await count_log_lines(stage.connection, job_id) == 0
    await stage.log(job_id, "a", "b", "c")
    assert await count_log_lines(stage.connection, job_id) == 3


@pytest.mark.parametrize("job_id", [5, 0, -1, 2**63, 10**40])
async def test_there_is_no_such_job(stage, job_id):
    for find in (find_job, find_state):
        with pytest.raises(NotFound, match=f"there is no job {job_id}: "):
            await find(stage.connection, job_id)
