"""Adding, editing, pausing, removing, running by hand: what command line, API and console do."""

import asyncio

import pytest

from jobrunner.definitions import Definition, Registry
from jobrunner.errors import Conflict, InvalidInput, InvalidJobData, NotFound
from jobrunner.queue.settings import Settings
from jobrunner.scheduling import table
from jobrunner.scheduling.firing import fire_due
from jobrunner.scheduling.listing import find_scheduled_job, list_scheduled_jobs


async def greet(ctx, to: str = "all") -> None: ...


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.add(Definition("SendGreeting", greet, crontab="*/2 * * * *"))
    registry.add(Definition("ByHand", greet))
    return registry


@pytest.fixture
def add(own, registry):
    async def add(**fields):
        return await table.add_scheduled_job(own, registry, Settings(), **{"job": "SendGreeting", **fields})

    return add


@pytest.fixture
def edit(own, registry):
    async def edit(reference, **fields):
        return await table.edit_scheduled_job(own, registry, Settings(), reference, **fields)

    return edit


async def test_what_is_left_out_comes_from_the_definition(own, add):
    added = await add()
    assert (added.name, added.job, added.crontab) == ("Send Greeting", "SendGreeting", "*/2 * * * *")
    assert (added.status, added.time_zone, added.data, added.is_default) == ("Active", None, {}, False)
    assert added.next_fire_at is not None
    assert (await add(job="by-hand")).crontab == "*/10 * * * *"
    assert [row.name for row in await list_scheduled_jobs(own)] == ["By Hand", "Send Greeting"]


async def test_the_next_fire_time_is_there_without_a_daemon(own, add, registry):
    noon = await add(crontab="0 12 * * *", time_zone="Asia/Tokyo")
    assert noon.next_fire_at.hour == 3
    settings = Settings(time_zone="Asia/Kathmandu")
    other = await table.add_scheduled_job(own, registry, settings, job="ByHand", crontab="0 12 * * *")
    assert (other.next_fire_at.hour, other.next_fire_at.minute) == (6, 15)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"job": "SendGreting"}, "did you mean SendGreeting"),
        ({"name": "a\u202eb"}, "direction marks"),
        ({"crontab": "0 0 30 2 *"}, "never comes"),
        ({"crontab": ""}, "crontab"),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"status": "Asleep"}, "Active or Inactive"),
        ({"data": {"two": 1}}, "'two'"),
        ({"data": {"to": "x" * 2**20}}, "1 MiB"),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_written(own, add, bench, fields, word):
    """F33 F35 H02 H03: at entry, by name, in an addition and in an edit alike."""
    from jobrunner.queue.refusal import refusals

    with pytest.raises(InvalidInput, match=word), refusals():
        await add(**fields)
    assert await list_scheduled_jobs(own) == []


@pytest.mark.parametrize(
    "fields",
    [{"job": "Nope"}, {"name": "1"}, {"crontab": "x"}, {"time_zone": "x"}, {"status": "x"}, {"data": {"x": 1}}],
)
async def test_a_refused_edit_changes_nothing(own, add, edit, fields):
    """F33 F35 H02 H03."""
    before = await add()
    with pytest.raises(InvalidInput):
        await edit(before.id, **fields)
    assert await find_scheduled_job(own, before.id) == before


async def test_a_name_that_is_taken(add, edit):
    await add(name="One")
    await add(name="Two")
    with pytest.raises(Conflict, match="'One' already"):
        await add(name="One")
    with pytest.raises(Conflict, match="'One' already"):
        await edit("Two", name="One")


async def test_by_name_or_id(own, add):
    added = await add(name="Nightly greeting")
    assert await find_scheduled_job(own, added.id) == await find_scheduled_job(own, "Nightly greeting") == added
    assert await find_scheduled_job(own, str(added.id)) == added
    with pytest.raises(NotFound, match="did you mean 'Nightly greeting'"):
        await find_scheduled_job(own, "nightly greting")
    for strange in (99, "99", "9" * 30, "\u0661", ""):
        with pytest.raises(NotFound):
            await find_scheduled_job(own, strange)


async def test_an_edit_makes_a_revision_and_cancels_what_waits(own, add, edit, bench):
    """F32."""
    added = await add(crontab="* * * * * *")
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET next_fire_at = now() - interval '2 s'")
    await fire_due(own, Settings())
    edited = await edit(added.id, crontab="0 0 1 1 *", time_zone="Europe/Berlin", data={"to": "one"}, job="ByHand")
    assert edited.revision == added.revision + 1
    assert (edited.next_fire_at.month, edited.next_fire_at.day, edited.next_fire_at.hour) == (12, 31, 23)
    assert (edited.job, edited.data, edited.waiting) == ("ByHand", {"to": "one"}, 0)
    [job] = await bench.jobs(added.id)
    assert (job["status"], job["error"]) == ("Cancelled", "its scheduled job was edited")


async def test_a_new_name_alone_is_no_revision(own, add, edit, bench):
    added = await add(crontab="* * * * * *")
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET next_fire_at = now() - interval '2 s'")
    await fire_due(own, Settings())
    renamed = await edit(added.id, name="Other")
    assert (renamed.name, renamed.revision, renamed.waiting) == ("Other", added.revision, 1)


async def test_back_to_the_zone_of_the_installation(add, edit):
    added = await add(crontab="0 12 * * *", time_zone="Asia/Tokyo")
    assert (await edit(added.id, crontab="0 13 * * *")).next_fire_at.hour == 4
    back = await edit(added.id, time_zone=None)
    assert (back.time_zone, back.next_fire_at.hour) == (None, 13)


async def test_two_edits_in_the_same_moment(own, add, edit, bench, connection):
    """Stepped: the second was checked against what the first has changed meanwhile."""
    added = await add()
    async with connection.transaction():
        await connection.execute("UPDATE jobrunner.scheduled_job SET crontab = '5 5 5 5 *'")
        late = asyncio.create_task(edit(added.id, data={"to": "one"}))
        while not await bench.connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.005)
    with pytest.raises(Conflict, match="somebody else"):
        await late
    assert (await find_scheduled_job(own, added.id)).crontab == "5 5 5 5 *"


async def test_pause_and_resume(own, add, bench):
    added = await add(crontab="* * * * * *")
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET next_fire_at = now() - interval '2 s'")
    await fire_due(own, Settings())
    paused = await table.pause_scheduled_job(own, Settings(), added.id)
    assert (paused.status, paused.next_fire_at, paused.waiting) == ("Inactive", None, 0)
    assert await table.pause_scheduled_job(own, Settings(), added.name) == paused
    assert await fire_due(own, Settings()) == 0
    resumed_at = await bench.now()
    resumed = await table.resume_scheduled_job(own, Settings(), added.id)
    assert resumed.status == "Active"
    assert resumed.next_fire_at > resumed_at
    with pytest.raises(NotFound):
        await table.pause_scheduled_job(own, Settings(), "nobody")


async def test_remove(own, add, bench):
    added = await add()
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET next_fire_at = now() - interval '2 s'")
    await fire_due(own, Settings())
    removed = await table.remove_scheduled_job(own, added.name)
    assert removed.id == added.id
    assert await list_scheduled_jobs(own) == []
    [job] = await bench.jobs(added.id)
    assert (job["status"], job["error"]) == ("Cancelled", "its scheduled job was removed")
    with pytest.raises(NotFound):
        await table.remove_scheduled_job(own, added.id)


async def test_run_now(own, add, bench):
    """Whatever crontab and status; beside none that waits; after the one that runs."""
    added = await add(status="Inactive", data={"to": "one"})
    first = await table.run_scheduled_job(own, added.id)
    assert await table.run_scheduled_job(own, added.name) == first
    [running] = await bench.claim("SendGreeting")
    assert (running.id, running.row["data"], running.row["firing"]) == (first, '{"to": "one"}', None)
    second = await table.run_scheduled_job(own, added.id)
    assert second != first
    assert await bench.claim("SendGreeting") == []
    await bench.finish([running])
    assert [job.id for job in await bench.claim("SendGreeting")] == [second]
    with pytest.raises(NotFound):
        await table.run_scheduled_job(own, "nobody")


async def test_a_firing_folds_into_what_a_person_started(own, add, bench):
    added = await add()
    job_id = await table.run_scheduled_job(own, added.id)
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET next_fire_at = date_trunc('minute', now())")
    await fire_due(own, Settings())
    [job] = await bench.jobs(added.id)
    assert (job["id"], job["firings"]) == (job_id, 1)
    assert job["first_firing"] == job["firing"] is not None


async def test_what_waits_for_a_person_survives_an_edit(own, add, edit, bench):
    added = await add()
    job_id = await table.run_scheduled_job(own, added.id)
    await edit(added.id, crontab="5 5 * * *")
    assert [job.id for job in await bench.claim("SendGreeting")] == [job_id]


async def test_data_that_only_the_database_can_refuse(own, add):
    """H02: more than a hundred levels."""
    deep: dict = {}
    for _ in range(101):
        deep = {"a": deep}

    class Anything(Registry):
        pass

    from jobrunner.queue.refusal import refusals

    async def any_data(ctx, to: dict) -> None: ...

    registry = Anything()
    registry.add(Definition("Deep", any_data))
    with pytest.raises(InvalidJobData, match="100 levels"), refusals():
        await table.add_scheduled_job(own, registry, Settings(), job="Deep", data={"to": deep})
