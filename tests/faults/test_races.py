"""Races of the queue's statements, stepped: each side is held at a named point and let go in a chosen order."""

import asyncio
import json
import os
import random
import signal
import time
from typing import Any

import asyncpg
import pytest

from jobrunner.db.connection import REPEATABLE, Connection
from jobrunner.db.sql import load
from jobrunner.definitions import Registry
from jobrunner.queue.claim import BEGINNING, claim_jobs, look, new_token
from jobrunner.queue.finish import FINISH_JOBS, Finishes, Requeues, finish_jobs, requeue_jobs
from jobrunner.queue.sweep import SWEEP_CLAIMS, Sweep
from tests.faults.test_kill import CREATE_RUN, IMPORTS
from tests.support.daemons import DaemonProcess, daemon, define, ended, until

LONG = os.environ.get("JOBRUNNER_LONG") == "1"
CLAIM_JOBS = load("jobrunner.queue", "claim_jobs")


async def claim(connection: Any, count: int = 1, *, lease: float = 30, daemon_id: int = 1) -> tuple[int, list[Any]]:
    token = new_token()
    rows = await connection.fetch(CLAIM_JOBS, token, daemon_id, lease, "main", False, count, ["job"], *BEGINNING)
    return token, rows


async def add(connection: Any, count: int = 1, **columns: Any) -> None:
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", ${place}" for place in range(2, len(columns) + 2))
    await connection.execute(
        f"INSERT INTO jobrunner.job (name{names}) SELECT 'job'{values} FROM generate_series(1, $1)",
        count,
        *columns.values(),
    )


async def where(connection: Any) -> dict[str, int]:
    """How many jobs stand where."""
    rows = await connection.fetch("SELECT status::text, count(*) FROM jobrunner.jobs GROUP BY 1")
    return dict(tuple(row) for row in rows)


@pytest.fixture
async def other(database_url: str) -> Any:
    other = await asyncpg.connect(database_url)
    yield other
    await other.close()


def finish_arguments(job_id: int, token: int) -> tuple[Any, ...]:
    return [job_id], [token], ["Success"], [None], [None], "d", [token]


async def test_a_finish_under_way_wins_over_the_sweep(connection: Any, other: Any) -> None:
    """F05: the sweep reads an expired lease while the finish is not committed yet."""
    await add(connection)
    token, (row,) = await claim(connection, lease=-1)
    async with other.transaction():
        assert await other.fetch(FINISH_JOBS, *finish_arguments(row["id"], token))
        assert await connection.fetch(SWEEP_CLAIMS) == [], "the row is being finished: left alone"
    assert await connection.fetch(SWEEP_CLAIMS) == []
    assert await where(connection) == {"Success": 1}
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.claim") == 0


async def test_a_finish_after_the_sweep_hits_no_row(connection: Any, other: Any) -> None:
    """F05, the other order: the sweep has decided and is not committed yet; the finish waits, and is fenced."""
    await add(connection)
    token, (row,) = await claim(connection, lease=-1)
    async with other.transaction():
        assert len(await other.fetch(SWEEP_CLAIMS)) == 1
        finishing = asyncio.create_task(connection.fetch(FINISH_JOBS, *finish_arguments(row["id"], token)))
        await asyncio.sleep(0.05)
        assert not finishing.done()
    assert await finishing == []
    assert await where(connection) == {"Pending": 1}


@pytest.mark.parametrize("first", ["sweep", "cancel"])
async def test_sweep_against_cancel(connection: Any, other: Any, first: str) -> None:
    """F05: a running job is asked to cancel while its lease is taken back: it does not run again."""
    await add(connection, max_attempts=5)
    _, (row,) = await claim(connection, lease=-1)
    statements = {"sweep": (SWEEP_CLAIMS, ()), "cancel": ("SELECT jobrunner.cancel($1)", (row["id"],))}
    second = "cancel" if first == "sweep" else "sweep"
    async with other.transaction():
        await other.fetch(statements[first][0], *statements[first][1])
        waiting = asyncio.create_task(connection.fetch(statements[second][0], *statements[second][1]))
        await asyncio.sleep(0.05)
    await waiting
    await connection.fetch(SWEEP_CLAIMS)
    counts = await where(connection)
    if counts == {"Pending": 1}:  # whoever claims it next sees the request
        assert await connection.fetchval("SELECT cancel_requested FROM jobrunner.job")
    else:
        assert counts == {"Cancelled": 1}


async def test_a_healthy_crowd_hides_no_expired_claim(connection: Any) -> None:
    """F07: 10,001 healthy leases and an expired one of the lowest priority."""
    await add(connection, 10_001)
    await add(connection, priority=1000)
    for _ in range(101):
        await claim(connection, 100)
    await connection.execute("UPDATE jobrunner.claim SET expires_at = now() + interval '1 hour'")
    last = await connection.fetchval("SELECT id FROM jobrunner.job WHERE priority = 1000")
    await connection.execute(
        "UPDATE jobrunner.claim SET expires_at = now() - interval '1 second' WHERE $1 = ANY(job_ids)", last
    )
    mates = await connection.fetchval("SELECT cardinality(job_ids) FROM jobrunner.claim WHERE $1 = ANY(job_ids)", last)
    swept = await connection.fetch(SWEEP_CLAIMS)
    assert last in {row["id"] for row in swept}
    assert len(swept) == mates


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
async def test_eight_writers_on_the_same_rows(database_url: str, connection: Any, isolation: str) -> None:
    """F20: deadlocks and serialization failures are repeated; whatever the database's default isolation is."""
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {database} SET default_transaction_isolation = '{isolation}'")
    count = 1000
    await add(connection, count, max_attempts=1000)
    over = time.monotonic() + (10 if LONG else 2)
    lines = [Connection(database_url, f"writer {number}") for number in range(8)]
    chance = random.Random(3)

    async def write(line: Connection, number: int) -> None:
        while time.monotonic() < over:
            lease = chance.choice([-1.0, 30.0])
            token = new_token()
            rows = await claim_jobs(
                line,
                claim_id=token,
                daemon_id=number,
                lease=lease,
                queue="main",
                blocking=False,
                limit=50,
                names=["job"],
            )
            chance.shuffle(rows)
            ids = [row["id"] for row in rows]
            match chance.randrange(5):
                case 0:
                    finishes = Finishes()
                    for job_id in ids[:10]:
                        finishes.add(job_id, token, "Failed", None, None)
                    await finish_jobs(line, finishes, [], "d")
                    await line.fetch("UPDATE jobrunner.claim SET expires_at = now() WHERE id = $1", token)
                case 1:
                    requeues = Requeues()
                    for job_id in ids:
                        requeues.add(job_id, token, "Error", None, chance.choice([0.0, 0.001]))
                    await requeue_jobs(line, requeues, [token], "d")
                case 2:
                    await line.fetch(SWEEP_CLAIMS)
                case 3:
                    await line.fetch("SELECT jobrunner.cancel(j.id) FROM jobrunner.job AS j ORDER BY random() LIMIT 2")
                case _:
                    await look(line)

    await asyncio.gather(*(write(line, number) for number, line in enumerate(lines)))
    for line in lines:
        await line.close()
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.jobs") == count
    assert await connection.fetchval("SELECT count(DISTINCT id) FROM jobrunner.jobs") == count
    assert REPEATABLE


async def test_a_repeatable_failure_is_repeated(database_url: str, connection: Any) -> None:
    """F20: a deadlock, made on purpose: ours is run again and comes through."""
    await add(connection, 2)
    first, second = await connection.fetch("SELECT id FROM jobrunner.job ORDER BY id")
    line = Connection(database_url, "writer")
    touch = "UPDATE jobrunner.job SET priority = priority + 1 WHERE id = $1"
    held = asyncio.Event()
    times = 0

    async def backwards(raw: Any) -> None:
        nonlocal times
        times += 1
        await raw.execute(touch, second["id"])
        held.set()
        await raw.execute(touch, first["id"])

    async def forwards() -> None:
        async with connection.transaction():
            await connection.execute("SET LOCAL deadlock_timeout = '10s'")  # so that the other side is the victim
            await connection.execute(touch, first["id"])
            working = asyncio.create_task(line.transaction(backwards))
            await held.wait()
            await connection.execute(touch, second["id"])
        await working

    await forwards()
    await line.close()
    assert times == 2
    rows = await connection.fetch("SELECT priority FROM jobrunner.job")
    assert [row["priority"] for row in rows] == [2, 2]


async def test_a_blocked_group_costs_others_nothing(connection: Any) -> None:
    """F47: one group with 100,000 waiting behind a running job: a claim beside it reads a handful of pages."""
    waiting = 100_000 if LONG else 20_000
    await add(connection, group_name="big")
    await claim(connection)
    await connection.execute(
        "INSERT INTO jobrunner.job (name, group_name, hold) SELECT 'job', 'big', 'Group' FROM generate_series(1, $1)",
        waiting,
    )
    await add(connection)
    await connection.execute("ANALYZE jobrunner.job")
    plan = await connection.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {CLAIM_JOBS}",
        new_token(),
        1,
        30.0,
        "main",
        False,
        15,
        ["job"],
        *BEGINNING,
    )
    top = json.loads(plan)[0]["Plan"]
    assert top["Actual Rows"] == 1
    assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 200


async def test_a_group_goes_on_after_a_lost_lease(database_url: str, connection: Any) -> None:
    """F47: the daemon that ran a group's job was killed: the group goes on after the lease."""
    registry = Registry()

    async def job() -> None: ...

    define(registry, job)
    first = await connection.fetchval("SELECT jobrunner.enqueue('job', group_name => 'g')")
    second = await connection.fetchval("SELECT jobrunner.enqueue('job', group_name => 'g')")
    await connection.fetch("SELECT * FROM jobrunner.look(100)")
    await claim(connection, lease=0.5, daemon_id=7)
    async with daemon(database_url, registry):
        rows = await ended(connection, first, second)
    assert [(row["status"], row["attempt"]) for row in rows] == [("Success", 2), ("Success", 1)]
    assert rows[0]["finished_at"] <= rows[1]["started_at"]


async def test_a_finish_whose_group_was_not_opened_is_mended(connection: Any, database_url: str) -> None:
    """F47: the daemon dies between a finish and the opening of the group: the sweep opens it."""
    for _ in range(2):
        await connection.fetchval("SELECT jobrunner.enqueue('job', group_name => 'g')")
    await connection.fetch("SELECT * FROM jobrunner.look(100)")
    token, (row,) = await claim(connection)
    await connection.fetch(FINISH_JOBS, *finish_arguments(row["id"], token))
    assert await connection.fetchval("SELECT hold::text FROM jobrunner.job") == "Group"
    line = Connection(database_url, "sweep")
    await Sweep(line, interval=1).once()
    await line.close()
    assert await connection.fetchval("SELECT hold FROM jobrunner.job") is None


async def test_a_full_queue_starves_no_other(database_url: str, connection: Any) -> None:
    """F48: a flood in one queue, of higher priority: the calm queue's jobs pass it."""
    registry = Registry()

    async def flood() -> None:
        await asyncio.sleep(0.01)

    async def calm() -> None: ...

    define(registry, flood)
    define(registry, calm)
    await connection.execute(
        "INSERT INTO jobrunner.job (name, queue, priority) SELECT 'flood', 'flood', -100 FROM generate_series(1, 5000)"
    )
    async with daemon(database_url, registry, max_running=200):
        await until(connection, "SELECT count(*) > 100 FROM jobrunner.job_history")
        jobs = [await connection.fetchval("SELECT jobrunner.enqueue('calm', queue => 'calm')") for _ in range(20)]
        await ended(connection, *jobs)
        assert await connection.fetchval("SELECT count(*) FROM jobrunner.job WHERE queue = 'flood'") > 500


async def test_killed_after_the_effect(database_url: str, connection: Any) -> None:
    """F02: the daemon dies after the effect, before the finish is stored: attempt 2 runs, one effect is doubled."""
    await connection.execute(CREATE_RUN)
    job = await connection.fetchval("SELECT jobrunner.enqueue('DiesAfterEffect')")
    first = DaemonProcess(database_url, imports=IMPORTS, name="first", lease=1)
    assert await asyncio.to_thread(first.wait) == -signal.SIGKILL
    second = await DaemonProcess(database_url, imports=IMPORTS, name="second", lease=1).ready()
    try:
        (row,) = await ended(connection, job)
    finally:
        code = second.stop()
    assert code == 0
    assert (row["status"], row["attempt"]) == ("Success", 2)
    assert await connection.fetchval("SELECT count(*) FROM public.run") == 2


async def test_one_notification_for_one_statement_and_queue(connection: Any, other: Any) -> None:
    """F22: a storm of enqueues tells each queue once, and only while a daemon sleeps."""
    heard: list[str] = []
    await other.add_listener("jobrunner_wake", lambda *said: heard.append(said[3]))
    register = load("jobrunner.queue", "register_daemon")
    await connection.fetch(register, 5, "d", "h", 1, "v", 60.0, None, [])
    many = load("jobrunner.queue", "enqueue_jobs")
    assert "wake" in many
    async with connection.transaction():
        await connection.execute(
            "SELECT jobrunner.enqueue('job', queue => CASE WHEN n % 2 = 0 THEN 'a' ELSE 'b' END) "
            "FROM generate_series(1, 2000) AS n"
        )
    await other.fetchval("SELECT 1")
    assert sorted(heard) == ["a", "b"]
    heard.clear()
    await connection.execute("UPDATE jobrunner.daemon SET asleep = false")
    await connection.execute("SELECT jobrunner.enqueue('job')")
    await other.fetchval("SELECT 1")
    assert heard == []


async def test_ids_beyond_two_to_the_31(database_url: str, connection: Any) -> None:
    """F23: bigint everywhere; taken unique keys burn values of the sequence."""
    for sequence in await connection.fetch("SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'S'"):
        await connection.fetchval("SELECT setval($1::text::regclass, 3000000000)", sequence["name"])
    registry = Registry()

    async def job() -> None: ...

    define(registry, job)
    async with daemon(database_url, registry):
        first = await connection.fetchval(
            "SELECT jobrunner.enqueue('job', unique_key => 'k', delay => interval '0.3 s')"
        )
        assert await connection.fetchval("SELECT jobrunner.enqueue('job', unique_key => 'k')") == first
        (row,) = await ended(connection, first)
        schedule = await connection.fetchval(
            "INSERT INTO jobrunner.scheduled_job (name, job, crontab) VALUES ('s', 'job', '* * * * * *') RETURNING id"
        )
        await until(connection, "SELECT count(*) > 0 FROM jobrunner.job_history WHERE scheduled_job_id = $1", schedule)
    assert first > 3_000_000_000
    assert schedule > 3_000_000_000
    assert row["status"] == "Success"


async def test_a_foreign_snapshot_held_open(database_url: str, connection: Any, other: Any) -> None:
    """F21: vacuum cannot clean for as long as it lasts: what claims read stays bounded all the same."""
    count = 100_000 if LONG else 10_000
    await add(connection, count)
    await connection.execute("ANALYZE jobrunner.job")
    registry = Registry()

    async def job() -> None: ...

    define(registry, job)
    await connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('jobs_max_portion', '100')")
    async with other.transaction(isolation="repeatable_read"):
        await other.fetchval("SELECT count(*) FROM jobrunner.job")
        async with daemon(database_url, registry):
            await until(connection, "SELECT count(*) >= $1 FROM jobrunner.job_history", count - 1000, limit=100)
            last = await connection.fetchrow(
                "SELECT priority, execute_at, id FROM jobrunner.job_history ORDER BY id DESC LIMIT 1"
            )
            buffers = [await read_by_claim(connection, begin) for begin in (BEGINNING, tuple(last))]
            assert buffers[1] * 5 < buffers[0], "from the last place on it does not walk over the dead entries"
        assert await connection.fetchval(IDLE_IN_TRANSACTION) == 1, "none but that foreign one"


IDLE_IN_TRANSACTION = """
SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()
"""


async def read_by_claim(connection: Any, begin: Any) -> int:
    """How many pages a claim reads."""
    plan = await connection.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {CLAIM_JOBS}",
        *(new_token(), 1, -1.0, "main", False, 10, ["job"], *begin),
    )
    top = json.loads(plan)[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
