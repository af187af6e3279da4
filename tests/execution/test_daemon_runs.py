"""Jobs from enqueue to history, in one daemon on a real database."""

import asyncio
import json
import logging
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from jobrunner.definitions import JobContext, Registry, Target
from jobrunner.errors import InvalidInput
from tests.execution import slot_jobs
from tests.support.daemons import daemon, define, ended, until


async def enqueue(connection: Any, name: str, data: dict[str, Any] | None = None, **options: Any) -> int:
    extra = "".join(f", {option} => ${place}" for place, option in enumerate(options, 3))
    job_id: int = await connection.fetchval(
        f"SELECT jobrunner.enqueue($1, $2{extra})", name, json.dumps(data or {}), *options.values()
    )
    return job_id


async def test_a_coroutine_gets_its_data_and_its_result_is_kept(database_url: str, connection: Any) -> None:
    registry = Registry()

    async def add(a: int, b: int = 1) -> int:
        return a + b

    define(registry, add)
    async with daemon(database_url, registry):
        (row,) = await ended(connection, await enqueue(connection, "add", {"a": 2}))
    assert (row["status"], json.loads(row["result"]), row["attempt"]) == ("Success", 3, 1)


async def test_an_error_is_tried_again_and_fails_at_the_last_attempt(database_url: str, connection: Any) -> None:
    registry = Registry()
    attempts = []

    async def boom(ctx: JobContext) -> None:
        attempts.append(ctx.attempt)
        ctx.log.warning("attempt %s", ctx.attempt)
        raise ValueError("no luck")

    define(registry, boom, max_attempts=3)
    async with daemon(database_url, registry):
        (row,) = await ended(connection, job := await enqueue(connection, "boom"))
    assert attempts == [1, 2, 3]
    assert row["status"] == "Failed"
    assert row["error"].startswith("ValueError: no luck\nTraceback")
    noted = await connection.fetch("SELECT attempt, outcome, error FROM jobrunner.attempt WHERE job_id = $1", job)
    assert [(note["attempt"], note["outcome"]) for note in noted] == [(1, "Error"), (2, "Error")]
    lines = await connection.fetch("SELECT attempt, level, message FROM jobrunner.job_log WHERE job_id = $1", job)
    said = [(line["attempt"], line["level"]) for line in lines if line["message"].startswith("attempt ")]
    assert said == [(1, logging.WARNING), (2, logging.WARNING), (3, logging.WARNING)]


async def test_an_error_of_ours_is_kept_as_its_sentence(database_url: str, connection: Any) -> None:
    """Of a coroutine and of a blocking job; where it was raised stands below."""
    registry = Registry()

    async def refused() -> None:
        raise InvalidInput("the moon is no place to send mail to; take one on earth")

    define(registry, refused, max_attempts=1)
    define(registry, slot_jobs.refused, "slot_refused", max_attempts=1)
    async with daemon(database_url, registry):
        rows = await ended(connection, await enqueue(connection, "refused"), await enqueue(connection, "slot_refused"))
    for row in rows:
        assert row["error"].startswith("the moon is no place to send mail to; take one on earth\nTraceback")


async def test_bad_data_fails_at_once_and_names_the_field(database_url: str, connection: Any) -> None:
    """F09: data written by hand that no longer validates."""
    registry = Registry()

    async def greet(name: str) -> None: ...

    define(registry, greet)
    async with daemon(database_url, registry):
        (row,) = await ended(connection, await enqueue(connection, "greet", {"nam": "x"}))
    assert (row["status"], row["attempt"]) == ("Failed", 1)
    assert "'nam'" in row["error"] or "'name' is missing" in row["error"]


async def test_a_job_that_no_daemon_knows_is_left_alone(database_url: str, connection: Any) -> None:
    """F09: unknown definitions are never discarded."""
    registry = Registry()

    async def known() -> None: ...

    define(registry, known)
    unknown = await enqueue(connection, "Unknown")
    async with daemon(database_url, registry):
        await ended(connection, await enqueue(connection, "known"))
        await asyncio.sleep(0)
    assert await connection.fetchval("SELECT status FROM jobrunner.job WHERE id = $1", unknown) == "Pending"


async def test_jobs_of_a_group_run_one_after_another_in_order(database_url: str, connection: Any) -> None:
    registry = Registry()
    order: list[int] = []
    running = 0

    async def step(number: int) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.01)
        order.append(number)
        running -= 1

    define(registry, step)
    jobs = [await enqueue(connection, "step", {"number": number}, group_name="g") for number in range(8)]
    async with daemon(database_url, registry):
        rows = await ended(connection, *jobs)
    assert order == list(range(8))
    assert {row["status"] for row in rows} == {"Success"}


async def test_a_group_waits_for_a_retry_and_goes_on_after_a_failure(database_url: str, connection: Any) -> None:
    registry = Registry()
    order: list[str] = []

    async def first(ctx: JobContext) -> None:
        order.append(f"first {ctx.attempt}")
        raise RuntimeError

    async def second() -> None:
        order.append("second")

    define(registry, first, max_attempts=2, pause=lambda attempt: 0.2)
    define(registry, second)
    async with daemon(database_url, registry):
        jobs = [await enqueue(connection, name, group_name="g") for name in ("first", "second")]
        rows = await ended(connection, *jobs)
    assert order == ["first 1", "first 2", "second"]
    assert [row["status"] for row in rows] == ["Failed", "Success"]


async def test_a_delayed_job_starts_at_its_time(database_url: str, connection: Any) -> None:
    registry = Registry()

    async def later() -> None: ...

    define(registry, later)
    async with daemon(database_url, registry):
        job = await connection.fetchval("SELECT jobrunner.enqueue('later', delay => interval '300 ms')")
        (row,) = await ended(connection, job)
    late = (row["started_at"] - row["execute_at"]).total_seconds()
    assert 0 <= late < 5, "never early; the limit only catches a poll in place of a timer"


async def test_priority_goes_first(database_url: str, connection: Any) -> None:
    registry = Registry()
    order: list[str] = []

    async def note(word: str) -> None:
        order.append(word)

    define(registry, note)
    for word, priority in (("late", 5), ("usual", 0), ("early", -5)):
        last = await enqueue(connection, "note", {"word": word}, priority=priority)
    async with daemon(database_url, registry):
        await ended(connection, last, last - 1, last - 2)
    assert order == ["early", "usual", "late"]


async def test_a_running_job_is_cancelled_by_sql(database_url: str, connection: Any) -> None:
    registry = Registry()
    started = asyncio.Event()

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    define(registry, endless)
    async with daemon(database_url, registry):
        job = await enqueue(connection, "endless")
        await started.wait()
        assert await connection.fetchval("SELECT jobrunner.cancel($1)", job) == "Requested"
        (row,) = await ended(connection, job)
    assert row["status"] == "Cancelled"


async def test_a_coroutine_is_stopped_at_its_deadline(database_url: str, connection: Any) -> None:
    registry = Registry()
    cleaned = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    define(registry, slow, deadline=0.2, max_attempts=1)
    async with daemon(database_url, registry):
        (row,) = await ended(connection, await enqueue(connection, "slow"))
    assert cleaned.is_set()
    assert row["status"] == "Failed"
    assert "deadline of 0.2 s" in row["error"]


async def test_a_coroutine_that_swallows_its_cancellation_is_given_up(
    database_url: str, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F37: Failed "did not stop", its place is free, it is counted."""
    monkeypatch.setattr("jobrunner.execution.runner.STOP_LIMIT", 0.3)
    registry = Registry()
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except BaseException:
                continue

    define(registry, stubborn, deadline=0.2, max_attempts=1)
    async with daemon(database_url, registry) as running:
        (row,) = await ended(connection, await enqueue(connection, "stubborn"))
        assert running.host.runner.did_not_stop == 1
        assert running.host.runner.attempts == {}
        release.set()
    assert row["status"] == "Failed"
    assert "did not stop" in row["error"]


async def test_own_writes_and_success_are_one_transaction(database_url: str, connection: Any) -> None:
    registry = Registry()
    await connection.execute("CREATE TABLE public.effect (job bigint)")

    async def effect(ctx: JobContext) -> None:
        async with ctx.complete_in_transaction() as database:
            await database.execute("INSERT INTO public.effect VALUES ($1)", ctx.job_id)

    define(registry, effect)
    async with daemon(database_url, registry):
        (row,) = await ended(connection, job := await enqueue(connection, "effect"))
    assert row["status"] == "Success"
    assert await connection.fetch("SELECT job FROM public.effect") == [(job,)]


async def test_a_lost_claim_rolls_back_the_jobs_own_writes(database_url: str, connection: Any) -> None:
    """F04: every write carries the claim; one that is gone hits no row."""
    registry = Registry()
    await connection.execute("CREATE TABLE public.effect (attempt integer)")
    taken_over = asyncio.Event()

    async def effect(ctx: JobContext) -> None:
        if ctx.attempt == 1:
            async with ctx.complete_in_transaction() as database:
                await database.execute("INSERT INTO public.effect VALUES (1)")
                await connection.execute(
                    "UPDATE jobrunner.job SET claim_id = 1 WHERE id = $1", ctx.job_id
                )  # as a second claim would
                taken_over.set()

    define(registry, effect)
    async with daemon(database_url, registry) as running:
        job = await enqueue(connection, "effect")
        await taken_over.wait()
        async with asyncio.timeout(10):
            await running.host.runner.finisher.drained()
            while running.host.runner.held:
                await asyncio.sleep(0.01)
        assert running.host.runner.finisher.fenced == 1
    assert await connection.fetchval("SELECT count(*) FROM public.effect") == 0
    assert await connection.fetchval("SELECT status FROM jobrunner.job WHERE id = $1", job) == "Running"


async def test_a_preparator_fans_out_and_each_target_gets_a_job(database_url: str, connection: Any) -> None:
    registry = Registry()
    seen: list[tuple[str | None, str | None]] = []

    async def accounts(ctx: JobContext) -> list[Target]:
        return [Target("account", name) for name in ("a", "b")]

    async def check(ctx: JobContext) -> None:
        assert ctx.target is not None
        seen.append((ctx.target.type, ctx.target.id))

    define(registry, check, targets=accounts)
    async with daemon(database_url, registry):
        await connection.execute(
            "INSERT INTO jobrunner.scheduled_job (name, job, crontab) VALUES ('check', 'check', '* * * * * *')"
        )
        await until(
            connection, "SELECT count(*) >= 2 FROM jobrunner.job_history WHERE status = 'Success' AND NOT preparing"
        )
    assert set(seen) == {("account", "a"), ("account", "b")}


@pytest.mark.parametrize("is_kept", [True, False])
async def test_an_edit_that_stays_open_holds_up_no_end_but_its_own(
    database_url: str, connection: Any, is_kept: bool
) -> None:
    """F32: a preparing job that ends amid it waits until the edit is committed or given up."""
    registry = Registry()
    prepared, editing = asyncio.Event(), asyncio.Event()

    async def accounts(ctx: JobContext) -> list[Target]:
        prepared.set()
        await editing.wait()
        return [Target("account", "a"), Target("account", "b")]

    async def check(ctx: JobContext) -> None:
        pass

    async def other() -> None:
        pass

    define(registry, check, targets=accounts)
    define(registry, other)
    schedule = await connection.fetchval(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab) VALUES ('check', 'check', '0 0 1 1 *') RETURNING id"
    )
    async with daemon(database_url, registry) as running:
        finisher = running.host.runner.finisher
        preparing = await connection.fetchval("SELECT jobrunner.run_scheduled_job($1)", schedule)
        await prepared.wait()
        editor = await asyncpg.connect(database_url)
        edit = editor.transaction()
        await edit.start()
        await editor.execute("UPDATE jobrunner.scheduled_job SET name = 'checks'")
        editing.set()
        async with asyncio.timeout(10):
            while finisher.waiting != 1:  # it has ended, and is held
                await asyncio.sleep(0.01)
        for _ in range(3):
            assert (await ended(connection, await enqueue(connection, "other")))[0]["status"] == "Success"
        assert await connection.fetchval("SELECT status FROM jobrunner.job WHERE id = $1", preparing) == "Running"
        await (edit.commit() if is_kept else edit.rollback())
        await editor.close()
        assert (await ended(connection, preparing))[0]["status"] == "Success"
        await until(connection, "SELECT count(*) = 2 FROM jobrunner.job_history WHERE name = 'check' AND NOT preparing")
        assert finisher.fenced == 0
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.claim") == 0


async def test_progress_is_written_while_it_runs(database_url: str, connection: Any) -> None:
    registry = Registry()
    release = asyncio.Event()

    async def walk(ctx: JobContext) -> None:
        ctx.progress(0.25, "a quarter")
        await release.wait()

    define(registry, walk)
    async with daemon(database_url, registry):
        job = await enqueue(connection, "walk")
        query = "SELECT progress_message FROM jobrunner.job WHERE id = $1 AND progress = 0.25"
        assert await until(connection, query, job) == "a quarter"
        release.set()
        await ended(connection, job)


async def test_a_stopped_daemon_returns_its_jobs_without_using_an_attempt(database_url: str, connection: Any) -> None:
    registry = Registry()
    started = asyncio.Event()

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    define(registry, endless)
    job = await enqueue(connection, "endless")
    async with daemon(database_url, registry, grace=0):
        await started.wait()
    row = await connection.fetchrow("SELECT status, attempt, claim_id FROM jobrunner.job WHERE id = $1", job)
    assert tuple(row) == ("Pending", 0, None)
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.daemon") == 0
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.claim") == 0


async def test_a_result_that_cannot_be_stored_does_not_keep_others_from_it(database_url: str, connection: Any) -> None:
    """F42: shortened with a note."""
    registry = Registry()

    async def odd(kind: str) -> Any:
        return {"object": object(), "large": "x" * 10_000_000, "nul": "\0", "fine": 1}[kind]

    define(registry, odd)
    define(registry, slot_jobs.return_object)
    async with daemon(database_url, registry):
        jobs = [await enqueue(connection, "odd", {"kind": kind}) for kind in ("object", "large", "nul", "fine")]
        jobs.append(await enqueue(connection, "return_object"))
        rows = await ended(connection, *jobs)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Success", 1)}, "what is done is not done again"
    assert "note" in json.loads(rows[4]["result"]), "of a blocking job, too"
    assert "note" in json.loads(rows[0]["result"])
    assert "note" in json.loads(rows[1]["result"])
    assert json.loads(rows[3]["result"]) == 1


async def test_a_claim_changes_no_index(database_url: str, connection: Any) -> None:
    """Claims are HOT updates: one new index on what a claim writes would silently cost a third of the throughput."""
    registry = Registry()

    async def noop() -> None: ...

    define(registry, noop)
    await connection.execute("INSERT INTO jobrunner.job (name) SELECT 'noop' FROM generate_series(1, 2000)")
    async with daemon(database_url, registry):
        await until(connection, "SELECT count(*) = 2000 FROM jobrunner.job_history")
    query = """
        SELECT n_tup_upd >= 2000 AND n_tup_hot_upd > n_tup_upd * 0.8
        FROM pg_stat_user_tables WHERE relid = 'jobrunner.job'::regclass
    """
    assert await until(connection, query, limit=5)


async def test_settings_are_live(database_url: str, connection: Any) -> None:
    registry = Registry()
    ran = asyncio.Event()

    async def noop() -> None:
        ran.set()

    define(registry, noop)
    await connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('paused', 'true')")
    async with daemon(database_url, registry) as running:
        await enqueue(connection, "noop")
        async with asyncio.timeout(10):
            while not running.host.settings.paused:
                await asyncio.sleep(0.01)
        assert not ran.is_set()
        await connection.execute("DELETE FROM jobrunner.setting")
        async with asyncio.timeout(10):
            await ran.wait()


async def test_every_enqueue_is_heard_also_while_it_falls_asleep(database_url: str, connection: Any) -> None:
    """P7: the enqueue that overlaps a daemon's falling asleep is found by looking again, not by the poll."""
    registry = Registry()

    async def noop() -> None: ...

    define(registry, noop)
    other = await asyncpg.connect(database_url)
    try:
        async with daemon(database_url, registry) as running:
            claimer = running.claimer
            async with asyncio.timeout(10):
                while claimer._asleep and claimer._horizon is not None:
                    await asyncio.sleep(0.01)
            # A transaction that enqueues while the daemon is awake, and commits after it has fallen asleep.
            claimer._asleep = False
            await connection.execute("UPDATE jobrunner.daemon SET asleep = false")
            transaction = other.transaction()
            await transaction.start()
            job = await enqueue(other, "noop")
            claimer.wake()
            await until(connection, "SELECT asleep FROM jobrunner.daemon")
            await transaction.commit()
            (row,) = await ended(connection, job, limit=5)  # the poll would come after ten
            assert row["status"] == "Success"
    finally:
        await other.close()


async def test_jobs_queued_before_their_definition_was_known_become_what_it_says(
    database_url: str, connection: Any
) -> None:
    """F09: a firing of a fan-out that no daemon knew yet prepares once one does."""
    registry = Registry()
    seen: list[str | None] = []

    async def accounts(ctx: JobContext) -> list[Target]:
        return [Target("account", "a")]

    async def check(ctx: JobContext) -> None:
        seen.append(ctx.target.id if ctx.target else None)

    schedule = await connection.fetchval(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab) VALUES ('check', 'check', '0 0 1 1 *') RETURNING id"
    )
    await connection.fetch("SELECT jobrunner.run_scheduled_job($1)", schedule)
    assert await connection.fetchval("SELECT preparing FROM jobrunner.job") is False
    define(registry, check, targets=accounts)
    async with daemon(database_url, registry):
        await until(connection, "SELECT count(*) = 2 FROM jobrunner.job_history WHERE status = 'Success'")
    assert seen == ["a"]


async def test_a_blocking_job_knows_its_target_and_the_firing_it_stands_for(database_url: str, connection: Any) -> None:
    registry = Registry()

    async def accounts(ctx: JobContext) -> list[Target]:
        return [Target("account", "7")]

    define(registry, slot_jobs.told, targets=accounts)
    async with daemon(database_url, registry):
        await connection.execute(
            "INSERT INTO jobrunner.scheduled_job (name, job, crontab, data) "
            "VALUES ('told', 'told', '* * * * * *', '{\"extra\": \"x\"}')"
        )
        row = await until(connection, "SELECT h FROM jobrunner.job_history AS h WHERE NOT h.preparing LIMIT 1")
    assert row["status"] == "Success", row["error"]
    told = json.loads(row["result"])
    assert told["target"] == ["account", "7"]
    assert datetime.fromisoformat(told["firing"]) == row["firing"]
