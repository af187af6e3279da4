"""`webhook test`: past the queue, and nothing is kept of it."""

import pytest
from standardwebhooks import Webhook as Verifier

from jobrunner.services.webhooks.table import find_webhook
from jobrunner.services.webhooks.trial import Trial, send_test
from tests.services.webhooks.stage import Stage, answers


async def tried(stage: Stage, webhook: int) -> Trial:
    async with stage.connect() as connection:
        record = await find_webhook(connection, str(webhook))
        return await send_test(connection, stage.keyring, await stage.settings(), record)


@pytest.mark.parametrize("format", ["array", "standard"])
async def test_it_is_a_request_like_others(stage: Stage, format: str):
    webhook = await stage.webhook(format=format, active=False)
    trial = await tried(stage, webhook)
    (arrival,) = stage.endpoints.arrivals
    Verifier(stage.secrets[webhook]).verify(arrival.body, arrival.headers)
    assert trial.succeeded
    assert trial.body.encode() == arrival.body
    assert trial.headers.items() <= arrival.headers.items() | {("Signature", arrival.headers["signature"])}
    assert (trial.reply.status, trial.reply.answer_head, trial.reply.connected_ip) == (200, "thanks", "127.0.0.1")
    assert arrival.headers["webhook-event"] == "webhook.test"
    assert await stage.attempts() == []


async def test_a_failure_is_told_and_changes_nothing(stage: Stage):
    stage.endpoints.answers["/a"] = answers(410)
    webhook = await stage.webhook()
    trial = await tried(stage, webhook)
    assert not trial.succeeded
    assert trial.reason == "answered with 410: it is gone for good"
    assert await stage.of(webhook, "health::text") == "healthy"
