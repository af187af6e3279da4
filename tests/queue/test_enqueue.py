"""Enqueueing one job and many, through SQL and on connections of every driver."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import psycopg
import pytest

from jobrunner.db.connection import Connection
from jobrunner.definitions import Definition, Target, registry
from jobrunner.errors import Conflict, InvalidInput, InvalidJobData
from jobrunner.queue.carrier import portion_for, run, run_blocking
from jobrunner.queue.enqueue import PORTION, Steps, enqueue_all, enqueue_one
from jobrunner.queue.new_job import LONGEST_DELAY, NewJob
from tests.queue.refused import DATA, HARMLESS, KEPT, NAMES, nested

HOUR = timedelta(hours=1)


async def one(connection: Any, job: Any, data: Any = None, **options: Any) -> int:
    return await run(connection, enqueue_one(NewJob(job, data, **options)))


async def many(connection: Any, jobs: list[NewJob], portion: int | None = PORTION) -> list[int]:
    return await run(connection, enqueue_all(jobs, portion=portion))


async def rows(connection: Any) -> list[dict[str, Any]]:
    found = await connection.fetch("SELECT *, data::text AS data FROM jobrunner.job ORDER BY id")
    return [{**row, "data": json.loads(row["data"])} for row in map(dict, found)]


async def count(connection: Any) -> int:
    total: int = await connection.fetchval("SELECT count(*) FROM jobrunner.job")
    return total


@pytest.fixture
def greet() -> Iterator[Definition]:
    async def send_greeting(ctx: Any, name: str, times: int = 1) -> None: ...

    definition = Definition("Greet", send_greeting, queue="post", max_attempts=7)
    registry.add(definition)
    yield definition
    del registry._definitions["Greet"]


# What a job becomes


async def test_a_job_with_nothing_but_a_name(connection: Any) -> None:
    job_id = await one(connection, "Send")
    (row,) = await rows(connection)
    assert (row["id"], row["name"], row["data"], row["queue"]) == (job_id, "Send", {}, "main")
    assert (row["status"], row["hold"], row["priority"], row["attempt"]) == ("Pending", None, 0, 0)
    assert (row["max_attempts"], row["group_name"], row["unique_key"], row["target_id"]) == (3, None, None, None)
    assert row["execute_at"] == row["created_at"]


ALL_OPTIONS: dict[str, Any] = {
    "queue": "q1",
    "group": "customer 7",
    "priority": -5,
    "execute_at": datetime(2030, 1, 1, 12, tzinfo=timezone(HOUR)),
    "delay": 90,
    "target": Target("Account", "7"),
    "max_attempts": 20,
    "unique_key": "k",
}


async def test_one_and_many_make_the_same_rows(connection: Any) -> None:
    """The function for one, the statement for jobs that are alike, and the one for all others."""
    variants: list[dict[str, Any]] = [
        {},
        ALL_OPTIONS,
        {"delay": timedelta(minutes=5)},
        {"group": "g"},
        {"target": ("Account", 7)},
        {"target": Target(None, "7")},
        {"execute_at": datetime(2020, 1, 1, tzinfo=UTC)},
    ]
    for number, options in enumerate(variants):
        free = {**options, "unique_key": None} if options.get("unique_key") else options
        async with connection.transaction():  # so that now() is the same
            await one(connection, f"Send{number}", {"a": 1}, **free)
            await many(connection, [NewJob(f"Send{number}", {"a": 1}, **free)])
            await many(connection, [NewJob(f"Send{number}", {"a": 1}, **options), NewJob("Other", unique_key="o")])
        found = [row for row in await rows(connection) if row["name"] == f"Send{number}"]
        for row in found:
            del row["id"], row["unique_key"]
        assert len(found) == 3
        assert found[0] == found[1] == found[2], options


async def test_defaults_come_from_the_published_definition(connection: Any) -> None:
    await connection.execute(
        """
        INSERT INTO jobrunner.definition (name, blocking, queue, max_attempts, often, fans_out, parameters)
        VALUES ('Paint', true, 'shop', 9, false, false, '{}')
        """
    )
    await one(connection, "Paint")
    await many(connection, [NewJob("Paint")])
    await many(connection, [NewJob("Paint"), NewJob("Draw"), NewJob("Paint", queue="main", max_attempts=1)])
    found = [(row["name"], row["queue"], row["max_attempts"], row["blocking"]) for row in await rows(connection)]
    painted = ("Paint", "shop", 9, True)
    assert found == [painted, painted, painted, ("Draw", "main", 3, False), ("Paint", "main", 1, True)]


async def test_a_definition_of_this_process_counts(connection: Any, greet: Definition) -> None:
    await one(connection, greet, {"name": "Ada"})
    await one(connection, "Greet", {"name": "Ada"}, queue="q0", max_attempts=1)
    await many(connection, [NewJob(greet, {"name": "Ada"}), NewJob("Greet", {"name": "Bob"})])
    found = [(row["name"], row["queue"], row["max_attempts"], row["data"]["name"]) for row in await rows(connection)]
    assert found == [
        ("Greet", "post", 7, "Ada"),
        ("Greet", "q0", 1, "Ada"),
        ("Greet", "post", 7, "Ada"),
        ("Greet", "post", 7, "Bob"),
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Greet: 'name' is missing"),
        ({"name": "Ada", "time": 3}, "Greet: 'time' is no parameter of it; did you mean times?"),
        ({"name": "Ada", "times": "x"}, "Greet: 'times': input should be a valid integer"),
    ],
)
async def test_data_is_checked_by_the_annotations(
    connection: Any, greet: Definition, data: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidJobData) as refusal:
        await one(connection, greet, data)
    assert str(refusal.value).startswith(sentence)
    with pytest.raises(InvalidJobData) as refusal:
        await many(connection, [NewJob(greet, {"name": "Ada"})] * 2 + [NewJob("Greet", data)])
    assert str(refusal.value).startswith(f"job 2: {sentence}")
    assert await count(connection) == 0


# What is refused


@pytest.mark.parametrize(("text", "words"), DATA.values(), ids=DATA)
async def test_data_refused_by_sql(connection: Any, text: str, words: str) -> None:
    """H02: what Python refuses, SQL does; some of it in PostgreSQL's own words."""
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await connection.execute("SELECT jobrunner.enqueue('Send', $1::text::jsonb)", text)
    own = isinstance(refusal.value, asyncpg.InvalidParameterValueError)
    assert words in str(refusal.value) if own else "jsonb" not in words
    assert await count(connection) == 0


@pytest.mark.parametrize("name", [name for name in DATA if name not in ("10,000 levels", "5001 digits")])
async def test_data_refused_in_bulk(connection: Any, name: str) -> None:
    """H02: the index is named, and nothing is written."""
    text, words = DATA[name]
    jobs = [NewJob("Send", {"n": number}) for number in range(PORTION + 20)]
    jobs[PORTION + 7].data = json.loads(text)
    with pytest.raises(InvalidJobData) as refusal:
        await many(connection, jobs)
    assert refusal.value.index == PORTION + 7
    assert str(refusal.value).startswith(f"job {PORTION + 7}: ")
    assert words in str(refusal.value)
    assert await count(connection) == 0


async def test_data_kept_at_every_door(connection: Any) -> None:
    """H02: nothing of what is allowed is changed."""
    wanted = list(KEPT.values())
    for data in wanted:
        await one(connection, "Send", data)
        await connection.execute("SELECT jobrunner.enqueue('Send', $1::text::jsonb)", json.dumps(data))
    await many(connection, [NewJob("Send", data) for data in wanted])
    kept = [row["data"] for row in await rows(connection)]
    assert kept == [data for data in wanted for _ in range(2)] + wanted


OPTIONS_OF_SQL = {
    "queue": "queue",
    "group": "group_name",
    "unique_key": "unique_key",
    "target's type": "target_type",
    "target's id": "target_id",
}


def named(what: str, name: str) -> NewJob:
    match what:
        case "name":
            return NewJob(name)
        case "target's type":
            return NewJob("Send", target=Target(name, "1"))
        case "target's id":
            return NewJob("Send", target=("Account", name))
        case option:
            return NewJob("Send", **{option: name})


@pytest.mark.parametrize("what", ["name", *OPTIONS_OF_SQL])
async def test_names_refused(connection: Any, what: str) -> None:
    """H03: at every door, with the same sentence."""
    for kind, name in NAMES.items():
        with pytest.raises(InvalidJobData) as refusal:
            await run(connection, enqueue_one(named(what, name)))
        assert "\n" not in str(refusal.value), kind
        assert len(str(refusal.value)) < 250, kind
        with pytest.raises(InvalidJobData, match=r"^job 1: ") as in_bulk:
            await many(connection, [NewJob("Send"), named(what, name)])
        assert str(in_bulk.value) == f"job 1: {refusal.value}", kind
        values = [name] if what == "name" else ["Send", name]
        call = "$1" if what == "name" else f"$1, {OPTIONS_OF_SQL[what]} => $2"
        with pytest.raises(asyncpg.DataError) as by_sql:
            await connection.execute(f"SELECT jobrunner.enqueue({call})", *values)
        if "\0" not in name:  # which no text of PostgreSQL can hold
            assert str(refusal.value).startswith(str(by_sql.value)), kind
    assert await count(connection) == 0


@pytest.mark.parametrize("what", ["name", *OPTIONS_OF_SQL])
async def test_harmless_names_are_kept(connection: Any, what: str) -> None:
    """H03: quotes, SQL, letters of any script."""
    names = [name for name in HARMLESS if what != "queue" or (len(name) <= 64 and "," not in name)]
    for name in names:
        await run(connection, enqueue_one(named(what, name)))
    await many(connection, [named(what, f"{name[:60]}+") for name in names])
    column = {"name": "name", **OPTIONS_OF_SQL}[what]
    found = await connection.fetch(f"SELECT {column} FROM jobrunner.job ORDER BY id")
    assert [row[0] for row in found] == [*names, *(f"{name[:60]}+" for name in names)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"queue": "q" * 65}, "a queue's name must have 1 to 64 letters, got 65"),
        ({"queue": "a,b"}, "a queue's name may not contain commas or have blanks around it, got 'a,b'"),
        ({"queue": " a"}, "a queue's name may not contain commas or have blanks around it, got ' a'"),
        ({"queue": 3}, "a queue's name must be text, got 3"),
        ({"group": "~17"}, "a group's name may not begin with ~, got '~17'"),
        ({"priority": 2**31}, "priority must be a whole number from -2147483648 to 2147483647, got 2147483648"),
        ({"priority": 1.5}, "priority must be a whole number from -2147483648 to 2147483647, got 1.5"),
        ({"priority": True}, "priority must be a whole number from -2147483648 to 2147483647, got True"),
        ({"max_attempts": 0}, "max_attempts must be from 1 to 1000, got 0"),
        ({"max_attempts": 1001}, "max_attempts must be from 1 to 1000, got 1001"),
        ({"max_attempts": "3"}, "max_attempts must be from 1 to 1000, got '3'"),
        ({"max_attempts": 10**5000}, "max_attempts must be from 1 to 1000, got a longer number"),
        ({"delay": -1}, "delay must be from 0 to 3153600000 s (a hundred years), got -1"),
        ({"delay": float("nan")}, "delay must be from 0 to 3153600000 s (a hundred years), got nan"),
        ({"delay": timedelta(days=40_000)}, "delay must be from 0 to 3153600000 s (a hundred years), got "),
        ({"delay": "5"}, "delay must be seconds or a timedelta, got '5'"),
        ({"execute_at": datetime(2026, 1, 1)}, "execute_at must say its time zone, got 2026-01-01T00:00:00: give it"),
        ({"execute_at": "2026-01-01"}, "execute_at must be a datetime, got '2026-01-01'"),
        ({"target": "Account"}, "a target must be a Target or (type, id), got 'Account'"),
        ({"target": ("Account", 1.5)}, "a target's id must be text, got 1.5"),
    ],
)
async def test_options_refused(connection: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidJobData) as refusal:
        await one(connection, "Send", **options)
    assert str(refusal.value).startswith(sentence)
    with pytest.raises(InvalidJobData) as refusal:
        await many(connection, [NewJob("Send"), NewJob("Send"), NewJob("Send", **options)])
    assert str(refusal.value).startswith(f"job 2: {sentence}")
    assert await count(connection) == 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("NULL", "a job must have a name"),
        ("'Send', NULL", "a job's data must be a JSON object, got NULL"),
        ("'Send', queue => repeat('q', 65)", "a queue's name must have 1 to 64 letters, got 65"),
        ("'Send', queue => 'a,b'", "a queue's name may not contain commas or have blanks around it, got a,b"),
        ("'Send', queue => 'a '", "a queue's name may not contain commas or have blanks around it, got a "),
        ("'Send', group_name => '~1'", "a group's name may not begin with ~, got ~1"),
        ("'Send', max_attempts => 0", "max_attempts must be from 1 to 1000, got 0"),
        ("'Send', max_attempts => 1001", "max_attempts must be from 1 to 1000, got 1001"),
        ("'Send', delay => interval '-1 s'", "delay must be from 0 to 3153600000 s (a hundred years), got -00:00:01"),
        ("'Send', delay => interval '200 years'", "delay must be from 0 to 3153600000 s (a hundred years), got 200"),
        ("'Send', execute_at => 'infinity'", "execute_at must be a finite time, got infinity"),
    ],
)
async def test_options_refused_by_sql(connection: Any, call: str, sentence: str) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError) as refusal:
        await connection.execute(f"SELECT jobrunner.enqueue({call})")
    assert str(refusal.value).startswith(sentence)


async def test_the_longest_delay(connection: Any) -> None:
    await one(connection, "Send", delay=LONGEST_DELAY)
    await many(connection, [NewJob("Send", delay=timedelta(seconds=LONGEST_DELAY))])
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job WHERE hold = 'Time'") == 2


async def test_what_is_no_job_is_refused(connection: Any) -> None:
    with pytest.raises(InvalidJobData, match=r"^job 1: a job to enqueue must be a NewJob, got str"):
        await many(connection, [NewJob("Send"), "Send"])  # type: ignore[list-item]
    with pytest.raises(InvalidJobData, match="a job's name must be text, got 3"):
        await one(connection, 3)


# Many


async def test_ids_come_in_the_order_given(connection: Any) -> None:
    mixed = [
        NewJob(f"Job{number % 7}", {"n": number}, priority=number % 3, target=("T", number)) for number in range(2500)
    ]
    alike = [NewJob("Alike", {"n": number}) for number in range(2500)]
    for jobs in (mixed, alike):
        ids = await many(connection, jobs)
        assert ids == sorted(set(ids))
        found = {row["id"]: row for row in await rows(connection)}
        assert [found[job_id]["data"]["n"] for job_id in ids] == list(range(2500))
        assert [found[job_id]["name"] for job_id in ids] == [job.job for job in jobs]
    assert await many(connection, []) == []
    assert await count(connection) == 5000


async def test_fifty_thousand_in_one_call(connection: Any) -> None:
    ids = await many(connection, [NewJob("Send", {"n": number}) for number in range(50_000)])
    assert len(set(ids)) == 50_000 == await count(connection)
    last = await connection.fetchval("SELECT data ->> 'n' FROM jobrunner.job WHERE id = $1", ids[-1])
    assert last == "49999"


async def test_only_columns_that_differ_are_sent_for_each(connection: Any) -> None:
    jobs = [NewJob("Send", {"n": n}, queue="q0", priority=4, group=f"g{n}", execute_at=None) for n in range(3)]
    await many(connection, [*jobs, NewJob("Send", queue="q0", priority=4)])
    found = await rows(connection)
    assert [(row["group_name"], row["hold"]) for row in found] == [
        ("g0", "Time"),
        ("g1", "Time"),
        ("g2", "Time"),
        (None, None),
    ]
    assert {(row["queue"], row["priority"]) for row in found} == {("q0", 4)}


async def test_targets_whose_data_cannot_be_hashed(connection: Any) -> None:
    await many(connection, [NewJob("Send", target=Target("T", str(n), {"a": [1]})) for n in range(3)])
    assert [row["target_id"] for row in await rows(connection)] == ["0", "1", "2"]


# Unique keys


async def test_a_taken_key_gives_the_job_that_has_it(connection: Any) -> None:
    holder = await one(connection, "Send", unique_key="k")
    assert await one(connection, "Send", {"other": 1}, unique_key="k") == holder
    ids = await many(
        connection,
        [
            NewJob("Send"),
            NewJob("Send", unique_key="k"),
            NewJob("Send", unique_key="new"),
            NewJob("Send"),
            NewJob("Send", unique_key="new"),
        ],
    )
    assert ids[1] == holder
    assert ids[2] == ids[4]
    assert len({ids[0], ids[2], ids[3]}) == 3
    assert await count(connection) == 4


async def test_a_key_is_free_again_when_its_job_has_ended(connection: Any) -> None:
    holder = await one(connection, "Send", unique_key="k")
    await connection.execute("SELECT jobrunner.cancel($1)", holder)
    again = await one(connection, "Send", unique_key="k")
    assert again != holder
    await connection.execute("SELECT jobrunner.cancel($1)", again)
    assert (await many(connection, [NewJob("Send", unique_key="k")]))[0] not in (holder, again)


def drive(steps: Steps[list[int]], *answers: list[Any]) -> list[int]:
    """Play the database: the race between finding a key taken and looking who has it."""
    next(steps)
    try:
        for answer in answers:
            steps.send(answer)
    except StopIteration as end:
        return end.value
    raise AssertionError("more answers were wanted")


def test_a_key_that_becomes_free_meanwhile() -> None:
    """Taken when the job is added, gone when its holder is looked up: it is added again, and only it."""
    jobs = [NewJob("Send"), NewJob("Send", unique_key="a"), NewJob("Send", unique_key="b")]
    ids = drive(
        enqueue_all(jobs),
        [],  # no definition
        [([11, 10], ["b", None], 1)],  # b and the plain one are added, a is taken
        [],  # and nobody has it
        [([12], ["a"], 1)],
    )
    assert ids == [10, 12, 11]


def test_a_key_that_is_never_still() -> None:
    answers = [[], *[[(None, None, 1)], []] * 10]
    with pytest.raises(Conflict, match="the unique key 'a' was taken and free again 10 times"):
        drive(enqueue_all([NewJob("Send", unique_key="a")]), *answers)


async def test_two_enqueue_the_same_key(connection: Any, database_url: str) -> None:
    """The second waits for the first one's transaction, and is given its job."""
    other = await asyncpg.connect(database_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        first = await one(connection, "Send", unique_key="k")
        waiting = asyncio.create_task(many(other, [NewJob("Send", unique_key="k"), NewJob("Send")]))
        async with asyncio.timeout(10):
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0)
        await transaction.commit()
        assert (await waiting)[0] == first
    finally:
        await other.close()


# Waking


@pytest.fixture
async def listener(database_url: str) -> AsyncIterator["tuple[Any, list[str]]"]:
    heard: list[str] = []
    connection = await asyncpg.connect(database_url)
    await connection.add_listener("jobrunner_wake", lambda *arguments: heard.append(arguments[3]))
    yield connection, heard
    await connection.close()


async def hear(listener: Any) -> list[str]:
    connection, heard = listener
    await connection.execute("SELECT 1")  # what was sent before has come by then
    notifications = heard[:]
    heard.clear()
    return notifications


async def test_one_notification_for_each_queue_and_statement(connection: Any, listener: Any) -> None:
    """F22: none while no daemon sleeps; else one for a queue, whatever the number of jobs."""
    await many(connection, [NewJob("Send")] * 5)
    await one(connection, "Send")
    assert await hear(listener) == []
    await connection.execute(
        """
        INSERT INTO jobrunner.daemon (id, name, host, pid, version, expires_at, asleep, definitions)
        VALUES (1, 'one', 'host', 1, '1', now() + interval '1 day', true, '{}')
        """
    )
    async with connection.transaction():
        await many(connection, [NewJob("Send", {"n": n}) for n in range(5 * PORTION)])
    assert await hear(listener) == ["main"]
    async with connection.transaction():
        await many(connection, [NewJob("Send", queue=f"q{n % 3}") for n in range(2 * PORTION)])
    assert sorted(await hear(listener)) == ["q0", "q1", "q2"]
    await one(connection, "Send", queue="q7")
    assert await hear(listener) == ["q7"]


# Ids


async def test_ids_beyond_32_bits(connection: Any) -> None:
    """F23: every sequence stands at 3,000,000,000."""
    await connection.execute(
        """
        SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 3000000000)
        FROM pg_sequences
        WHERE schemaname = 'jobrunner'
        """
    )
    assert await one(connection, "Send", unique_key="k") == 3_000_000_001
    assert await many(connection, [NewJob("Send"), NewJob("Send")]) == [3_000_000_002, 3_000_000_003]
    ids = await many(connection, [NewJob("Send"), NewJob("Send", unique_key="k")])
    assert ids == [3_000_000_004, 3_000_000_001]
    assert await connection.fetchval("SELECT jobrunner.cancel(3000000004)") == "Cancelled"


# Connections of the caller


async def test_asyncpg_in_the_callers_transaction(connection: Any, database_url: str) -> None:
    other = await asyncpg.connect(database_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await one(connection, "Send")
        await many(connection, [NewJob("Send")] * (PORTION + 1))
        assert await count(other) == 0
        await transaction.rollback()
        assert await count(other) == 0
        async with connection.transaction():
            await one(connection, "Send")
        assert await count(other) == 1
    finally:
        await other.close()


async def test_a_refusal_does_not_spoil_the_callers_transaction(connection: Any) -> None:
    async with connection.transaction():
        await one(connection, "Before")
        with pytest.raises(InvalidJobData):
            await one(connection, "Send", {"a": float("nan")})
        with pytest.raises(InvalidJobData):
            await many(connection, [NewJob("Send")] * PORTION + [NewJob("Send", nested(101))])
        await one(connection, "After")
    assert [row["name"] for row in await rows(connection)] == ["Before", "After"]


async def test_a_connection_of_ours_and_a_pool(connection: Any, database_url: str) -> None:
    ours = Connection(database_url, "test")
    pool = await asyncpg.create_pool(database_url, min_size=1, max_size=1)
    try:
        for line in (ours, pool):
            await one(line, "Send", {"a": 1})
            assert portion_for(line) is None, "one statement, since nothing else makes the call one whole"
            await many(line, [NewJob("Send")] * (PORTION + 1), portion_for(line))
        assert await count(connection) == 2 * (PORTION + 2)
    finally:
        await ours.close()
        await pool.close()


async def test_asyncpg_outside_a_transaction_takes_all_or_nothing(connection: Any) -> None:
    assert portion_for(connection) is None
    async with connection.transaction():
        assert portion_for(connection) == PORTION


async def test_asyncpg_with_decoded_jsonb(connection: Any) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    await one(connection, "Send", {"a": "b"})
    await many(connection, [NewJob("Send", {"a": "b"}), NewJob("Other", {"a": "b"})])
    found = await connection.fetch("SELECT data FROM jobrunner.job")
    assert [row["data"] for row in found] == [{"a": "b"}] * 3


def everything() -> list[NewJob]:
    return [
        NewJob("Send", {"a": "x\\y % $1"}),
        NewJob("Other", **ALL_OPTIONS),
        NewJob("Other", unique_key="k"),
        NewJob("Third", delay=timedelta(hours=1), target=("T", 5)),
    ]


def test_psycopg_in_the_callers_transaction(database_url: str) -> None:
    with psycopg.connect(database_url) as line, psycopg.connect(database_url, autocommit=True) as other:
        job_id = run_blocking(line, enqueue_one(NewJob("Send", {"a": "100 %"}, **{**ALL_OPTIONS, "unique_key": None})))
        ids = run_blocking(line, enqueue_all(everything(), portion=portion_for(line)))
        alike = run_blocking(line, enqueue_all([NewJob("Alike", {"n": n}) for n in range(3)]))
        assert len({job_id, *ids, *alike}) == 7
        assert ids[1] == ids[2]
        assert portion_for(line) == PORTION
        seen = "SELECT count(*), min(execute_at) FILTER (WHERE name = 'Other') FROM jobrunner.job"
        assert other.execute(seen).fetchone() == (0, None)
        line.commit()
        assert other.execute(seen).fetchone() == (7, datetime(2030, 1, 1, 11, 1, 30, tzinfo=UTC))
        run_blocking(line, enqueue_one(NewJob("Send")))
        line.rollback()
        assert other.execute(seen).fetchone()[0] == 7


def test_psycopg_with_autocommit_and_rows_as_dicts(database_url: str) -> None:
    from psycopg.rows import dict_row

    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as line:
        assert portion_for(line) is None
        assert len(run_blocking(line, enqueue_all(everything(), portion=None))) == 4
        with line.transaction():
            assert portion_for(line) == PORTION


async def test_psycopg_async(database_url: str, connection: Any) -> None:
    async with await psycopg.AsyncConnection.connect(database_url) as line:
        await one(line, "Send", {"a": 1})
        ids = await many(line, everything(), portion_for(line))
        assert len(set(ids)) == 3
        assert await count(connection) == 0
        await line.commit()
        assert await count(connection) == 4
        await many(line, [NewJob("Send")] * 3)
        await line.rollback()
    assert await count(connection) == 4


async def test_psycopgs_blocking_connection_on_an_event_loop(database_url: str, connection: Any) -> None:
    with psycopg.connect(database_url) as line:
        await one(line, "Send")
        await many(line, everything())
        assert await count(connection) == 0
    assert await count(connection) == 4


async def test_other_connections_are_refused(connection: Any) -> None:
    with pytest.raises(InvalidInput, match=r"of asyncpg or psycopg 3, got builtins\.object: pass the connection"):
        await one(object(), "Send")
    with pytest.raises(InvalidInput, match=r"a blocking client takes a psycopg\.Connection, got asyncpg"):
        run_blocking(connection, enqueue_one(NewJob("Send")))
