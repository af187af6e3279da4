from datetime import UTC, datetime, timedelta

import pytest

from jobrunner.errors import InvalidInput, NotFound
from jobrunner.queue import listing
from jobrunner.queue.control import cancel_job
from jobrunner.queue.listing import (
    LIST_JOBS,
    LIST_RUNNING,
    MAX_ID,
    STATUSES,
    JobFilter,
    find_name,
    find_scheduled_job_id,
    list_jobs,
)
from tests.queue.plans import rows_touched
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def ids(stage, limit=50, before=None, **wanted):
    page = await list_jobs(stage.connection, JobFilter(**wanted), limit=limit, before=before)
    return [job.id for job in page.jobs]


async def test_live_and_finished_jobs_stand_in_one_list_newest_first(stage):
    failed = await stage.run("Failed", error="ValueError: no")
    done = await stage.run("Success")
    running = await stage.enqueue()
    await stage.claim(await stage.daemon())
    cancelled = await stage.enqueue()
    await cancel_job(stage.connection, cancelled)
    pending = await stage.enqueue()
    page = await list_jobs(stage.connection)
    assert [(job.id, job.status) for job in page.jobs] == [
        (pending, "Pending"),
        (cancelled, "Cancelled"),
        (running, "Running"),
        (done, "Success"),
        (failed, "Failed"),
    ]
    assert page.next_before is None
    assert page.jobs[-1].error == "ValueError: no"
    assert page.jobs[-1].duration is not None
    assert page.jobs[0].duration is None


async def test_no_jobs_are_an_empty_list(stage):
    page = await list_jobs(stage.connection)
    assert (page.jobs, page.next_before) == ([], None)


@pytest.mark.parametrize("status", STATUSES)
async def test_each_status_is_a_filter(stage, status):
    jobs = {
        "Failed": await stage.run("Failed"),
        "Success": await stage.run("Success"),
        "Running": await stage.enqueue(),
    }
    await stage.claim(await stage.daemon())
    jobs["Cancelled"] = await stage.enqueue()
    await cancel_job(stage.connection, jobs["Cancelled"])
    jobs["Pending"] = await stage.enqueue()
    assert await ids(stage, statuses=[status]) == [jobs[status]]
    others = [other for other in STATUSES if other != status]
    assert await ids(stage, statuses=others) == sorted((jobs[other] for other in others), reverse=True)


async def test_filters_hold_together(stage):
    options = {"queue": "q0", "target_type": "Account", "target_id": "a1"}
    meant = await stage.run(**options)
    for different in ({"queue": "q1"}, {"target_type": "Case"}, {"target_id": "a2"}, {"group_name": "g"}):
        await stage.run(**(options | different))
    await stage.run(name="Other", **options)
    group = await stage.enqueue(**options, group_name="h")
    assert await ids(stage, name="Send", queue="q0", target_type="Account", target_id="a1", group=None)
    assert await ids(stage, name="Send", group="h") == [group]
    assert meant in await ids(stage, name="Send", queue="q0", target_type="Account", target_id="a1")
    assert await ids(stage, target_id="a2", name="Other") == []


@pytest.mark.parametrize("field", ["name", "queue", "group", "target_type", "target_id"])
async def test_a_filter_is_a_value_and_never_sql(stage, field):
    """H03: quotes, comments and control characters in a filter find nothing and harm nothing."""
    job = await stage.run()
    assert await ids(stage, **{field: "' OR true; DROP TABLE jobrunner.job; --\x1b\u202e%"}) == []
    assert await ids(stage) == [job]


async def test_since_leaves_out_what_ended_before(stage):
    old, new, pending = await stage.run(), await stage.run("Failed"), await stage.enqueue()
    await stage.connection.execute(
        "UPDATE jobrunner.job_history SET finished_at = finished_at - interval '2 hours' WHERE id = $1", old
    )
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert await ids(stage, since=hour_ago) == [pending, new]
    assert await ids(stage, since=hour_ago, statuses=["Success"]) == []
    assert await ids(stage, since=datetime.now(UTC) - timedelta(hours=3)) == [pending, new, old]
    assert await ids(stage, since=datetime.now(UTC) + timedelta(hours=1)) == []


async def test_pages_follow_each_other_without_gap_or_repetition(stage):
    for _ in range(7):
        await stage.run("Failed")
    everything = [await stage.enqueue() for _ in range(8)]
    everything = sorted(await ids(stage), reverse=True)
    seen, before = [], None
    while True:
        page = await list_jobs(stage.connection, limit=4, before=before)
        seen += [job.id for job in page.jobs]
        if page.next_before is None:
            break
        before = page.next_before
    assert seen == everything
    assert len(seen) == 15


@pytest.mark.parametrize("window", [1, 2, 3, 10])
async def test_rare_jobs_are_found_behind_many_windows(stage, monkeypatch, window):
    """The last row of a window may match or not: neither way a job is lost or shown twice."""
    rare = [await stage.enqueue("Rare"), await stage.enqueue("Rare")]
    for _ in range(9):
        await stage.enqueue()
    rare.append(await stage.enqueue("Rare"))
    monkeypatch.setattr(listing, "FIRST_WINDOW", window)
    monkeypatch.setattr(listing, "LAST_WINDOW", window)
    page = await list_jobs(stage.connection, JobFilter(name="Rare"), limit=3)
    assert [job.id for job in page.jobs] == sorted(rare, reverse=True)
    page = await list_jobs(stage.connection, JobFilter(name="Rare"), limit=5)
    assert [job.id for job in page.jobs] == sorted(rare, reverse=True)
    assert page.next_before is None


async def test_a_search_that_takes_long_says_how_far_it_came(stage, monkeypatch):
    rare = await stage.enqueue("Rare")
    others = [await stage.enqueue() for _ in range(9)]
    monkeypatch.setattr(listing, "FIRST_WINDOW", 4)
    page = await list_jobs(stage.connection, JobFilter(name="Rare"), limit=2, seconds=0)
    assert (page.jobs, page.next_before) == ([], others[-4])
    rest = await list_jobs(stage.connection, JobFilter(name="Rare"), limit=2, before=page.next_before)
    assert [job.id for job in rest.jobs] == [rare]


async def test_running_jobs_are_paged_too(stage):
    jobs = [await stage.enqueue() for _ in range(5)]
    await stage.claim(await stage.daemon())
    first = await list_jobs(stage.connection, JobFilter(statuses=["Running"]), limit=3)
    assert [job.id for job in first.jobs] == jobs[:1:-1]
    rest = await list_jobs(stage.connection, JobFilter(statuses=["Running"]), limit=3, before=first.next_before)
    assert ([job.id for job in rest.jobs], rest.next_before) == (jobs[1::-1], None)
    assert await ids(stage, statuses=["Running"], name="Other") == []


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_limit_out_of_range_is_refused(stage, limit):
    with pytest.raises(InvalidInput, match=f"limit must be from 1 to 1000, got {limit}"):
        await list_jobs(stage.connection, limit=limit)


async def test_a_status_that_there_is_not_is_refused_with_the_nearest(stage):
    with pytest.raises(InvalidInput, match="no job has the status 'Sucess'; did you mean Success"):
        await list_jobs(stage.connection, JobFilter(statuses=["Sucess"]))


@pytest.mark.parametrize("given", ["SendMail", "send-mail", "send_mail", "sendmail"])
async def test_a_name_may_be_given_in_kebab_case(stage, given):
    await stage.publish("SendMail")
    assert await find_name(stage.connection, given) == "SendMail"


async def test_a_name_that_nobody_knows_stays_as_it_is(stage):
    assert await find_name(stage.connection, "no-such") == "no-such"


async def test_a_scheduled_job_is_found_by_name_or_id(stage):
    first = await stage.schedule("Nightly")
    second = await stage.schedule(str(first))  # a name that looks like the other's id
    assert await find_scheduled_job_id(stage.connection, "Nightly") == first
    assert await find_scheduled_job_id(stage.connection, str(first)) == second
    assert await find_scheduled_job_id(stage.connection, str(second)) == second
    assert await find_scheduled_job_id(stage.connection, "999") == 999
    for unknown in ("Daily", "9" * 30, "٣"):
        with pytest.raises(NotFound, match="no scheduled job is named"):
            await find_scheduled_job_id(stage.connection, unknown)


# What it costs


async def fill(connection, rows: int) -> None:
    """As many jobs that wait and as many of each side that ended, over three days."""
    await connection.execute(
        "INSERT INTO jobrunner.job (name, queue) SELECT 'Send', 'q' || g % 3 FROM generate_series(1, $1::integer) AS g",
        rows,
    )
    for status in ("Success", "Failed"):
        await connection.execute(
            "INSERT INTO jobrunner.job_history (id, execute_at, created_at, started_at, finished_at, priority, attempt,"
            " max_attempts, status, blocking, preparing, name, queue, data)"
            " SELECT g, now(), now(), now(), now() - make_interval(secs => 86400 * (g % 3 - 1)), 0, 1, 3,"
            " $2::text::jobrunner.job_status, false, false, 'Send', 'main', '{}'"
            " FROM generate_series(1, $1::integer) AS g",
            rows,
            status,
        )
    await connection.execute("ANALYZE jobrunner.job")
    await connection.execute("ANALYZE jobrunner.job_history")


async def test_a_page_reads_few_rows_of_large_tables(connection):
    """By the server's own account: rows read are bounded by the window, whatever the tables hold."""
    await fill(connection, 30_000)
    nothing = [None] * 6
    tables = 40  # each day's table is asked for its newest row once
    page = [list(STATUSES), MAX_ID, 50, None, *nothing, 50]
    assert await rows_touched(connection, LIST_JOBS, *page) <= 50 + tables
    deep = [list(STATUSES), 20_000, 50, None, *nothing, 50]
    assert await rows_touched(connection, LIST_JOBS, *deep) <= 50 + tables
    search = [list(STATUSES), MAX_ID, 1000, None, "Nobody", *nothing[1:], 50]
    assert await rows_touched(connection, LIST_JOBS, *search) <= 1000 + tables
    since = [["Failed"], MAX_ID, 1000, datetime.now(UTC) - timedelta(hours=1), "Nobody", *nothing[1:], 50]
    assert await rows_touched(connection, LIST_JOBS, *since) <= 1000 + tables
    running = [MAX_ID, None, None, None, None, None, None, None, 50]
    assert await rows_touched(connection, LIST_RUNNING, *running) == 0
