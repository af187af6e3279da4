"""Trying a webhook: an event `webhook.test` is sent now, past the queue, and all that was said is shown."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import Conflict
from jobrunner.services.webhooks.answers import judge
from jobrunner.services.webhooks.client import poster_of
from jobrunner.services.webhooks.http.reply import Reply
from jobrunner.services.webhooks.message_ids import message_id
from jobrunner.services.webhooks.sending.batches import timestamp
from jobrunner.services.webhooks.settings import WebhookSettings
from jobrunner.services.webhooks.signatures import sign
from jobrunner.services.webhooks.table import WebhookRecord

EVENT = "webhook.test"


@dataclass(frozen=True)
class Trial:
    """What was sent, and what came of it."""

    url: str
    headers: Mapping[str, str]
    body: str
    reply: Reply
    succeeded: bool
    reason: str
    """Why it counts as failed; empty for a success."""


async def send_test(
    connection: Queryable, keyring: Keyring, settings: WebhookSettings, webhook: WebhookRecord
) -> Trial:
    """Send `webhook.test` to a webhook, active or not, and return what came of it. Its health does not change.

    Raises:
        Conflict: it has no secret.
        SecretUnreadable: its secret cannot be opened.
    """
    secrets = [
        keyring.open(row["secret"], place=f"webhook_secret/{row['id']}/secret").get_secret_value()
        for row in await connection.fetch(load(__package__, "read_secrets"), webhook.id)
    ]
    if not secrets:
        raise Conflict(f"{webhook.name} has no secret: `jobrunner webhook rotate-secret {webhook.id}` makes one")
    body = _body(webhook)
    headers = sign(
        secrets,
        webhook_id=str(webhook.id),
        message_id=message_id(uuid4()),
        timestamp=int(time.time()),
        body=body,
        espo_header=webhook.x_signature,
    )
    headers |= {"webhook-event": EVENT, "webhook-attempt": "1"}
    async with poster_of(settings) as poster:
        reply = await poster.post(webhook.url, headers, body)
    verdict = judge(reply)
    return Trial(webhook.url, headers, body.decode(), reply, verdict.meaning == "success", verdict.reason)


def _body(webhook: WebhookRecord) -> bytes:
    data = {"id": str(webhook.id), "event": webhook.event}
    if webhook.format == "array":
        return json.dumps([data]).encode()
    whole: dict[str, Any] = {"type": EVENT, "timestamp": timestamp(datetime.now(UTC)), "data": data}
    return json.dumps(whole).encode()
