"""A scheduled job that fails again and again, as `jobrunner status` says it."""

import pytest

from jobrunner.queue.overview import overview
from jobrunner.queue.repeated_failures import LIST_FAILING_SCHEDULES, LOOKED_AT, list_repeated_failures
from tests.queue.plans import rows_touched
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def came(stage, schedule, *ends, **fields):
    """Let firings of a scheduled job end so, one an hour, the last one now; a list stands for several jobs of one."""
    number = len(ends)
    now = await stage.connection.fetchval("SELECT now()")
    for place, end in enumerate(ends):
        for status in [end] if isinstance(end, str) else end:
            id = await stage.run(status, error="OSError: no\x1b[2J route\nmore" if status == "Failed" else None)
            await stage.connection.execute(
                """
                UPDATE jobrunner.job_history
                SET scheduled_job_id = $2,
                    firing = $5::timestamptz - make_interval(hours => $3),
                    finished_at = $5::timestamptz - make_interval(hours => $3) + interval '1 second',
                    preparing = $4
                WHERE id = $1
                """,
                id,
                schedule,
                number - place - 1,
                fields.get("preparing", False),
                now,
            )
    return id


async def test_the_last_three_all_failed(stage):
    await stage.daemon()
    nightly = await stage.schedule("Nightly Report")
    await came(stage, nightly, "Failed", "Success", "Failed", "Failed")
    assert await list_repeated_failures(stage.connection, 10) == []
    last = await came(stage, nightly, "Failed")
    (told,) = await list_repeated_failures(stage.connection, 10)
    assert told.startswith("the scheduled job 'Nightly Report' has failed 3 times in a row since 20")
    assert told.endswith(f", the last time with: OSError: no[2J route; `jobrunner jobs show {last}` shows more")
    (exceptional,) = (await overview(stage.connection)).exceptions
    assert (exceptional.level, exceptional.code, exceptional.sentence) == ("Warning", "RepeatedFailure", told)
    await stage.connection.execute("UPDATE jobrunner.scheduled_job SET status = 'Inactive'")
    assert await list_repeated_failures(stage.connection, 10) == []


async def test_a_success_ends_it_and_what_a_person_cancelled_says_nothing(stage):
    nightly = await stage.schedule("Nightly")
    await came(stage, nightly, "Failed", "Failed", "Cancelled", "Failed")
    assert len(await list_repeated_failures(stage.connection, 10)) == 1
    await came(stage, nightly, "Success")
    assert await list_repeated_failures(stage.connection, 10) == []


async def test_of_several_targets_all_must_fail_in_three_firings(stage):
    """The job that prepares them succeeds each time, and says nothing of them."""
    fetch = await stage.schedule("Fetch")
    await came(stage, fetch, ["Failed", "Failed", "Failed", "Failed"])
    assert await list_repeated_failures(stage.connection, 10) == []
    await stage.connection.execute("DELETE FROM jobrunner.job_history")
    await came(stage, fetch, "Success", "Success", "Success", preparing=True)
    await came(stage, fetch, ["Failed", "Failed"], ["Failed", "Failed"], ["Failed", "Success"])
    assert await list_repeated_failures(stage.connection, 10) == []
    await stage.connection.execute("UPDATE jobrunner.job_history SET status = 'Failed' WHERE NOT preparing")
    (told,) = await list_repeated_failures(stage.connection, 10)
    assert "'Fetch' has failed 3 times in a row" in told


async def multiply(stage, times):
    """Let there be so many of each job, of other targets."""
    await stage.connection.execute(
        """
        INSERT INTO jobrunner.job_history
        SELECT (jsonb_populate_record(h, jsonb_build_object('id', -g * 1000 - h.id))).*
        FROM jobrunner.job_history AS h
        CROSS JOIN generate_series(2, $1::integer) AS g
        """,
        times,
    )


@pytest.mark.parametrize("targets", [LOOKED_AT // 3 + 1, LOOKED_AT + 50])
async def test_of_many_targets_all_must_fail_in_three_firings(stage, targets):
    """So many that the jobs that are looked at are those of two firings, or of one."""
    fetch = await stage.schedule("Fetch")
    await came(stage, fetch, "Failed", "Failed")
    await multiply(stage, targets)
    assert await list_repeated_failures(stage.connection, 10) == []

    await stage.connection.execute("DELETE FROM jobrunner.job_history")
    await came(stage, fetch, "Success", "Success", "Success", "Success", preparing=True)
    last = await came(stage, fetch, "Failed", "Failed", "Failed", "Failed")
    await multiply(stage, targets)
    (told,) = await list_repeated_failures(stage.connection, 10)
    assert "'Fetch' has failed at least 3 times in a row since 20" in told
    assert f"`jobrunner jobs show {last}`" in told

    one = "SELECT id FROM jobrunner.job_history WHERE NOT preparing ORDER BY finished_at DESC OFFSET $1 LIMIT 1"
    for place, number in ((3 * targets + 5, 1), (2 * targets + targets // 2, 0)):
        await stage.connection.execute(f"UPDATE jobrunner.job_history SET status = 'Success' WHERE id = ({one})", place)
        assert len(await list_repeated_failures(stage.connection, 10)) == number


async def test_of_one_that_fails_for_ever_only_the_last_are_looked_at(stage):
    nightly = await stage.schedule("Nightly")
    id = await came(stage, nightly, "Failed")
    await stage.connection.execute(
        """
        INSERT INTO jobrunner.job_history
        SELECT (jsonb_populate_record(h, jsonb_build_object('firing', h.firing - make_interval(mins => g)))).*
        FROM jobrunner.job_history AS h
        CROSS JOIN generate_series(1, $2::integer) AS g
        WHERE h.id = $1
        """,
        id,
        2 * LOOKED_AT,
    )
    (told,) = await list_repeated_failures(stage.connection, 10)
    assert f"has failed at least {LOOKED_AT} times in a row" in told


async def test_what_is_read_does_not_grow_with_the_history(stage):
    """Not even where each of its jobs only prepared others, of which there were none."""
    nightly = await stage.schedule("Nightly")
    id = await came(stage, nightly, "Success", preparing=True)
    await stage.connection.execute(
        """
        INSERT INTO jobrunner.job_history
        SELECT (jsonb_populate_record(h, jsonb_build_object('finished_at', h.finished_at - make_interval(secs => g)))).*
        FROM jobrunner.job_history AS h
        CROSS JOIN generate_series(1, 5000) AS g
        WHERE h.id = $1
        """,
        id,
    )
    await stage.connection.execute("ANALYZE")
    assert await list_repeated_failures(stage.connection, 10) == []
    assert await rows_touched(stage.connection, LIST_FAILING_SCHEDULES, 3, 10, LOOKED_AT) < 3 * LOOKED_AT
