"""Going again at once: what `* * * * *` means for a definition that works off a backlog."""

import pytest

from jobrunner.queue.placing import fire_again
from jobrunner.queue.settings import Settings
from jobrunner.scheduling.firing import fire_due
from tests.scheduling.bench import MINUTE, Bench


async def start(bench: Bench, own, crontab: str = "* * * * *", *, often: bool = True, fans_out: bool = False):
    """Fire once and claim the job."""
    await bench.define("Drain", often=often, fans_out=fans_out)
    minute = (await bench.now()).replace(second=0, microsecond=0)
    await bench.schedule(crontab, job="Drain", next_fire_at=minute, data={"a": 1})
    await fire_due(own, Settings())
    [running] = await bench.claim("Drain")
    return running


@pytest.mark.parametrize("when", ["before the finish", "after the finish"])
async def test_another_job_of_the_same_firing_follows(own, bench, when):
    running = await start(bench, own)
    if when == "before the finish":
        assert await fire_again(own, [running.id]) == 1
        assert await bench.claim("Drain") == []
        await bench.finish([running])
    else:
        await bench.finish([running])
        assert await fire_again(own, [running.id]) == 1
    [again] = await bench.claim("Drain")
    assert again.id != running.id
    for column in ("scheduled_job_id", "firing", "first_firing", "firings", "data", "group_name"):
        assert again.row[column] == running.row[column]
    assert again.row["execute_at"] > running.row["execute_at"]


async def test_one_that_waits_is_enough(own, bench):
    running = await start(bench, own)
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET next_fire_at = last_fire_at + interval '1 us'")
    assert await fire_due(own, Settings()) == 1
    assert await fire_again(own, [running.id]) == 0
    await bench.finish([running])
    assert await fire_again(own, [running.id]) == 0
    [waiting] = [job for job in await bench.jobs() if job["status"] == "Pending"]
    assert waiting["first_firing"] > running.row["firing"]


async def test_a_firing_folds_into_the_job_that_goes_again(own, bench):
    running = await start(bench, own)
    await bench.finish([running])
    await fire_again(own, [running.id])
    next_firing = running.row["firing"] + MINUTE
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET next_fire_at = now() - interval '1 ms'")
    await bench.connection.fetch(
        "SELECT * FROM jobrunner.fire("
        "ARRAY[$1::bigint], ARRAY[1::bigint], (SELECT array_agg(next_fire_at) FROM jobrunner.scheduled_job),"
        " (SELECT array_agg(next_fire_at) FROM jobrunner.scheduled_job), ARRAY[1], ARRAY[$2::timestamptz])",
        running.row["scheduled_job_id"],
        next_firing + MINUTE,
    )
    [waiting] = [job for job in await bench.jobs() if job["status"] == "Pending"]
    assert waiting["firings"] == 2


@pytest.mark.parametrize(
    ("crontab", "often"), [("* * * * *", False), ("*/1 * * * *", True), ("* * * * * *", True), ("@hourly", True)]
)
async def test_only_stars_and_only_where_the_definition_says_so(own, bench, crontab, often):
    running = await start(bench, own, crontab, often=often)
    await bench.finish([running])
    assert await fire_again(own, [running.id]) == 0


async def test_blanks_in_the_crontab_do_not_matter(own, bench):
    running = await start(bench, own, "  *  *\t* * * ")
    assert await fire_again(own, [running.id]) == 1


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE jobrunner.scheduled_job SET crontab = '*/5 * * * *'",
        "UPDATE jobrunner.scheduled_job SET status = 'Inactive'",
        "UPDATE jobrunner.scheduled_job SET data = '{}'",
        "DELETE FROM jobrunner.scheduled_job",
    ],
)
async def test_not_after_an_edit(own, bench, edit):
    """F32: nothing of the old expression starts after the commit."""
    running = await start(bench, own)
    await bench.connection.fetch(edit)
    await bench.finish([running])
    assert await fire_again(own, [running.id]) == 0


async def test_an_edit_under_way_is_not_waited_for(own, bench, connection):
    """The ends of all jobs of the daemon would wait with it; the next firing goes on."""
    running = await start(bench, own)
    await bench.finish([running])
    await own.fetch("SET lock_timeout = '5s'")  # a wait is an error, not a test that hangs
    async with connection.transaction():
        await connection.execute("UPDATE jobrunner.scheduled_job SET data = '{}'")
        assert await fire_again(own, [running.id]) == 0


async def test_a_target_goes_again_by_itself(own, bench):
    preparing = await start(bench, own, fans_out=True)
    await own.fetchval(
        "SELECT jobrunner.fan_out($1, $2, $3, $4, $5)",
        preparing.id,
        preparing.claim_id,
        ["A", "A"],
        ["1", "2"],
        [None] * 2,
    )
    await bench.finish([preparing])
    one, two = await bench.claim("Drain")
    await bench.finish([one, two])
    assert await fire_again(own, [one.id]) == 1
    [again] = await bench.claim("Drain")
    assert (again.row["target_id"], again.row["preparing"]) == ("1", False)
    assert again.row["group_name"] == one.row["group_name"]


async def test_jobs_without_a_schedule_do_not_go_again(own, bench):
    await bench.define("Drain", often=True)
    job_id = await bench.connection.fetchval("SELECT jobrunner.enqueue('Drain')")
    assert await fire_again(own, [job_id, 999]) == 0
    assert await fire_again(own, []) == 0
