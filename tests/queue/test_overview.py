from datetime import timedelta

import asyncpg
import pytest

from jobrunner.queue import exceptional
from jobrunner.queue import overview as module
from jobrunner.queue.overview import (
    COUNT_FINISHED,
    COUNT_LIVE,
    FIND_OLDEST_DUE,
    LIST_FRONTS,
    overview,
)
from jobrunner.queue.settings import set_setting
from tests.queue.plans import rows_touched
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def exceptions(stage):
    view = await overview(stage.connection)
    for one in view.exceptions:
        assert "\n" not in one.sentence
    return {one.code: (one.level, one.sentence) for one in view.exceptions}


async def test_all_well(stage):
    await stage.daemon()
    for number in range(3):
        await stage.schedule(f"Nightly {number}")
    await stage.schedule("Asleep", due_in=-1000, status="Inactive")
    for status in ("Failed", "Failed", "Success", "Cancelled"):
        await stage.run(status)
    await stage.enqueue("Send", delay=timedelta(hours=1))
    view = await overview(stage.connection)
    assert view.exceptions == []
    assert view.level == "Well"
    assert view.sentence == "All well: 3 schedules on time, 0 late, 2 failed today"
    jobs = view.jobs
    assert (jobs.Pending, jobs.Running, jobs.Success, jobs.Failed, jobs.Cancelled) == (1, 0, 1, 2, 1)
    assert jobs.estimated == []


async def test_failures_are_counted_by_reason(stage):
    for error in ("ValueError: no\nmore", "ValueError: no\nother", "OSError: away"):
        last = await stage.run("Failed", error=error)
    view = await overview(stage.connection)
    assert [(one.name, one.reason, one.jobs) for one in view.failures] == [
        ("Send", "ValueError: no", 2),
        ("Send", "OSError: away", 1),
    ]
    assert view.failures[1].last_job == last


async def test_what_failed_yesterday_is_not_counted(stage):
    await stage.run("Failed", error="ValueError: no")
    await stage.connection.execute("UPDATE jobrunner.job_history SET finished_at = finished_at - interval '1 day'")
    view = await overview(stage.connection)
    assert (view.jobs.Failed, view.failures) == (0, [])


async def test_no_daemon_while_jobs_are_due_is_critical(stage):
    await stage.enqueue()
    await stage.enqueue()
    assert (await exceptions(stage))["NoDaemon"] == ("Critical", "no daemon is running while 2 jobs are due")
    view = await overview(stage.connection)
    assert view.level == "Critical"
    assert view.sentence == (
        "Critical: no daemon is running while 2 jobs are due; 0 schedules on time, 0 late, 0 failed today"
    )


async def test_a_job_that_was_never_let_go_is_due_too(stage):
    await stage.enqueue(group_name="g")
    assert (await exceptions(stage))["NoDaemon"][1] == "no daemon is running while 1 job is due"


async def test_no_daemon_while_schedules_are_late_is_critical(stage):
    await stage.schedule("Nightly", due_in=-60)
    assert (await exceptions(stage))["NoDaemon"] == ("Critical", "no daemon is running while 1 schedule is late")


async def test_no_daemon_with_nothing_to_do_is_a_warning(stage):
    await stage.daemon(lease=-1)
    found = await exceptions(stage)
    assert found["NoDaemon"] == ("Warning", "no daemon is running")
    assert found["DeadDaemon"][0] == "Warning"


async def test_paused(stage):
    await stage.enqueue()
    await stage.daemon()
    await stage.schedule("Nightly", due_in=-60)
    await set_setting(stage.connection, "paused", True, "ada")
    view = await overview(stage.connection)
    assert [one.code for one in view.exceptions] == ["Paused"]
    assert view.sentence.startswith("Warning: processing is paused by ada since 2")
    assert view.paused_by == "ada"


async def test_late_schedules_are_named(stage):
    await stage.daemon()
    await stage.schedule("Nightly", due_in=-60)
    await stage.schedule("Uncomputed", due_in=None)
    await stage.connection.execute(
        "UPDATE jobrunner.scheduled_job SET modified_at = now() - interval '1 hour' WHERE name = 'Uncomputed'"
    )
    await stage.schedule("Fresh", due_in=None)
    level, sentence = (await exceptions(stage))["LateSchedules"]
    assert level == "Warning"
    assert sentence.startswith("2 schedules are late: Uncomputed (no next time) and Nightly (due 2")
    view = await overview(stage.connection)
    assert (view.schedules.active, view.schedules.late, view.schedules.on_time) == (3, 2, 1)


async def test_a_schedule_with_a_problem_is_named(stage):
    await stage.daemon()
    await stage.schedule("Nightly", due_in=None, problem="minute 77 is out of range")
    assert (await exceptions(stage))["ScheduleProblem"] == (
        "Warning",
        "scheduled job 'Nightly': minute 77 is out of range",
    )
    assert (await overview(stage.connection)).schedules.with_problem == 1


async def test_a_claim_that_nobody_takes_back_is_critical(stage):
    jobs = [await stage.enqueue() for _ in range(2)]
    await stage.daemon("two")
    await stage.claim(await stage.daemon("one"), lease=-60)
    level, sentence = (await exceptions(stage))["StuckClaim"]
    assert level == "Critical"
    assert sentence.startswith(f"job {jobs[0]} and 1 more of one: the lease ran out at 2")


async def test_a_lease_that_ran_out_this_moment_is_the_sweeps_business(stage):
    await stage.enqueue()
    await stage.daemon("two")
    await stage.claim(await stage.daemon("one"), lease=-3)
    assert "StuckClaim" not in await exceptions(stage)


async def test_a_job_that_waits_for_long_is_named(stage):
    await stage.daemon()
    await stage.enqueue()
    late = await stage.enqueue(priority=5)
    await stage.connection.execute(
        "UPDATE jobrunner.job SET execute_at = now() - interval '10 minutes' WHERE id = $1", late
    )
    assert (await exceptions(stage))["LongWait"] == (
        "Warning",
        f"job {late} (Send, queue main) is due and has waited for 10 min: `jobrunner why {late}` says for what",
    )


async def oldest_due(stage):
    found = (await overview(stage.connection)).oldest_due
    return found and (found.id, round(found.seconds))


async def test_a_wait_begins_when_the_job_could_have_run(stage):
    """Not before its last attempt ended, nor before the run of its scheduled job that it had to wait for."""
    daemon = await stage.daemon()
    returned = await stage.enqueue()
    await stage.claim(daemon)
    await stage.requeue(returned, "Stopped", "stopped", pause=0)
    schedule = await stage.schedule("Nightly")
    before = await stage.run()
    await stage.connection.execute(
        "UPDATE jobrunner.job_history SET scheduled_job_id = $2 WHERE id = $1", before, schedule
    )
    following = await stage.enqueue()
    grouped = await stage.enqueue(group_name="g")
    await stage.look()
    await stage.connection.execute(
        "UPDATE jobrunner.job SET scheduled_job_id = $2, group_name = '~schedule/1' WHERE id = $1", following, schedule
    )
    await stage.connection.execute("UPDATE jobrunner.job SET execute_at = now() - interval '1 hour'")
    job, seconds = await oldest_due(stage)
    assert (job, seconds < 100) == (returned, True)
    await stage.connection.execute(
        "UPDATE jobrunner.job_history SET finished_at = now() - interval '20 minutes' WHERE id = $1", before
    )
    assert await oldest_due(stage) == (following, 1200)
    assert grouped  # of which nobody knows since when its group is open


async def test_no_job_waits(stage):
    await stage.enqueue()
    await stage.claim(await stage.daemon())
    assert await oldest_due(stage) is None


async def test_jobs_that_no_daemon_knows(stage):
    """F09: they are left alone and seen."""
    await stage.daemon()
    for _ in range(2):
        await stage.enqueue("Gone")
    assert await exceptions(stage) == {"UnknownJob": ("Warning", "no daemon knows 'Gone', of which 2 jobs wait")}


async def test_a_queue_that_no_daemon_takes(stage):
    await stage.daemon("one", queues=["main"])
    await stage.enqueue(queue="slow")
    assert await exceptions(stage) == {
        "QueueNotTaken": ("Warning", "no daemon takes the queue 'slow', where 1 job waits")
    }
    await stage.daemon("two", queues=["slow"], definitions=["Other"])
    assert (await exceptions(stage))["QueueNotTaken"][1] == (
        "no daemon that knows 'Send' takes the queue 'slow', where 1 job waits"
    )


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ({"listening": False}, "Polling", "is not reached by notifications and polls"),
        ({"unhealthy": ["sweep", "retention"]}, "UnhealthyLoop", "has parts that do not work: sweep and retention"),
        (
            {"blocked": {"job": 12, "line": "mail.py:7", "seconds": 3.5}},
            "BlockedLoop",
            "has had its event loop blocked by job 12 for 3.5 s at mail.py:7",
        ),
        (
            {"blocked": {"job": None, "line": "x:1", "seconds": 70}},
            "BlockedLoop",
            "by something that is no job for 1 min",
        ),
        ({"did_not_stop": 2}, "DidNotStop", "has had 2 jobs that did not stop when asked"),
        ({"problems": ["module x is broken"]}, "Problem", "says: module x is broken"),
    ],
)
async def test_what_a_daemon_says_of_itself(stage, state, code, words):
    """F13, F14: a listener that polls; F19: a loop that does not work; F36, F37: what blocks, what did not stop."""
    await stage.daemon("one", **state)
    ((found, (level, sentence)),) = (await exceptions(stage)).items()
    assert (found, level) == (code, "Warning")
    assert sentence.startswith("one (host host, process 42) ")
    assert words in sentence
    assert (await overview(stage.connection)).daemons[0].healthy is (code in ("DidNotStop", "Problem"))


@pytest.mark.parametrize(
    "state",
    [
        {"listening": "no", "unhealthy": 7, "blocked": "yes", "problems": {"a": 1}, "did_not_stop": "many"},
        {"unhealthy": [1, None], "blocked": {"job": "x"}, "problems": [[]], "fenced": None},
    ],
)
async def test_a_state_of_another_version_is_no_error(stage, state):
    """F10: a daemon of another release may say other things of itself."""
    await stage.daemon("one", **state)
    assert await exceptions(stage) == {}


async def test_a_dead_daemon_is_seen(stage):
    await stage.daemon("two")
    await stage.daemon("one", lease=-5)
    level, sentence = (await exceptions(stage))["DeadDaemon"]
    assert level == "Warning"
    assert sentence.startswith("one (host host, process 42) has given no sign of life since 2")


async def test_settings_that_do_not_count_are_named(stage):
    await stage.daemon()
    await stage.connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('jobs_max_portion', '-1')")
    assert list(await exceptions(stage)) == ["SettingProblem"]


async def test_the_oldest_transaction_is_named(stage, database_url, monkeypatch):
    """F21: who keeps the tables from being cleaned."""
    await stage.daemon()
    other = await asyncpg.connect(database_url, server_settings={"application_name": "report"})
    try:
        transaction = other.transaction()
        await transaction.start()
        await other.fetch("SELECT 1")
        assert await exceptions(stage) == {}
        view = await overview(stage.connection)
        assert "report" in view.oldest_transaction.what
        assert f"process {other.get_server_pid()} of user " in view.oldest_transaction.what
        monkeypatch.setattr(exceptional, "LONG_TRANSACTION", 0.0)
        level, sentence = (await exceptions(stage))["OldTransaction"]
        assert level == "Warning"
        assert "a transaction has been open for " in sentence
        assert "report" in sentence
        await transaction.rollback()
    finally:
        await other.close()
    assert (await overview(stage.connection)).oldest_transaction is None


async def test_a_notification_queue_that_fills_up(stage, database_url, monkeypatch):
    """F22: a session that listens and has a transaction open keeps all that is notified in the queue."""
    await stage.daemon()
    other = await asyncpg.connect(database_url)
    try:
        for statement in ("LISTEN elsewhere", "BEGIN", "SELECT 1"):
            await other.execute(statement)
        for number in range(8):
            await stage.connection.execute("SELECT pg_notify('elsewhere', $1)", f"{number}{'x' * 7000}")
        assert await exceptions(stage) == {}
        monkeypatch.setattr(exceptional, "NOTIFY_USAGE", 0.0)
        level, sentence = (await exceptions(stage))["NotifyQueue"]
        assert level == "Warning"
        assert sentence.startswith("the notification queue of the database server is 0% full")
    finally:
        await other.close()


async def test_the_worst_comes_first(stage):
    await stage.enqueue()
    await stage.daemon("one", lease=-5)
    await stage.schedule("Nightly", problem="no")
    view = await overview(stage.connection)
    assert [one.level for one in view.exceptions] == ["Critical", "Warning", "Warning"]
    assert view.sentence.startswith("Critical: no daemon is running while 1 job is due (and 2 more); ")


async def test_beyond_the_limit_numbers_are_estimates(stage, monkeypatch):
    for part in (module, exceptional):
        monkeypatch.setattr(part, "COUNT_LIMIT", 3)
    await stage.daemon()
    for _ in range(4):
        await stage.run("Failed")
    for _ in range(5):
        await stage.enqueue("Send", delay=timedelta(hours=1))
    await stage.connection.execute("SELECT pg_stat_force_next_flush()")
    await stage.connection.execute("ANALYZE jobrunner.job")
    view = await overview(stage.connection)
    assert view.jobs.estimated == ["Pending", "Failed"]
    assert view.jobs.Pending >= 3
    assert view.jobs.Failed >= 3
    assert "about " in view.sentence


async def test_it_costs_the_same_on_large_tables(stage):
    """By the server's own account, with 60,000 jobs that wait and as many that ended."""
    await stage.connection.execute(
        "INSERT INTO jobrunner.job (name, queue, priority, execute_at) SELECT 'Send', 'q' || g % 3, g % 5,"
        " now() - make_interval(secs => g) FROM generate_series(1, 30000) AS g"
    )
    await stage.connection.execute(
        "INSERT INTO jobrunner.job (name, hold, execute_at) SELECT 'Send', 'Time', now() - make_interval(secs => g)"
        " FROM generate_series(1, 30000) AS g"
    )
    for status in ("Success", "Failed"):
        await stage.connection.execute(
            "INSERT INTO jobrunner.job_history (id, execute_at, created_at, started_at, finished_at, priority, attempt,"
            " max_attempts, status, blocking, preparing, name, queue, data)"
            " SELECT g, now(), now(), now(), now(), 0, 1, 3, $1::text::jobrunner.job_status, false, false, 'Send',"
            " 'main', '{}' FROM generate_series(1, 30000) AS g",
            status,
        )
    await stage.connection.execute("ANALYZE jobrunner.job")
    await stage.connection.execute("ANALYZE jobrunner.job_history")
    assert await rows_touched(stage.connection, COUNT_LIVE, 1000) <= 3100
    assert await rows_touched(stage.connection, COUNT_FINISHED, 1000) <= 2100
    assert await rows_touched(stage.connection, FIND_OLDEST_DUE) <= 1000
    assert await rows_touched(stage.connection, LIST_FRONTS, 100) <= 500
