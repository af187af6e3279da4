from datetime import timedelta

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.queue.settings import Settings
from jobrunner.scheduling.firing import fire_due
from jobrunner.scheduling.listing import find_scheduled_job, list_runs, list_scheduled_jobs, look_ahead
from jobrunner.scheduling.schedule import NEVER
from tests.scheduling.bench import MINUTE, Bench


async def fire(bench: Bench, own) -> None:
    await bench.connection.fetch(
        "UPDATE jobrunner.scheduled_job"
        " SET next_fire_at = coalesce(last_fire_at + interval '1 us', date_trunc('minute', now()) - interval '1 h')"
    )
    assert await fire_due(own, Settings()) == 1


async def test_a_list_says_how_it_goes(own, bench):
    id_ = await bench.schedule(name="b", data={"a": [1, 2**70]})
    await bench.schedule("0 0 1 1 *", name="A")
    await fire_only(bench, own, id_)
    await bench.finish(await bench.claim(), "Failed")
    await fire_only(bench, own, id_)
    [running] = await bench.claim()
    await fire_only(bench, own, id_)
    first, second = await list_scheduled_jobs(own)
    assert (first.name, first.last_outcome, first.running, first.waiting) == ("A", None, 0, 0)
    assert (second.name, second.last_outcome, second.running, second.waiting) == ("b", "Failed", 1, 1)
    assert second.last_duration is not None
    assert second.last_duration >= 0
    assert second.last_ended_at is not None
    assert second.last_fire_at is not None
    assert second.data == {"a": [1, 2**70]}
    assert running.row["scheduled_job_id"] == id_


async def fire_only(bench: Bench, own, id_: int) -> None:
    await bench.connection.fetch(
        "UPDATE jobrunner.scheduled_job SET next_fire_at ="
        " CASE id WHEN $1 THEN coalesce(last_fire_at + interval '1 us', now() - interval '1 h')"
        " ELSE now() + interval '1 y' END",
        id_,
    )
    assert await fire_due(own, Settings()) == 1


async def test_the_log_of_runs(own, bench):
    """Outcome, duration, target, attempt, error: what runs first, then the newest; also attempts that are repeated."""
    id_ = await bench.schedule()
    await fire(bench, own)
    [job] = await bench.claim()
    await bench.requeue(job, "Timeout", 0)
    [job] = await bench.claim()
    await bench.finish([job])
    await fire(bench, own)
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET data = '{\"a\": 1}'")
    await fire(bench, own)
    [running] = await bench.claim()
    await bench.connection.fetch("UPDATE jobrunner.job SET target_type = 'Account', target_id = '7'")
    runs = await list_runs(own, id_)
    assert [(run.outcome, run.attempt) for run in runs] == [
        ("Running", 1),
        ("Cancelled", 0),
        ("Success", 2),
        ("Timeout", 1),
    ]
    assert runs[0].job_id == running.id
    assert (runs[0].target, runs[0].duration) == ("Account:7", None)
    assert (runs[1].started_at, runs[1].duration, runs[1].error) == (None, None, "its scheduled job was edited")
    assert runs[2].duration is not None
    assert runs[2].firings is not None
    assert (runs[2].job_id, runs[3].error, runs[3].firing) == (job.id, "it went wrong", None)
    assert [run.outcome for run in await list_runs(own, id_, limit=2)] == ["Running", "Cancelled"]
    assert await list_runs(own, id_ + 1) == []
    for limit in (0, 1001):
        with pytest.raises(InvalidInput, match="limit"):
            await list_runs(own, id_, limit=limit)


async def test_what_it_means_and_when_it_fires(own, bench):
    id_ = await bench.schedule("0 12 31 * *", time_zone="Europe/Berlin")
    outlook = await look_ahead(own, await find_scheduled_job(own, id_), "Asia/Tokyo")
    assert outlook is not None
    assert outlook.time_zone == "Europe/Berlin"
    assert len(outlook.next) == 5
    assert all(moment.hour == 12 and moment.utcoffset() is not None for moment in outlook.next)
    assert "12:00" in outlook.words
    assert any("31" in warning for warning in outlook.warnings)
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET time_zone = NULL, status = 'Inactive'")
    outlook = await look_ahead(own, await find_scheduled_job(own, id_), "Asia/Tokyo")
    assert outlook is not None
    assert (outlook.time_zone, outlook.next) == ("Asia/Tokyo", ())


async def test_one_that_cannot_be_read_has_no_outlook(own, bench):
    id_ = await bench.schedule("61 * * * *")
    await fire_due(own, Settings())
    found = await find_scheduled_job(own, id_)
    assert found.problem is not None
    assert await look_ahead(own, found, "UTC") is None


async def test_one_that_never_comes_again(own, bench):
    """F33: kept, with the reason, and shown without a date in the year 9999."""
    id_ = await bench.schedule("0 0 1 1 *", next_fire_at=NEVER)
    found = await find_scheduled_job(own, id_)
    assert found.next_fire_at is None
    assert found.problem is not None
    assert "never" in found.problem


async def test_a_list_costs_little_with_many_runs_behind_it(own, bench):
    """The newest run is found by index, in every partition, whatever the history holds."""
    ids = [await bench.schedule(name=f"s{number}") for number in range(20)]
    now = await bench.now()
    await bench.connection.fetch(
        "INSERT INTO jobrunner.job_history (id, execute_at, created_at, started_at, finished_at, priority, attempt,"
        " max_attempts, status, blocking, preparing, name, queue, scheduled_job_id, data)"
        " SELECT n, $1, $1, $1, $1::timestamptz - n * interval '1 s', 0, 1, 3, 'Success', false, false, 'Noop', 'main',"
        " $2 + n % 20, '{}' FROM generate_series(1, 20000) AS n",
        now,
        ids[0],
    )
    await bench.connection.fetch("ANALYZE jobrunner.job_history")
    found = await list_scheduled_jobs(own)
    assert all(row.last_ended_at > now - MINUTE for row in found)
    assert max(row.last_ended_at for row in found) <= now - timedelta(seconds=1)
    runs = await list_runs(own, ids[3], limit=1000)
    assert len(runs) == 1000
