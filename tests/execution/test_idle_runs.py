"""Runs of schedules that find nothing to do leave no row, unless it is news."""

import asyncio
from typing import Any

from jobrunner.definitions import JobContext, Registry, Target
from tests.execution import slot_jobs
from tests.support.daemons import daemon, define, ended, until
from tests.support.proxy import Line, Proxy

EACH_SECOND = "INSERT INTO jobrunner.scheduled_job (name, job, crontab) VALUES ('idle', $1, '* * * * * *') RETURNING id"


async def discards(running: Any, count: int) -> None:
    async with asyncio.timeout(20):
        while running.host.runner.finisher.discarded < count:
            await asyncio.sleep(0.01)


async def left(connection: Any, where: str = "true") -> list[Any]:
    """The rows in their order, without those that are kept since firings folded into them, as on a slow machine."""
    kept: list[Any] = []
    for row in await connection.fetch(f"SELECT * FROM jobrunner.job_history WHERE {where} ORDER BY finished_at"):
        if not kept or row["status"] != kept[-1]["status"] or row["firing"] <= row["created_at"]:
            kept.append(row)
    return kept


async def test_an_idle_run_leaves_neither_row_nor_log(database_url: str, connection: Any) -> None:
    """Its claim and its group go as well: the next one runs. The first Success of all is kept."""
    registry = Registry()

    async def idle(ctx: JobContext) -> str:
        ctx.log.info("nothing was due")
        ctx.nothing_to_do()
        return "nothing"

    define(registry, idle)
    async with daemon(database_url, registry) as running:
        await connection.fetchval(EACH_SECOND, "idle")
        await discards(running, 3)
    (row,) = await left(connection)
    assert (row["status"], row["result"]) == ("Success", '"nothing"')
    told = await connection.fetch("SELECT DISTINCT job_id FROM jobrunner.job_log ORDER BY job_id")
    assert told == await connection.fetch("SELECT id AS job_id FROM jobrunner.job_history ORDER BY id")
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.claim") == 0
    assert running.host.runner.finisher.fenced == 0


async def test_a_blocking_job_may_be_idle_too(database_url: str, connection: Any) -> None:
    registry = Registry()
    define(registry, slot_jobs.idle)
    async with daemon(database_url, registry) as running:
        await connection.fetchval(EACH_SECOND, "idle")
        await discards(running, 2)
    assert len(await left(connection)) == 1


async def test_the_first_idle_run_after_a_failure_is_kept(database_url: str, connection: Any) -> None:
    """Else the failure would stand as the last word."""
    registry = Registry()
    runs = 0

    async def idle(ctx: JobContext) -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            raise RuntimeError("no luck")
        ctx.nothing_to_do()

    define(registry, idle, max_attempts=1)
    async with daemon(database_url, registry) as running:
        await connection.fetchval(EACH_SECOND, "idle")
        await discards(running, 3)
    assert [row["status"] for row in await left(connection)] == ["Success", "Failed", "Success"]


async def test_each_target_has_a_last_word_of_its_own(database_url: str, connection: Any) -> None:
    registry = Registry()

    async def accounts(ctx: JobContext) -> list[Target]:
        return [Target("account", "a"), Target("account", "b")]

    async def check(ctx: JobContext) -> None:
        ctx.nothing_to_do()

    define(registry, check, targets=accounts)
    async with daemon(database_url, registry) as running:
        await connection.fetchval(EACH_SECOND, "check")
        await discards(running, 4)
    for target in ("a", "b"):
        assert len(await left(connection, f"target_id = '{target}'")) == 1


async def test_a_preparator_without_targets_may_be_idle(database_url: str, connection: Any) -> None:
    registry = Registry()

    async def accounts(ctx: JobContext) -> list[Target]:
        ctx.nothing_to_do()
        return []

    async def check() -> None: ...

    define(registry, check, targets=accounts)
    async with daemon(database_url, registry) as running:
        await connection.fetchval(EACH_SECOND, "check")
        await discards(running, 2)
    assert len(await left(connection, "preparing")) == 1


async def test_what_was_asked_for_is_kept(database_url: str, connection: Any) -> None:
    """A job that somebody enqueued, or a scheduled job that a person ran: whoever has the id finds it."""
    registry = Registry()

    async def idle(ctx: JobContext) -> None:
        ctx.nothing_to_do()

    define(registry, idle)
    schedule = await connection.fetchval(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab) VALUES ('idle', 'idle', '0 0 1 1 *') RETURNING id"
    )
    async with daemon(database_url, registry):
        for _ in range(2):
            await ended(connection, await connection.fetchval("SELECT jobrunner.enqueue('idle')"))
            await ended(connection, await connection.fetchval("SELECT jobrunner.run_scheduled_job($1)", schedule))
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job_history") == 4


async def test_a_run_that_leaves_more_or_fails_is_kept(database_url: str, connection: Any) -> None:
    """Whatever it said before."""
    registry = Registry()
    runs = 0

    async def mixed(ctx: JobContext) -> None:
        nonlocal runs
        runs += 1
        ctx.nothing_to_do()
        if runs % 2:
            ctx.more()
        else:
            raise RuntimeError("no luck")

    define(registry, mixed, max_attempts=1)
    async with daemon(database_url, registry) as running:
        await connection.fetchval(EACH_SECOND, "mixed")
        await until(connection, "SELECT count(*) >= 4 FROM jobrunner.job_history")
    assert running.host.runner.finisher.discarded == 0


async def test_the_answer_to_a_discard_is_lost(database_url: str, connection: Any) -> None:
    """F03: the row is gone already: that is no loss of the claim, and the work goes on."""
    registry = Registry()
    cuts = 0
    prepared = False

    async def idle(ctx: JobContext) -> None:
        ctx.nothing_to_do()

    def cut_discard(data: bytes) -> bool:
        """Cut what comes right after the statement was prepared: its run."""
        nonlocal cuts, prepared
        if prepared and cuts < 2:
            cuts += 1
            prepared = False
            return True
        prepared = b"DELETE FROM jobrunner.job AS j\nUSING unnest" in data
        return False

    def arm(line: Line) -> None:
        if line.label == "jobrunner finish":
            line.after_request = cut_discard

    define(registry, idle)
    async with Proxy(database_url) as proxy:
        proxy.on_line = arm
        async with daemon(proxy.url, registry) as running:
            await connection.fetchval(EACH_SECOND, "idle")
            await discards(running, 3)
            assert running.host.runner.finisher.fenced == 0
    assert cuts == 2
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job") == 0
