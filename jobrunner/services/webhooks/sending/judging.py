"""What a verdict on one request means for its deliveries and its webhook."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple

from jobrunner.services.webhooks.answers import Verdict
from jobrunner.services.webhooks.http.reply import Reply
from jobrunner.services.webhooks.sending.batches import Batch
from jobrunner.services.webhooks.sending.webhook import Webhook

LONGEST_DELAY = 86_400.0
"""Seconds: neither a schedule nor an endpoint makes us wait longer."""

Outcome = Literal["Success", "Failed", "Retry", "Split"]


class Settlement(NamedTuple):
    """What is stored of one request; in the order of the statement's columns."""

    webhook_id: int
    batch_id: int
    attempt: int
    outcome: Outcome
    delay: timedelta | None
    reason: str | None
    duration_ms: int
    status_code: int | None
    error_kind: str | None
    answer_head: str
    connected_ip: str | None
    is_manual: bool
    batch_limit: int | None
    pause: timedelta | None
    """How long the webhook waits; None for not at all."""
    is_guard: bool
    disable: str | None
    had_failed: bool
    label: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """The delays after failures in a row."""

    steps: Sequence[float]
    """Seconds."""
    jitter: float
    """Share by which each is shortened or lengthened at random."""

    @property
    def most_attempts(self) -> int:
        """How often something is tried."""
        return len(self.steps) + 1

    def delay(self, failures: int, at_least: float) -> timedelta:
        """Return the wait after so many failures in a row; an endpoint may ask for more, up to a day."""
        step = self.steps[min(failures, len(self.steps)) - 1]
        step *= random.uniform(1 - self.jitter, 1 + self.jitter)
        return timedelta(seconds=min(max(step, at_least), LONGEST_DELAY))


def settlement_of(webhook: Webhook, batch: Batch, reply: Reply, verdict: Verdict, schedule: Schedule) -> Settlement:
    """Return what is stored of a request.

    An endpoint fault pauses the webhook: for how long is a matter of its failures in a row, so that the next batch does
    not begin anew. A content fault is that of what was sent: a batch of several goes on in parts, one that goes alone
    has its own schedule, and later ones pass it.
    """
    outcome: Outcome
    delay = pause = None
    batch_limit = None
    is_last = batch.attempt >= schedule.most_attempts
    match verdict.meaning:
        case "success":
            outcome = "Success"
        case "gone":
            outcome = "Failed"
        case "content_fault" if len(batch.numbers) > 1:
            outcome = "Split"
            batch_limit = (len(batch.numbers) + 1) // 2 if verdict.too_large else 1
        case "content_fault":
            outcome = "Failed" if is_last else "Retry"
            delay = schedule.delay(batch.attempt, verdict.minimum_delay)
        case _:
            pause = delay = schedule.delay(webhook.failures + 1, verdict.minimum_delay)
            outcome = "Failed" if is_last else "Retry"
    return Settlement(
        webhook_id=webhook.id,
        batch_id=batch.id,
        attempt=batch.attempt,
        outcome=outcome,
        delay=delay if outcome == "Retry" else None,
        reason=verdict.reason or None,
        duration_ms=reply.duration_ms,
        status_code=reply.status,
        error_kind=reply.error_kind,
        answer_head=reply.answer_head,
        connected_ip=reply.connected_ip,
        is_manual=batch.is_manual,
        batch_limit=batch_limit,
        pause=pause,
        is_guard=verdict.meaning == "guard",
        disable=verdict.reason if verdict.meaning == "gone" else None,
        had_failed=webhook.failures > 0,
        label=webhook.label,
    )
