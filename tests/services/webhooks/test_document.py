"""docs/webhooks.md says what the code does: its examples run, its lists are complete."""

import base64
import hmac
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobrunner import Client
from jobrunner.config import Configuration
from jobrunner.services.webhooks.answers import judge
from jobrunner.services.webhooks.http.reply import Reply
from jobrunner.services.webhooks.sending.run import FORSAKEN_AFTER
from jobrunner.services.webhooks.settings import WebhookSettings
from jobrunner.services.webhooks.signatures import new_secret
from jobrunner.services.webhooks.troubles import FAILING
from tests.services.webhooks.stage import Stage

DOCUMENT = (Path(__file__).parents[3] / "docs/webhooks.md").read_text(encoding="utf-8")
TEXT = " ".join(DOCUMENT.split())


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


async def test_the_examples_run(stage: Stage):
    await stage.webhook("Account.*")
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    async with stage.connect() as connection, Client(stage.url) as client:
        await names["example"](client, connection)
        await connection.execute(blocks("sql")[0])
    rows = await stage.pool.fetch("SELECT event, target_id, user_id FROM jobrunner.webhook_event")
    assert [tuple(row) for row in rows] == [("Account.update", "17", "ann")] * 2


async def test_a_receiver_that_verifies_as_written(stage: Stage):
    webhook = await stage.webhook()
    await stage.emit(1)
    await stage.run()
    (arrival,) = stage.endpoints.arrivals
    names: dict[str, Any] = {}
    exec(blocks("python")[1], names)
    secret, headers = stage.secrets[webhook], dict(arrival.headers)
    assert names["is_genuine"](secret, headers, arrival.body)
    assert not names["is_genuine"](secret, headers, arrival.body + b" ")
    assert not names["is_genuine"](new_secret(), headers, arrival.body)
    late = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    assert not names["is_genuine"](secret, late, arrival.body)
    # As the table says of EspoCRM's header.
    digest = hmac.digest(secret.removeprefix("whsec_").encode(), arrival.body, "sha256")
    assert base64.b64decode(headers["signature"]).decode() == f"{webhook}:{digest.hex()}"


async def test_every_header_is_explained(stage: Stage):
    await stage.webhook(x_signature=True)
    await stage.emit(1)
    await stage.run()
    (arrival,) = stage.endpoints.arrivals
    table = DOCUMENT.split("| header | value |")[1].split("\n\n")[0]
    named = {name.lower() for name in re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)}
    plain = {"host", "content-type", "content-length", "user-agent", "accept", "accept-encoding"}
    assert named == arrival.headers.keys() - plain


async def test_every_state_is_explained(stage: Stage):
    rows = await stage.pool.fetch("SELECT unnest(enum_range(NULL::jobrunner.webhook_delivery_status))::text AS state")
    table = DOCUMENT.split("| state of a delivery | meaning |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| ([A-Z]\w+) \|", table, re.MULTILINE)) == {row["state"] for row in rows} | {"Sending"}


def test_answers_mean_what_is_said():
    lines = [
        line.split("|")[1:3] for line in DOCUMENT.split("| answer | meaning |")[1].split("\n\n")[0].splitlines()[2:]
    ]
    for answer, meaning in lines:
        for status in map(int, re.findall(r"\b\d{3}\b", answer)):
            verdict = judge(Reply(status, None, None, None, None, "", None, 0, datetime.now(UTC)))
            word = {"success": "taken", "gone": "gone", "endpoint_fault": "endpoint", "content_fault": "content"}
            assert word[verdict.meaning] in meaning, status


def test_the_numbers_are_those_of_the_code():
    settings = WebhookSettings()
    assert f"has been tried {len(settings.schedule) + 1} times, over three days" in TEXT
    assert 3 <= sum(settings.schedule) / 86_400 < 4
    assert f"`webhook_disable_after` ({settings.webhook_disable_after} h)" in TEXT
    assert f"after {FAILING} failures in a row" in TEXT
    assert f"is given up after {FORSAKEN_AFTER.days} days" in TEXT
    daemon = Configuration()
    assert f"when the lease of the dead one is over, in {daemon.lease + daemon.sweep_interval:.0f} s" in TEXT
    assert f"at most {settings.webhook_max_answer} KiB of an answer" in TEXT
