"""Looking at deliveries, and replaying them."""

from datetime import timedelta
from typing import Any

import pytest

from jobrunner.errors import InvalidInput, NotFound
from jobrunner.services.webhooks.deliveries import Delivery, list_deliveries, replay
from jobrunner.services.webhooks.table import find_webhook
from tests.services.webhooks.stage import Stage, answers


async def shown(stage: Stage, webhook: int, **options: Any) -> list[Delivery]:
    async with stage.connect() as connection:
        return await list_deliveries(connection, await find_webhook(connection, str(webhook)), **options)


async def again(stage: Stage, webhook: int, **options: Any) -> list[int]:
    async with stage.connect() as connection:
        return await replay(connection, await find_webhook(connection, str(webhook)), **options)


async def test_the_newest_first_with_the_last_answer(stage: Stage):
    stage.endpoints.answers["/a"] = answers(200, 500, text="oops")
    webhook = await stage.webhook(format="standard")
    await stage.emit(1, 2, target_type="Account", target_id="7")
    await stage.run()
    second, first = await shown(stage, webhook)
    assert (first.number, first.status, first.attempts, first.status_code, first.target_id) == (
        1,
        "Success",
        1,
        200,
        "7",
    )
    assert (second.number, second.status, second.status_code, second.last_error) == (
        2,
        "Pending",
        500,
        "answered with 500",
    )
    assert (second.answer_head, second.connected_ip) == ("oops", "127.0.0.1")
    assert second.process_at is not None
    assert [one.message_id for one in (first, second)] == [one.message_id for one in stage.endpoints.arrivals]
    assert [one.number for one in await shown(stage, webhook, status="success")] == [1]
    assert [one.number for one in await shown(stage, webhook, message=first.message_id)] == [1]
    assert [one.number for one in await shown(stage, webhook, limit=1)] == [2]
    with pytest.raises(InvalidInput, match="a delivery is Pending, Success or Failed"):
        await shown(stage, webhook, status="Lost")
    with pytest.raises(InvalidInput, match="a webhook-id is msg_"):
        await shown(stage, webhook, message="msg_1")


async def test_what_is_under_way_is_sending(stage: Stage):
    stage.endpoints.answers["/a"] = answers(500)
    webhook = await stage.webhook()
    await stage.emit(1)
    await stage.run()
    await stage.pool.execute(
        "UPDATE jobrunner.webhook SET sender_token = 5, sender_until = now() + interval '1 minute'"
    )
    (one,) = await shown(stage, webhook)
    assert one.status == "Sending"


async def test_one_is_replayed_with_new_attempts(stage: Stage):
    stage.endpoints.answers["/a"] = answers(410)
    webhook = await stage.webhook(format="standard")
    await stage.emit(1, 2)
    await stage.run()
    stage.endpoints.answers.clear()
    assert await again(stage, webhook, numbers=[2]) == [2]
    await stage.pool.execute("UPDATE jobrunner.webhook SET health = 'healthy', disabled_reason = NULL")
    await stage.run()
    assert [one.numbers for one in stage.endpoints.arrivals] == [[1], [2]]
    assert await stage.deliveries("status::text", "attempts", "is_manual") == [
        ("Failed", 1, False),
        ("Success", 1, True),
    ]
    assert [row["trigger"] for row in await stage.attempts()] == ["schedule", "manual"]


async def test_in_the_format_standard_with_the_same_id(stage: Stage):
    webhook = await stage.webhook(format="standard")
    await stage.emit(1)
    await stage.run()
    await again(stage, webhook, numbers=[1])
    await stage.run()
    first, second = stage.endpoints.arrivals
    assert (first.message_id, first.body) == (second.message_id, second.body)
    assert len(await stage.attempts()) == 2


async def test_all_that_have_failed_in_the_order_of_their_numbers(stage: Stage):
    stage.endpoints.answers["/a"] = answers(410)
    webhook = await stage.webhook()
    await stage.emit(*range(60))
    await stage.run()
    assert await stage.statuses() == ["Failed"] * 60
    await stage.pool.execute("DELETE FROM jobrunner.job")
    assert len(await again(stage, webhook, all_failed=True)) == 60
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.job WHERE name = 'ProcessWebhookQueue'") == 1
    stage.endpoints.answers.clear()
    stage.endpoints.arrivals.clear()
    await stage.pool.execute("UPDATE jobrunner.webhook SET health = 'healthy', disabled_reason = NULL")
    await stage.emit(60)
    await stage.run()
    assert stage.endpoints.numbers("/a") == list(range(61))
    assert await again(stage, webhook, all_failed=True) == []


async def test_all_since_a_time_until_another(stage: Stage):
    webhook = await stage.webhook(format="standard")
    await stage.emit(1, 2, 3)
    await stage.run()
    await stage.pool.execute(
        "UPDATE jobrunner.webhook_event SET occurred_at = occurred_at - (4 - number) * interval '1 hour'"
    )
    now = await stage.pool.fetchval("SELECT now()")
    since, until = now - timedelta(hours=2.5), now - timedelta(hours=1.5)
    assert (await again(stage, webhook, since=since, until=until)) == [2]
    await stage.run()
    assert (await again(stage, webhook, since=since)) == [2, 3]


async def test_it_is_taken_in_portions_and_each_once(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """Also where what was taken first has arrived again before the last ones are taken."""
    monkeypatch.setattr("jobrunner.services.webhooks.deliveries.PORTION", 2)
    webhook = await stage.webhook(format="standard")
    await stage.emit(1, 2, 3, 4, 5)
    await stage.run()
    since = await stage.pool.fetchval("SELECT now() - interval '1 hour'")
    async with stage.connect() as connection:
        record = await find_webhook(connection, str(webhook))

        class Slow:
            async def fetch(self, query: str, *arguments: Any) -> Any:
                rows = await connection.fetch(query, *arguments)
                await stage.emit(6)
                await stage.run()
                return rows

            def __getattr__(self, name: str) -> Any:
                return getattr(connection, name)

        assert await replay(Slow(), record, since=since) == [1, 2, 3, 4, 5]
    assert stage.endpoints.numbers("/a")[5:].count(6) == 4
    assert [number for number in stage.endpoints.numbers("/a")[5:] if number != 6] == [1, 2, 3, 4, 5]


async def test_what_waits_for_its_next_attempt_goes_at_once(stage: Stage):
    stage.endpoints.answers["/a"] = answers(422, 200)
    webhook = await stage.webhook(format="standard")
    await stage.emit(1)
    await stage.run()
    await again(stage, webhook, numbers=[1])
    await stage.run()
    first, second = stage.endpoints.arrivals
    assert first.message_id == second.message_id
    assert second.headers["webhook-attempt"] == "2"


@pytest.mark.parametrize("options", [{}, {"numbers": []}, {"numbers": [1], "all_failed": True}])
async def test_what_is_asked_for_must_be_clear(stage: Stage, options: dict[str, Any]):
    webhook = await stage.webhook()
    with pytest.raises(InvalidInput):
        await again(stage, webhook, **options)


async def test_a_wrong_number_replays_nothing(stage: Stage):
    webhook = await stage.webhook(format="standard")
    await stage.emit(1)
    await stage.run()
    with pytest.raises(NotFound, match="no delivery of event 9"):
        await again(stage, webhook, numbers=[1, 9])
    assert await stage.statuses() == ["Success"]
