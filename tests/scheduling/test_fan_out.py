"""A preparing job's end: its targets' jobs and its own Success are one transaction."""

import asyncio
import json

import asyncpg
import pytest

from jobrunner.queue.settings import Settings
from jobrunner.scheduling.firing import fire_due
from tests.scheduling.bench import HOUR, Bench, Claimed

FAN_OUT = "SELECT jobrunner.fan_out($1, $2, $3, $4, $5)"


async def fan_out(connection, job: Claimed, *targets: tuple) -> list[int] | None:
    types, ids, datas = ([target[place] for target in targets] for place in range(3))
    texts = [None if data is None else json.dumps(data) for data in datas]
    return await connection.fetchval(FAN_OUT, job.id, job.claim_id, types, ids, texts)


@pytest.fixture
async def scheduled_job_id(bench: Bench) -> int:
    await bench.define("Check", fans_out=True, queue="q1", max_attempts=2)
    minute = (await bench.now()).replace(second=0, microsecond=0)
    return await bench.schedule(job="Check", next_fire_at=minute - HOUR, data={"a": 1, "b": 1})


async def prepare(bench: Bench, own) -> Claimed:
    """Fire, and claim the preparing job."""
    await fire_due(own, Settings())
    [preparing] = await bench.claim("Check", queue="q1")
    assert preparing.row["preparing"]
    return preparing


async def test_each_target_gets_its_job(own, bench, scheduled_job_id):
    preparing = await prepare(bench, own)
    ids = await fan_out(own, preparing, ("Account", "7", None), (None, "8", {"b": 2}), ("Account", None, None))
    await bench.finish([preparing])
    rows = await bench.connection.fetch("SELECT * FROM jobrunner.job ORDER BY id")
    assert [row["id"] for row in rows] == ids
    assert [(row["target_type"], row["target_id"]) for row in rows] == [
        ("Account", "7"),
        (None, "8"),
        ("Account", None),
    ]
    assert [json.loads(row["data"]) for row in rows] == [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1}]
    for row in rows:
        assert (row["name"], row["queue"], row["max_attempts"], row["preparing"]) == ("Check", "q1", 2, False)
        assert row["scheduled_job_id"] == scheduled_job_id
        assert (row["firing"], row["firings"]) == (preparing.row["firing"], preparing.row["firings"])
        assert row["hold"] is None
    assert len({row["group_name"] for row in rows}) == 3


async def test_children_and_the_end_of_the_preparing_job_are_one(own, bench, scheduled_job_id, connection):
    """Promise 1: dead between the two, nothing happened: the preparing job runs again."""
    preparing = await prepare(bench, own)
    transaction = connection.transaction()
    await transaction.start()
    assert len(await fan_out(connection, preparing, ("A", "1", None), ("A", "2", None))) == 2
    await transaction.rollback()
    [job] = await bench.jobs()
    assert (job["id"], job["status"]) == (preparing.id, "Running")


async def test_who_lost_the_claim_has_no_children(own, bench, scheduled_job_id):
    """F04: a daemon that wakes late, after its lease."""
    stale = await prepare(bench, own)
    await bench.requeue(stale, "Lost", 0)
    assert await fan_out(own, stale, ("A", "1", None)) is None
    [again] = await bench.claim("Check", queue="q1")
    assert await fan_out(own, stale, ("A", "1", None)) is None
    assert len(await fan_out(own, again, ("A", "1", None))) == 1
    await bench.finish([again])
    assert await fan_out(own, again, ("A", "2", None)) is None
    assert [job["target_id"] for job in await bench.jobs()] == [None, "1"]


async def test_a_slow_target_holds_up_only_itself(own, bench, scheduled_job_id):
    """F34: one target's job hangs; the others go on; what fires meanwhile waits as one job for the slow one."""
    targets = [("A", "slow", None), ("A", "quick", None)]
    preparing = await prepare(bench, own)
    await fan_out(own, preparing, *targets)
    await bench.finish([preparing])
    claimed = {job.row["target_id"]: job for job in await bench.claim("Check", queue="q1")}
    await bench.finish([claimed["quick"]])
    for _ in range(3):
        await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET next_fire_at = last_fire_at + interval '1 us'")
        preparing = await prepare(bench, own)
        await fan_out(own, preparing, *targets)
        await bench.finish([preparing])
        [quick] = await bench.claim("Check", queue="q1")
        assert quick.row["target_id"] == "quick"
        await bench.finish([quick])
    slow = [job for job in await bench.jobs() if job["target_id"] == "slow"]
    assert [(job["status"], job["hold"]) for job in slow] == [("Running", None), ("Pending", "Group")]
    await bench.finish([claimed["slow"]])
    [waiting] = await bench.claim("Check", queue="q1")
    assert waiting.id == slow[1]["id"]
    assert waiting.row["firings"] == slow[1]["firings"] >= 3


async def test_a_target_named_twice_is_one(own, bench, scheduled_job_id):
    preparing = await prepare(bench, own)
    ids = await fan_out(own, preparing, ("A", "1", {"first": True}), ("A", "2", None), ("A", "1", {"first": False}))
    assert ids[0] == ids[2] != ids[1]
    [first] = [job for job in await bench.jobs() if job["id"] == ids[0]]
    assert json.loads(first["data"])["first"] is True


async def test_no_two_targets_share_a_group(own, bench, scheduled_job_id):
    """H03: whatever stands in their names."""
    preparing = await prepare(bench, own)
    strange = [
        ("a/b", "c", None),
        ("a", "b/c", None),
        ("a~1b", "c", None),
        (None, "/c", None),
        ("", "c", None),
        ("x" * 255, "y" * 255, None),
        ("x" * 255, "y" * 254 + "z", None),
        ("'; DROP TABLE jobrunner.job; --", "\u202e\n", None),
    ]
    ids = await fan_out(own, preparing, *strange)
    assert len(set(ids)) == len(strange)
    groups = {job["group_name"] for job in await bench.jobs() if job["target_id"]}
    assert len(groups) == len(strange)
    assert max(map(len, groups)) <= 255


@pytest.mark.parametrize(
    ("target", "word"),
    [
        (("x" * 256, "1", None), "255 characters"),
        (("x", "1" * 256, None), "255 characters"),
        (("x", "1", ["no object"]), "JSON object"),
    ],
)
async def test_a_bad_target_is_refused_with_all_others(own, bench, scheduled_job_id, target, word):
    """H02: in words."""
    preparing = await prepare(bench, own)
    with pytest.raises(asyncpg.InvalidParameterValueError, match=word):
        await fan_out(own, preparing, ("fine", "1", None), target)
    assert len(await bench.jobs()) == 1


async def test_no_target_no_child(own, bench, scheduled_job_id):
    preparing = await prepare(bench, own)
    assert await own.fetchval(FAN_OUT, preparing.id, preparing.claim_id, [], [], []) == []
    assert await own.fetchval(FAN_OUT, preparing.id, preparing.claim_id, None, None, None) == []


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE jobrunner.scheduled_job SET crontab = '5 5 * * *'",
        "UPDATE jobrunner.scheduled_job SET status = 'Inactive'",
        "UPDATE jobrunner.scheduled_job SET data = '{}'",
        "DELETE FROM jobrunner.scheduled_job",
    ],
)
async def test_an_edit_while_it_prepares(own, bench, scheduled_job_id, edit):
    """F32: the running job ends normally, and nothing of the old expression starts after the commit."""
    preparing = await prepare(bench, own)
    await bench.connection.fetch(edit)
    assert await fan_out(own, preparing, ("A", "1", None)) == []
    await bench.finish([preparing])
    [job] = await bench.jobs()
    assert job["status"] == "Success"


async def test_an_edit_under_way_is_waited_for(own, bench, scheduled_job_id, connection):
    """F32: stepped: the edit's transaction is open when the preparing job ends."""
    preparing = await prepare(bench, own)
    async with connection.transaction():
        await connection.execute("UPDATE jobrunner.scheduled_job SET status = 'Inactive'")
        ending = asyncio.create_task(fan_out(own, preparing, ("A", "1", None)))
        while not await bench.connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.005)
    assert await ending == []


async def test_a_new_name_is_no_edit(own, bench, scheduled_job_id):
    preparing = await prepare(bench, own)
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET name = 'Weekly'")
    assert len(await fan_out(own, preparing, ("A", "1", None))) == 1


async def test_run_by_hand_it_fans_out_though_inactive(own, bench, scheduled_job_id):
    await bench.connection.fetch("UPDATE jobrunner.scheduled_job SET status = 'Inactive'")
    job_id = await own.fetchval("SELECT jobrunner.run_scheduled_job($1)", scheduled_job_id)
    [preparing] = await bench.claim("Check", queue="q1")
    assert preparing.id == job_id
    [child] = await fan_out(own, preparing, ("A", "1", None))
    [job] = [job for job in await bench.jobs() if job["id"] == child]
    assert (job["firing"], job["firings"]) == (None, None)


async def test_without_a_schedule(own, bench):
    """`run-job` of a definition that fans out: its targets do not overlap themselves either."""
    await bench.define("Check", fans_out=True)
    for _ in range(2):
        await bench.connection.fetch("INSERT INTO jobrunner.job (name, preparing) VALUES ('Check', true)")
    first, second = await bench.claim("Check")
    [one] = await fan_out(own, first, ("A", "1", None))
    [claimed] = await bench.claim("Check")
    assert claimed.id == one
    assert claimed.row["group_name"] == "~target/Check/A/1"
    [two] = await fan_out(own, second, ("A", "1", None))
    assert two != one
    assert await bench.claim("Check") == []


async def test_many_targets(own, bench, scheduled_job_id):
    """The cost of a target does not grow with their number."""
    preparing = await prepare(bench, own)
    targets = [("A", str(number), None) for number in range(20_000)]
    async with asyncio.timeout(20):
        ids = await fan_out(own, preparing, *targets)
        assert await fan_out(own, preparing, *targets) == ids
    assert len(set(ids)) == len(targets)
