"""A run: events become requests, in order, once."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from aiohttp import web
from standardwebhooks import Webhook as Verifier

from tests.services.webhooks.stage import Arrival, Stage, answers


async def test_nothing_to_do(stage: Stage):
    report = await stage.run()
    assert report.found_nothing
    assert not report.has_more


async def test_events_arrive_in_the_order_of_their_numbers(stage: Stage):
    await stage.webhook(format="standard")
    await stage.emit(*range(100))
    report = await stage.run()
    assert stage.endpoints.numbers("/a") == list(range(100))
    assert (report.events, report.requests, report.delivered) == (100, 100, 100)
    assert await stage.statuses() == ["Success"] * 100


async def test_an_array_holds_a_batch(stage: Stage):
    await stage.webhook()
    await stage.emit(*range(120))
    await stage.run()
    assert [one.numbers for one in stage.endpoints.arrivals] == [
        list(range(50)),
        list(range(50, 100)),
        list(range(100, 120)),
    ]


async def test_a_batch_is_of_one_event(stage: Stage):
    await stage.webhook("E.*")
    await stage.emit(1, 2)
    await stage.emit(3, event="E.update")
    await stage.emit(4, 5)
    await stage.run()
    assert [(one.headers["webhook-event"], one.numbers) for one in stage.endpoints.arrivals] == [
        ("E.create", [1, 2]),
        ("E.update", [3]),
        ("E.create", [4, 5]),
    ]


async def test_a_batch_is_cut_to_the_limit_of_a_body(stage: Stage):
    await stage.setting("webhook_max_body", 64)
    await stage.webhook()
    await stage.emit(1, 2, 3, data={"text": "ä" * 14_000})
    await stage.run()
    assert [one.numbers for one in stage.endpoints.arrivals] == [[1, 2], [3]]
    assert all(len(one.body) <= 65_536 for one in stage.endpoints.arrivals)


async def test_the_body_of_the_format_standard(stage: Stage):
    await stage.webhook(format="standard")
    await stage.emit(7, data={"name": "Zoë"})
    await stage.run()
    (arrival,) = stage.endpoints.arrivals
    body = json.loads(arrival.body)
    assert body == {"type": "E.create", "timestamp": body["timestamp"], "data": {"n": 7, "name": "Zoë"}}
    occurred = await stage.pool.fetchval("SELECT occurred_at FROM jobrunner.webhook_event")
    assert datetime.fromisoformat(body["timestamp"]) == occurred
    assert body["timestamp"].endswith("Z")


async def test_each_request_is_signed_in_all_ways(stage: Stage):
    webhook = await stage.webhook(x_signature=True)
    await stage.emit(1)
    await stage.run()
    (arrival,) = stage.endpoints.arrivals
    Verifier(stage.secrets[webhook]).verify(arrival.body, arrival.headers)
    assert arrival.headers["webhook-attempt"] == "1"
    assert arrival.headers["content-type"] == "application/json"
    assert {"signature", "x-signature"} <= arrival.headers.keys()


async def test_a_secret_of_espo_signs_as_it_did(stage: Stage):
    await stage.webhook(secret="00112233445566778899aabbccddeeff")
    await stage.emit(1)
    await stage.run()
    (arrival,) = stage.endpoints.arrivals
    Verifier("00112233445566778899aabbccddeeff").verify(arrival.body, arrival.headers)


async def test_many_webhooks_of_many_events(stage: Stage):
    for number in range(20):
        await stage.webhook(f"E{number}.create", f"/{number}", format="standard" if number % 2 else "array")
    for round in range(5):
        for number in range(20):
            await stage.emit(*range(10 * round, 10 * round + 10), event=f"E{number}.create")
    await stage.run()
    for number in range(20):
        assert stage.endpoints.numbers(f"/{number}") == list(range(50))


async def test_what_comes_while_it_runs_goes_too(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jobrunner.services.webhooks.sending.watch.AWAKE_IDLE", 60.0)
    await stage.webhook(format="standard")
    await stage.emit(0)
    running = asyncio.create_task(stage.run(limit=60))
    for number in range(1, 30):
        await stage.endpoints.until(lambda number=number: len(stage.endpoints.arrivals) >= number)
        await stage.emit(number)
    await stage.endpoints.until(lambda: len(stage.endpoints.arrivals) >= 30)
    monkeypatch.setattr("jobrunner.services.webhooks.sending.watch.AWAKE_IDLE", 0.0)
    await running
    assert stage.endpoints.numbers("/a") == list(range(30))


async def test_one_request_of_a_webhook_is_under_way_at_a_time(stage: Stage):
    under_way = most = 0

    async def slowly(arrival: Arrival) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.002)
        under_way -= 1
        return web.Response()

    stage.endpoints.answers["/a"] = slowly
    await stage.webhook(format="standard")
    await stage.emit(*range(30))
    await asyncio.gather(stage.run(), stage.run())
    await stage.run()
    assert most == 1
    assert stage.endpoints.numbers("/a") == list(range(30))


async def test_own_events_are_skipped(stage: Stage):
    await stage.user("ann")
    await stage.webhook(owner_id="ann", skip_own=True)
    await stage.webhook(path="/b", owner_id="ann")
    await stage.emit(1, user="ann")
    await stage.emit(2, user="bob")
    await stage.emit(3)
    await stage.run()
    assert stage.endpoints.numbers("/a") == [2, 3]
    assert stage.endpoints.numbers("/b") == [1, 2, 3]


async def test_a_hanging_endpoint_holds_up_nobody(stage: Stage):
    """F53: beside one that hangs the others get everything; it costs one request of the limit of time."""
    await stage.setting("webhook_timeout", 2)

    stage.endpoints.answers["/hangs"] = stage.endpoints.hang
    hanging = await stage.webhook(path="/hangs", format="standard")
    for number in range(8):
        await stage.webhook(path=f"/{number}", format="standard")
    await stage.emit(*range(20))
    report = await stage.run()
    for number in range(8):
        assert stage.endpoints.numbers(f"/{number}") == list(range(20))
    assert stage.endpoints.numbers("/hangs") == [0]
    assert await stage.statuses(hanging) == ["Pending"] * 20
    health, pause = await stage.of(hanging, "health::text", "next_attempt_at - now() > interval '45 seconds'")
    assert (health, pause) == ("backing_off", True), "a minute at least after a time-out"
    assert report.put_off == 1


@pytest.mark.parametrize("delay", ["315360000", "Fri, 31 Dec 2123 23:59:59 GMT"])
async def test_no_endpoint_makes_us_wait_longer_than_a_day(stage: Stage, delay: str):
    """F53: `Retry-After: 10 years`."""
    stage.endpoints.answers["/a"] = answers(503, headers={"Retry-After": delay})
    webhook = await stage.webhook()
    await stage.emit(1)
    await stage.run()
    wait = await stage.of(webhook, "next_attempt_at - now()")
    assert 86_000 < wait.total_seconds() <= 86_400


async def test_redirects_are_not_followed(stage: Stage):
    """F53: a redirect in a circle."""
    stage.endpoints.answers["/a"] = answers(307, headers={"Location": stage.endpoints.url("/a")})
    webhook = await stage.webhook()
    await stage.emit(1)
    await stage.run()
    assert len(stage.endpoints.arrivals) == 1
    reason = await stage.of(webhook, "last_error")
    assert f"a redirect to http://127.0.0.1:{stage.endpoints.port};" in reason


async def test_its_time_slice_over_it_leaves_the_rest_to_the_next(stage: Stage):
    await stage.webhook(format="standard")
    await stage.emit(*range(10))
    await stage.pool.execute("DELETE FROM jobrunner.job")
    report = await stage.run(time_slice=0.0)
    assert report.has_more
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.job WHERE name = 'ProcessWebhookQueue'") >= 1
    await stage.run()
    assert stage.endpoints.numbers("/a") == list(range(10))


async def test_asked_to_end_it_finishes_what_is_under_way(stage: Stage):
    asked = False

    def answer(arrival: Arrival) -> web.Response:
        nonlocal asked
        asked = True
        return web.Response()

    stage.endpoints.answers["/a"] = answer
    await stage.webhook(format="standard")
    await stage.emit(*range(50))
    report = await stage.run(cancelled=lambda: asked)
    assert report.has_more
    assert 1 <= len(stage.endpoints.arrivals) == (await stage.statuses()).count("Success")
    await stage.run()
    assert stage.endpoints.numbers("/a") == list(range(50))


async def test_attempts_are_kept(stage: Stage):
    stage.endpoints.answers["/a"] = answers(500, 200, text="x" * 5000)
    await stage.webhook()
    await stage.emit(1)
    await stage.run()
    await stage.pass_time(seconds=10)
    await stage.run()
    first, second = await stage.attempts()
    assert (first["attempt"], first["status_code"], first["reason"]) == (1, 500, "answered with 500")
    assert (second["attempt"], second["status_code"], second["reason"]) == (2, 200, None)
    assert len(first["answer_head"]) == 2048
    assert str(first["connected_ip"]) == "127.0.0.1"
    assert [one.headers["webhook-attempt"] for one in stage.endpoints.arrivals] == ["1", "2"]
    assert len({one.message_id for one in stage.endpoints.arrivals}) == 1


async def test_the_time_of_an_attempt_is_signed(stage: Stage):
    await stage.webhook()
    await stage.emit(1)
    await stage.run()
    (arrival,) = stage.endpoints.arrivals
    assert abs(int(arrival.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 30


async def test_where_places_are_short_each_has_its_turn(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """One request at a time for all: whoever has had its share gives up its place to who waits for longest."""
    monkeypatch.setattr("jobrunner.services.webhooks.sending.lanes.SHARE", 0.05)
    await stage.setting("webhook_concurrency", 1)

    async def slowly(arrival: Arrival) -> web.Response:
        await asyncio.sleep(0.01)
        return web.Response()

    for number in range(3):
        stage.endpoints.answers[f"/{number}"] = slowly
        await stage.webhook(path=f"/{number}", format="standard")
    await stage.emit(*range(20))
    await stage.run(limit=60)
    for number in range(3):
        assert stage.endpoints.numbers(f"/{number}") == list(range(20))
    paths = [one.path for one in stage.endpoints.arrivals]
    turns = [path for path, before in zip(paths, ["", *paths], strict=False) if path != before]
    assert len(turns) > 3, "nobody had its place until all was sent"


async def test_a_host_gets_so_many_requests_at_a_time(stage: Stage):
    """The wait for a place is not counted as the time of an endpoint."""
    await stage.setting("webhook_host_concurrency", 2)
    under_way = most = 0

    async def slowly(arrival: Arrival) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        return web.Response()

    for number in range(8):
        stage.endpoints.answers[f"/{number}"] = slowly
        await stage.webhook(path=f"/{number}")
    await stage.emit(1)
    await stage.run()
    assert most == 2
    assert await stage.statuses() == ["Success"] * 8
