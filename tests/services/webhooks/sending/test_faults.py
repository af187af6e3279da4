"""What endpoints answer, and what becomes of deliveries and webhooks."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from jobrunner.services.webhooks.sending.run import UNSIGNABLE_PAUSE
from jobrunner.services.webhooks.troubles import list_webhook_troubles
from tests.services.webhooks.stage import Arrival, Stage, answers


async def failed_in_a_row(stage: Stage, webhook: int, times: int) -> None:
    """Let it fail so often."""
    for _ in range(times):
        await stage.run()
        await stage.pass_time(days=2)
        assert await stage.of(webhook, "health::text") == "backing_off"


# Endpoint faults


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 408, 429, 500, 502, 503, 504, 599])
async def test_a_fault_of_the_endpoint_pauses_the_webhook(stage: Stage, status: int):
    stage.endpoints.answers["/a"] = answers(status)
    webhook = await stage.webhook(format="standard")
    await stage.emit(1, 2, 3)
    report = await stage.run()
    assert stage.endpoints.numbers("/a") == [1], "one request, not one for each event"
    assert await stage.statuses() == ["Pending"] * 3
    assert await stage.of(webhook, "health::text", "failures", "first_failure_at IS NOT NULL") == (
        "backing_off",
        1,
        True,
    )
    assert report.put_off == 1
    wait = await stage.of(webhook, "extract(epoch FROM next_attempt_at - first_failure_at)::float")
    low, high = (60, 60) if status == 429 else (4, 6)
    assert low <= wait <= high, "counted from the failure, however long ago that is by now"


async def test_a_refused_connection_is_one(stage: Stage, unused_tcp_port: int):
    webhook = await stage.webhook(url=f"http://127.0.0.1:{unused_tcp_port}/")
    await stage.emit(1)
    await stage.run()
    assert await stage.of(webhook, "health::text", "last_error") == ("backing_off", "the connection was refused")


async def test_it_is_tried_again_when_the_time_has_come(stage: Stage):
    """The job is queued for that moment, and the same request goes with the same id."""
    stage.endpoints.answers["/a"] = answers(500, 200)
    webhook = await stage.webhook()
    await stage.emit(1, 2)
    await stage.pool.execute("DELETE FROM jobrunner.job")
    await stage.run()
    late = await stage.pool.fetchval(
        "SELECT j.execute_at - w.next_attempt_at BETWEEN interval '0' AND interval '250 ms'"
        " FROM jobrunner.job AS j, jobrunner.webhook AS w WHERE j.name = 'ProcessWebhookQueue'"
    )
    assert late
    await stage.run()
    assert len(stage.endpoints.arrivals) == 1, "it is not due"
    await stage.emit(3)
    await stage.pass_time(seconds=10)
    await stage.run()
    first, again, later = stage.endpoints.arrivals
    assert (first.body, first.message_id) == (again.body, again.message_id), "what is in it was fixed before"
    assert later.numbers == [3]
    assert await stage.of(webhook, "health::text", "failures", "first_failure_at", "next_attempt_at") == (
        "healthy",
        0,
        None,
        None,
    )


async def test_the_pauses_are_those_of_the_webhook(stage: Stage):
    """They grow with its failures in a row, whatever request it is that fails."""
    await stage.setting("webhook_retry_schedule", "10 s, 100 s, 1000 s")
    await stage.setting("webhook_retry_jitter", 0)
    stage.endpoints.answers["/a"] = answers(500)
    webhook = await stage.webhook(format="standard")
    await stage.emit(1, 2)
    waits = []
    for _ in range(6):
        await stage.run()
        waits.append(round(await stage.of(webhook, "extract(epoch FROM next_attempt_at - now())::float") / 10))
        await stage.pass_time(days=2)
    assert waits == [1, 10, 100, 100, 100, 100]
    assert stage.endpoints.numbers("/a") == [1, 1, 1, 1, 2, 2]
    assert await stage.statuses() == ["Failed", "Pending"], "tried once more than there are steps"


async def test_a_success_begins_anew(stage: Stage):
    stage.endpoints.answers["/a"] = answers(500, 500, 200, 500)
    webhook = await stage.webhook(format="standard")
    await stage.emit(1)
    await failed_in_a_row(stage, webhook, 2)
    await stage.emit(2)
    await stage.run()
    assert stage.endpoints.numbers("/a") == [1, 1, 1, 2]
    assert await stage.of(webhook, "failures") == 1


async def test_its_owner_is_told(stage: Stage):
    await stage.user("ann")
    stage.endpoints.answers["/a"] = answers(*[500] * 5, 200)
    webhook = await stage.webhook(owner_id="ann")
    await stage.emit(1)
    await failed_in_a_row(stage, webhook, 3)
    assert await stage.notices() == []
    await failed_in_a_row(stage, webhook, 2)
    await stage.run()
    (first, failing), (second, recovered) = await stage.notices()
    assert first == second == "ann"
    assert failing.startswith(f"webhook {webhook} (E.create to 127.0.0.1:")
    assert "has failed 4 times in a row: answered with 500" in failing
    assert recovered.endswith("works again.")


async def test_after_five_days_without_a_success_it_is_disabled(stage: Stage):
    await stage.user("ann")
    stage.endpoints.answers["/a"] = answers(500)
    webhook = await stage.webhook(owner_id="ann")
    await stage.emit(1)
    await failed_in_a_row(stage, webhook, 4)
    await stage.pool.execute("UPDATE jobrunner.webhook SET first_failure_at = now() - interval '119 hours'")
    await failed_in_a_row(stage, webhook, 1)
    await stage.pool.execute("UPDATE jobrunner.webhook SET first_failure_at = now() - interval '121 hours'")
    await stage.run()
    health, reason, off = await stage.of(webhook, "health::text", "disabled_reason", "off_since IS NOT NULL")
    assert (health, off) == ("disabled", True)
    assert reason.startswith("no success since ")
    assert await stage.statuses() == ["Pending"], "it waits for somebody to enable it"
    told = [post for _, post in await stage.notices()]
    assert len(told) == 2
    assert "gets nothing any more: no success since" in told[1]
    await stage.pass_time(days=2)
    await stage.run()
    assert len(stage.endpoints.arrivals) == 6


async def test_fewer_than_five_failures_disable_nothing(stage: Stage):
    stage.endpoints.answers["/a"] = answers(500)
    webhook = await stage.webhook()
    await stage.emit(1)
    await failed_in_a_row(stage, webhook, 3)
    await stage.pool.execute("UPDATE jobrunner.webhook SET first_failure_at = now() - interval '500 hours'")
    await failed_in_a_row(stage, webhook, 1)


async def test_what_the_guard_refuses_three_times_is_disabled(stage: Stage):
    await stage.user("ann")
    webhook = await stage.webhook(owner_id="ann")
    await stage.setting("webhook_allowed_hosts", "")
    await stage.emit(1)
    await failed_in_a_row(stage, webhook, 2)
    await stage.run()
    assert await stage.of(webhook, "health::text") == "disabled"
    assert (await stage.of(webhook, "disabled_reason")).startswith("3 times in a row: 127.0.0.1 is ")
    assert stage.endpoints.arrivals == []
    assert len(await stage.notices()) == 1


async def test_410_disables_it_and_gives_up_what_waits(stage: Stage):
    await stage.user("ann")
    stage.endpoints.answers["/a"] = answers(410)
    webhook = await stage.webhook(owner_id="ann", format="standard")
    await stage.emit(1, 2, 3)
    report = await stage.run()
    assert len(stage.endpoints.arrivals) == 1
    assert await stage.statuses() == ["Failed"] * 3
    assert await stage.of(webhook, "health::text", "disabled_reason") == (
        "disabled",
        "answered with 410: it is gone for good",
    )
    assert [user for user, _ in await stage.notices()] == ["ann"]
    assert report.failed == 3
    await stage.emit(4)
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.webhook_event") == 3, "nobody listens any more"


# Content faults


def refuses(*bad: int, status: int = 422) -> Any:
    def answer(arrival: Arrival) -> web.Response:
        return web.Response(status=status if set(bad) & set(arrival.numbers) else 200)

    return answer


@pytest.mark.parametrize("status", [400, 409, 415, 422, 451])
async def test_the_culprit_of_a_batch_is_found_and_the_others_pass(stage: Stage, status: int):
    stage.endpoints.answers["/a"] = refuses(3, status=status)
    webhook = await stage.webhook()
    await stage.emit(1, 2, 3, 4, 5)
    await stage.run()
    assert [one.numbers for one in stage.endpoints.arrivals] == [[1, 2, 3, 4, 5], [1], [2], [3], [4], [5]]
    assert await stage.statuses() == ["Success", "Success", "Pending", "Success", "Success"]
    assert len({one.message_id for one in stage.endpoints.arrivals}) == 6
    assert await stage.of(webhook, "health::text", "failures") == ("healthy", 0)
    await stage.emit(6)
    await stage.run()
    assert stage.endpoints.arrivals[-1].numbers == [6], "later ones pass it"


async def test_the_culprit_has_a_schedule_of_its_own(stage: Stage):
    await stage.setting("webhook_retry_schedule", "10 s, 20 s")
    stage.endpoints.answers["/a"] = refuses(1)
    await stage.webhook(format="standard")
    await stage.emit(1, 2)
    for _ in range(4):
        await stage.run()
        await stage.pass_time(hours=1)
    assert stage.endpoints.numbers("/a") == [1, 2, 1, 1]
    assert await stage.deliveries("status::text", "attempts", "last_error") == [
        ("Failed", 3, "answered with 422"),
        ("Success", 1, None),
    ]


async def test_it_blocks_with_strict_order(stage: Stage):
    stage.endpoints.answers["/a"] = refuses(2)
    await stage.webhook(format="standard", strict_order=True)
    await stage.emit(1, 2, 3)
    await stage.run()
    await stage.emit(4)
    await stage.run()
    assert stage.endpoints.numbers("/a") == [1, 2]
    stage.endpoints.answers.clear()
    await stage.pass_time(hours=1)
    await stage.run()
    assert stage.endpoints.numbers("/a") == [1, 2, 2, 3, 4]


async def test_what_is_blocked_has_the_job_run_when_the_culprit_is_due(stage: Stage):
    """Not at once, again and again: of what waits behind it nothing can go."""
    await stage.setting("webhook_retry_schedule", "1 h")
    stage.endpoints.answers["/a"] = refuses(1)
    await stage.webhook(format="standard", strict_order=True)
    await stage.emit(1, 2)
    await stage.run()
    await stage.pool.execute("DELETE FROM jobrunner.job")
    await stage.run()
    (wait,) = [row[0] for row in await stage.pool.fetch("SELECT execute_at - now() FROM jobrunner.job")]
    assert timedelta(minutes=45) < wait < timedelta(minutes=75)


async def test_it_blocks_with_strict_order_in_arrays(stage: Stage):
    stage.endpoints.answers["/a"] = refuses(2)
    await stage.webhook(strict_order=True)
    await stage.emit(1, 2, 3)
    await stage.run()
    assert [one.numbers for one in stage.endpoints.arrivals] == [[1, 2, 3], [1], [2]]


async def test_what_is_too_large_is_halved(stage: Stage):
    def answer(arrival: Arrival) -> web.Response:
        return web.Response(status=413 if len(arrival.numbers) > 2 else 200)

    stage.endpoints.answers["/a"] = answer
    await stage.webhook()
    await stage.emit(1, 2, 3, 4, 5)
    await stage.run()
    assert [one.numbers for one in stage.endpoints.arrivals] == [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2], [3], [4, 5]]
    assert await stage.statuses() == ["Success"] * 5


# What is not sent at all


async def test_what_is_over_the_limit_by_now_fails(stage: Stage):
    await stage.webhook()
    await stage.emit(1)
    await stage.emit(2, data={"text": "x" * 100_000})
    await stage.emit(3)
    await stage.setting("webhook_max_body", 64)
    report = await stage.run()
    assert stage.endpoints.numbers("/a") == [1, 3]
    (_, (status, error), _) = await stage.deliveries("status::text", "last_error")
    assert status == "Failed"
    assert "over the limit of 65536 (webhook_max_body)" in error
    assert report.failed == 1


async def test_a_record_that_is_gone_is_told_of_all_the_same(stage: Stage):
    await stage.webhook()
    await stage.emit(1, target_type="Account", target_id="gone")
    await stage.run()
    assert stage.endpoints.numbers("/a") == [1]


async def test_its_owner_must_have_access(stage: Stage):
    await stage.pool.execute(
        "CREATE OR REPLACE FUNCTION jobrunner.may_see(user_id text, entity_type text, entity_id text) RETURNS boolean"
        " LANGUAGE sql STABLE AS $$ SELECT entity_id <> 'secret' $$"
    )
    await stage.user("ann")
    await stage.webhook(owner_id="ann")
    await stage.emit(1, target_type="Account", target_id="secret")
    await stage.emit(2, target_type="Account", target_id="open")
    await stage.run()
    assert stage.endpoints.numbers("/a") == [2]
    assert (await stage.deliveries("status::text", "last_error"))[0] == (
        "Failed",
        "its owner has no access to the record",
    )


async def test_an_owner_who_is_not_active_is_told_nothing(stage: Stage):
    await stage.user("ann", active=False)
    await stage.webhook(owner_id="ann")
    await stage.emit(1)
    await stage.run()
    assert stage.endpoints.arrivals == []
    assert await stage.deliveries("status::text", "last_error") == [("Failed", "its owner is not active")]


async def test_what_waits_for_one_that_is_off_fails_after_a_week(stage: Stage):
    webhook = await stage.webhook()
    await stage.emit(1)
    await stage.run(time_slice=0.0)
    await stage.emit(2)
    await stage.pool.execute("UPDATE jobrunner.webhook SET active = false")
    await stage.run()
    assert await stage.statuses() == []
    assert stage.endpoints.arrivals == []
    await stage.pool.execute("UPDATE jobrunner.webhook SET active = true")
    await stage.emit(3)
    stage.endpoints.answers["/a"] = answers(500)
    await stage.run()
    assert await stage.statuses(webhook) == ["Pending"]
    await stage.pool.execute("UPDATE jobrunner.webhook SET active = false")
    await stage.pool.execute("UPDATE jobrunner.webhook SET off_since = now() - interval '6 days'")
    await stage.run()
    assert await stage.statuses(webhook) == ["Pending"]
    await stage.pool.execute("UPDATE jobrunner.webhook SET off_since = now() - interval '8 days'")
    await stage.run()
    assert await stage.deliveries("status::text", "last_error") == [("Failed", "its webhook was off")]


async def test_one_that_is_removed_takes_its_deliveries_along(stage: Stage):
    stage.endpoints.answers["/a"] = answers(500)
    await stage.webhook()
    await stage.emit(1)
    await stage.run()
    await stage.pool.execute("DELETE FROM jobrunner.webhook")
    assert await stage.statuses() == []
    assert await stage.attempts() == []
    assert (await stage.run()).requests == 0


async def test_an_edit_counts_from_the_next_request_on(stage: Stage):
    async def edit(arrival: Arrival) -> web.Response:
        if arrival.numbers == [2]:
            await stage.pool.execute("UPDATE jobrunner.webhook SET url = $1", stage.endpoints.url("/b"))
        return web.Response()

    stage.endpoints.answers["/a"] = edit
    await stage.webhook(format="standard")
    await stage.emit(*range(6))
    await stage.run()
    assert stage.endpoints.numbers("/a") == [0, 1, 2]
    assert stage.endpoints.numbers("/b") == [3, 4, 5]


async def test_one_that_is_switched_off_gets_no_further_request(stage: Stage):
    async def switch_off(arrival: Arrival) -> web.Response:
        await stage.pool.execute("UPDATE jobrunner.webhook SET active = false")
        return web.Response()

    stage.endpoints.answers["/a"] = switch_off
    await stage.webhook(format="standard")
    await stage.emit(1, 2, 3)
    await stage.run()
    assert stage.endpoints.numbers("/a") == [1]
    assert await stage.statuses() == ["Success", "Pending", "Pending"]


async def test_a_secret_that_cannot_be_opened_is_no_fault_of_the_endpoint(stage: Stage):
    """Neither it nor what waits for it has failed: `status` says what is wrong, and once it is mended all arrives."""
    webhook = await stage.webhook()
    await stage.pool.execute("UPDATE jobrunner.webhook_secret SET id = id + 100")
    await stage.emit(1)
    for _ in range(3):
        await stage.run()
        await stage.pool.execute("UPDATE jobrunner.webhook SET next_attempt_at = now()")
    health, error, failures = await stage.of(webhook, "health::text", "last_error", "failures")
    assert (health, failures) == ("unsignable", 0)
    assert "cannot be read" in error
    assert await stage.deliveries("status::text", "attempts") == [("Pending", 0)]
    assert stage.endpoints.arrivals == []
    (trouble,) = await list_webhook_troubles(stage.pool)
    assert "gets nothing, since a daemon cannot sign for it" in trouble
    assert error in trouble
    await stage.pool.execute("UPDATE jobrunner.webhook_delivery SET status = 'Failed', processed_at = now()")
    assert await list_webhook_troubles(stage.pool) == [], "nothing waits"
    await stage.pool.execute("UPDATE jobrunner.webhook_delivery SET status = 'Pending', processed_at = NULL")

    await stage.pool.execute("UPDATE jobrunner.webhook_secret SET id = id - 100")
    await stage.run()
    assert len(stage.endpoints.arrivals) == 1
    healed = await stage.of(webhook, "health::text", "last_error", "failures", "next_attempt_at")
    assert healed == ("healthy", None, 0, None)
    assert await list_webhook_troubles(stage.pool) == []


async def test_one_that_cannot_be_signed_for_is_looked_at_a_minute_later(stage: Stage):
    webhook = await stage.webhook()
    await stage.pool.execute("DELETE FROM jobrunner.webhook_secret")
    await stage.emit(1)
    await stage.run()
    pause = await stage.of(webhook, "next_attempt_at - served_at")
    assert pause == UNSIGNABLE_PAUSE
    (due,) = await stage.pool.fetchrow(
        "SELECT max(execute_at) - (SELECT next_attempt_at FROM jobrunner.webhook) FROM jobrunner.job "
        "WHERE name = 'ProcessWebhookQueue' AND status = 'Pending'"
    )
    assert abs(due) <= timedelta(seconds=1)


async def test_many_failures_at_once(stage: Stage):
    """One statement for results of all kinds."""
    for number, status in enumerate([200, 500, 422, 410, 301, 429, 204, 413]):
        stage.endpoints.answers[f"/{number}"] = answers(status)
        await stage.webhook(path=f"/{number}")
    await stage.emit(1, 2, 3)
    await asyncio.gather(stage.run(), stage.run())
    states = {}
    for (webhook, status), *_ in zip(await stage.deliveries("webhook_id", "status::text"), strict=False):
        states.setdefault(webhook, []).append(status)
    assert list(states.values()) == [
        ["Success"] * 3,
        ["Pending"] * 3,
        ["Pending"] * 3,
        ["Failed"] * 3,
        ["Pending"] * 3,
        ["Pending"] * 3,
        ["Success"] * 3,
        ["Pending"] * 3,
    ]
