"""Runs that are broken off, lost or late: nothing is lost, what is doubled has the same id, nothing counts twice."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from aiohttp import web

from jobrunner.db.pool import prepare
from jobrunner.db.sql import load
from jobrunner.services.webhooks import sending
from jobrunner.services.webhooks.sending.feeder import Fed, Feeder, Wanted
from jobrunner.services.webhooks.sending.run import Run
from jobrunner.services.webhooks.sending.webhook import Webhook
from jobrunner.services.webhooks.table import remove_webhook
from tests.services.webhooks.stage import LIMIT, SOMEBODY_WAITS, Arrival, Stage, answers
from tests.support.daemons import until
from tests.support.proxy import Proxy

IDLE = "jobrunner.services.webhooks.sending.watch.AWAKE_IDLE"


async def broken_off(stage: Stage, task: "asyncio.Task[Any]", arrivals: int) -> None:
    """Cancel a run once so many requests have arrived."""
    await stage.endpoints.until(lambda: len(stage.endpoints.arrivals) >= arrivals)
    task.cancel()
    await asyncio.wait([task])


async def test_broken_off_amid_a_request_that_goes_again_with_the_same_id(stage: Stage):
    stage.endpoints.answers["/a"] = stage.endpoints.hang
    await stage.webhook()
    await stage.emit(1, 2)
    await broken_off(stage, asyncio.create_task(stage.run()), 1)
    stage.endpoints.answers.clear()
    await stage.emit(3)
    await stage.run()
    first, again, later = stage.endpoints.arrivals
    assert (first.message_id, first.body) == (again.message_id, again.body)
    assert (again.headers["webhook-attempt"], later.numbers) == ("1", [3])


async def test_what_a_lost_run_has_is_taken_at_once(stage: Stage):
    """Its job does not run any more: its time need not run out."""
    await stage.webhook()
    await stage.emit(1)
    await stage.pool.execute(
        "UPDATE jobrunner.webhook SET sender_token = 5, sender_job = 77, sender_claim = 78,"
        " sender_until = now() + interval '10 minutes'"
    )
    await stage.run()
    assert stage.endpoints.numbers("/a") == [1]


async def test_what_another_has_is_left_alone(stage: Stage):
    await stage.webhook()
    await stage.emit(1)
    await stage.pool.execute(
        "UPDATE jobrunner.webhook SET sender_token = 5, sender_until = now() + interval '1 minute'"
    )
    await stage.pool.execute("DELETE FROM jobrunner.job")
    assert (await stage.run()).requests == 0
    at = await stage.pool.fetchval(
        "SELECT j.execute_at - w.sender_until FROM jobrunner.job AS j, jobrunner.webhook AS w"
    )
    assert timedelta() <= at < timedelta(seconds=1), "the job comes when the lease is over"
    await stage.pool.execute("UPDATE jobrunner.webhook SET sender_until = now() - interval '1 second'")
    await stage.run()
    assert stage.endpoints.numbers("/a") == [1]


async def test_a_failure_that_is_late_changes_nothing(stage: Stage):
    """Frozen amid a request, and meanwhile another has the webhook: what it brings is not its business any more."""

    async def steal(arrival: Arrival) -> web.Response:
        await stage.pool.execute("UPDATE jobrunner.webhook SET sender_token = 5")
        return web.Response(status=500)

    stage.endpoints.answers["/a"] = steal
    webhook = await stage.webhook(format="standard")
    await stage.emit(1, 2)
    await stage.run()
    assert len(stage.endpoints.arrivals) == 1
    assert await stage.statuses() == ["Pending", "Pending"]
    assert await stage.of(webhook, "failures", "health::text", "sender_token") == (0, "healthy", 5)
    assert await stage.attempts() == []


async def test_a_success_that_is_late_is_one(stage: Stage):
    async def steal(arrival: Arrival) -> web.Response:
        await stage.pool.execute("UPDATE jobrunner.webhook SET sender_token = 5")
        return web.Response()

    stage.endpoints.answers["/a"] = steal
    await stage.webhook(format="standard")
    await stage.emit(1, 2)
    await stage.run()
    assert await stage.statuses() == ["Success", "Pending"]
    assert len(stage.endpoints.arrivals) == 1, "the next one is the other's"


@pytest.mark.parametrize("failures", [0, 1])
async def test_of_a_webhook_that_is_removed_amid_a_request_nothing_is_left(stage: Stage, failures: int):
    stage.endpoints.answers["/a"] = answers(500)
    webhook = await stage.webhook()
    await stage.emit(1)
    if failures:
        await stage.run()
        await stage.pass_time(hours=1)

    async def remove(arrival: Arrival) -> web.Response:
        async with stage.connect() as connection:
            await remove_webhook(connection, str(webhook))
        return web.Response()

    stage.endpoints.answers["/a"] = remove
    await stage.run()
    assert await stage.statuses() == []
    assert await stage.attempts() == []


async def test_of_a_webhook_that_another_has_nothing_is_fed(stage: Stage):
    """Neither what is fixed already nor what is new: a lane that has lost its lease ends."""
    stage.endpoints.answers["/a"] = answers(500)
    id = await stage.webhook(format="standard")
    await stage.emit(1, 2)
    await stage.run()
    await stage.pass_time(hours=1)
    webhook = Webhook(id, 1, "E.create", "", "", "", True, False, 0, None, None)
    async with stage.connect() as connection:
        feeder = Feeder(connection, 7, batch_size=50, max_body=65_536)
        feeder.gatherer.start()
        assert await feeder.gatherer.ask(Wanted(webhook, 0)) == Fed([], 0)
        await connection.execute("UPDATE jobrunner.webhook SET sender_token = 7, sender_until = now()")
        fed = await feeder.gatherer.ask(Wanted(webhook, 0))
        await feeder.gatherer.close()
    assert [(batch.numbers, batch.attempt) for batch in fed.batches] == [((1,), 2), ((2,), 1)]


async def run_twice(stage: Stage, statement: str) -> None:
    """Run with a database whose first answer to each statement of this name is lost: the statement goes again."""
    query_of_it = load(sending.__name__, statement)

    class Twice:
        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
            if query == query_of_it:
                await self._connection.fetch(query, *arguments, **options)
            return await self._connection.fetch(query, *arguments, **options)

    @asynccontextmanager
    async def connect() -> Any:
        async with stage.connect() as connection:
            yield Twice(connection)

    async with asyncio.timeout(LIMIT):
        await Run(connect, stage.configuration).send()


async def test_results_that_are_written_twice_count_once(stage: Stage):
    await stage.user("ann")
    stage.endpoints.answers["/a"] = answers(500)
    webhook = await stage.webhook(owner_id="ann")
    await stage.webhook(path="/b")
    await stage.emit(1)
    await run_twice(stage, "finish_batches")
    assert await stage.of(webhook, "failures") == 1
    assert await stage.deliveries("status::text", "attempts") == [("Pending", 1), ("Success", 1)]
    assert len(await stage.attempts()) == 2


async def test_a_refusal_that_is_written_twice_is_put_off_once(stage: Stage):
    """What is refused alone keeps the lease: only the attempt tells that it is stored already."""
    stage.endpoints.answers["/a"] = answers(422)
    await stage.webhook(format="standard")
    await stage.emit(1)
    await run_twice(stage, "finish_batches")
    assert await stage.deliveries("status::text", "attempts") == [("Pending", 1)]
    (attempt,) = await stage.attempts()
    until_next = await stage.pool.fetchval("SELECT process_at FROM jobrunner.webhook_delivery") - attempt["started_at"]
    assert until_next < timedelta(seconds=30)


@pytest.mark.parametrize("statement", ["take_webhooks", "freeze_batches", "fan_out_events", "note_successes"])
async def test_a_statement_whose_answer_was_lost_holds_nothing_up(stage: Stage, statement: str):
    await stage.webhook(format="standard")
    await stage.emit(1, 2)
    await run_twice(stage, statement)
    assert stage.endpoints.numbers("/a") == [1, 2]
    assert await stage.deliveries("status::text", "attempts") == [("Success", 1), ("Success", 1)]


async def test_what_others_hold_for_a_key_is_taken_all_the_same(stage: Stage):
    """Whoever adds a delivery, or lays events out, has the webhook's key until the commit."""
    await stage.webhook()
    await stage.emit(1)
    async with stage.connect() as other, other.transaction():
        await other.fetch("SELECT FROM jobrunner.webhook AS w FOR KEY SHARE")
        running = asyncio.create_task(stage.run())
        await stage.endpoints.until(lambda: stage.endpoints.arrivals)
    await running
    assert stage.endpoints.numbers("/a") == [1]


async def test_two_lay_out_the_same_events_once(stage: Stage):
    await stage.webhook(format="standard")
    await stage.webhook("E.*", "/b")
    await stage.emit(*range(200))
    await stage.setting("webhook_event_portion", 7)
    two = Stage(stage.pool, stage.url, stage.endpoints)

    def loop() -> None:
        asyncio.run(in_another_process())

    async def in_another_process() -> None:
        async with asyncpg.create_pool(stage.url, init=prepare, min_size=0, max_size=8) as pool:
            two.pool = pool
            await two.run()

    await asyncio.gather(stage.run(), asyncio.to_thread(loop))
    await stage.run()
    assert stage.endpoints.numbers("/a") == list(range(200))
    assert stage.endpoints.numbers("/b") == list(range(200))


async def test_what_another_is_laying_out_goes_before_what_comes_after_it(stage: Stage):
    await stage.webhook(format="standard")
    await stage.emit(*range(6))
    async with stage.connect() as other, other.transaction():
        (row,) = await other.fetch(load(sending.__name__, "fan_out_events"), 3)
        assert row["events"] == 3
        running = asyncio.create_task(stage.run())
        await until(stage.pool, "SELECT EXISTS (SELECT FROM jobrunner.webhook_run)")
        await until(stage.pool, "SELECT NOT EXISTS (SELECT FROM jobrunner.webhook_run)")
        assert stage.endpoints.numbers("/a") == [], "it has looked, and fallen asleep"
    await running
    assert stage.endpoints.numbers("/a") == list(range(6))


async def test_broken_off_while_it_lays_out_nothing_is_half_done(stage: Stage):
    await stage.webhook()
    await stage.emit(*range(30))
    other = await asyncpg.connect(stage.url)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE jobrunner.webhook_delivery IN EXCLUSIVE MODE")
            task = asyncio.create_task(stage.run())
            await until(stage.pool, SOMEBODY_WAITS)
            task.cancel()
            await asyncio.wait([task])
    finally:
        await other.close()
    assert await stage.statuses() == []
    await stage.run()
    assert stage.endpoints.numbers("/a") == list(range(30))


async def test_a_result_outlives_the_database_that_is_away(stage: Stage):
    """The endpoint has it, then all connections break: the result is kept, and stored when the database is back."""
    async with Proxy(stage.url) as proxy:

        def cut(arrival: Arrival) -> web.Response:
            for line in proxy.lines:
                line.cut()
            return web.Response()

        stage.endpoints.answers["/a"] = cut
        await stage.webhook(format="standard")
        await stage.emit(1, 2, 3)
        async with asyncpg.create_pool(proxy.url, init=prepare, min_size=0, max_size=8) as pool:

            @asynccontextmanager
            async def connect() -> Any:
                async with pool.acquire() as connection:
                    yield connection

            await Run(connect, stage.configuration).send()
    assert stage.endpoints.numbers("/a") == [1, 2, 3], "none of them twice"
    assert await stage.statuses() == ["Success"] * 3


async def test_events_of_transactions_that_commit_late_are_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """It saw a run awake and therefore woke nobody, and commits when that has fallen asleep: the run still looks."""
    monkeypatch.setattr(IDLE, 60.0)
    await stage.webhook()
    await stage.emit(0)
    other = await asyncpg.connect(stage.url)
    try:
        transaction = other.transaction()
        running = asyncio.create_task(stage.run(limit=60))
        await stage.endpoints.until(lambda: stage.endpoints.arrivals)
        await transaction.start()
        await other.fetchval("SELECT jobrunner.emit('E.create', '{\"n\": 1}')")
        assert await other.fetchval("SELECT count(*) FROM jobrunner.job WHERE created_at = now()") == 0
        monkeypatch.setattr(IDLE, 0.0)
        await until(stage.pool, "SELECT NOT EXISTS (SELECT FROM jobrunner.webhook_run)")
        assert stage.endpoints.numbers("/a") == [0]
        await transaction.commit()
        await running
    finally:
        await other.close()
    assert stage.endpoints.numbers("/a") == [0, 1]
