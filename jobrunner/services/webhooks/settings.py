"""The administrator's settings of webhooks."""

import re
from dataclasses import dataclass

from jobrunner.db.queryable import Queryable
from jobrunner.errors import InvalidInput
from jobrunner.queue.setting import Setting, SettingGroup
from jobrunner.queue.settings import load_group
from jobrunner.services.address_guard import check_allowed

RETRY_SCHEDULE = "5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h"
MOST_STEPS = 30
LONGEST_STEP = 7 * 86_400.0
STEP = re.compile(r"([0-9]{1,6})\s*(s|min|h|d)")
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


def read_schedule(text: str) -> tuple[float, ...]:
    """Return the delays of a schedule in seconds.

    Raises:
        InvalidInput: it is none.
    """
    steps: list[float] = []
    for word in text.split(","):
        match = STEP.fullmatch(word.strip())
        if match is None:
            raise InvalidInput(
                f"write delays with commas between them, such as 5 s, 5 min, 2 h, 1 d; got {word.strip()!r}"
            )
        steps.append(float(int(match[1]) * SECONDS[match[2]]))
    if len(steps) > MOST_STEPS or not all(1 <= step <= LONGEST_STEP for step in steps):
        raise InvalidInput(f"it has at most {MOST_STEPS} delays, each from 1 s to 7 d")
    return tuple(steps)


def check_schedule(text: str) -> str:
    """Return a schedule as it is kept; raises InvalidInput."""
    read_schedule(text)
    return ", ".join(" ".join(STEP.fullmatch(word.strip()).groups()) for word in text.split(","))  # type: ignore[union-attr]


def _check_host(entry: str) -> str:
    check_allowed(entry)
    return entry


WEBHOOKS = SettingGroup(
    "Webhooks",
    (
        Setting(
            "webhook_event_portion",
            "Webhook Event Portion",
            "whole number",
            500,
            "The most events that are laid out for their webhooks in one statement.",
            "events",
            1,
            10_000,
        ),
        Setting(
            "webhook_batch_size",
            "Webhook Batch Size",
            "whole number",
            50,
            "The most events that a webhook of the format array gets in one request.",
            "events",
            1,
            1000,
        ),
        Setting(
            "webhook_retry_schedule",
            "Webhook Retry Schedule",
            "text",
            RETRY_SCHEDULE,
            "How long is waited after each failure in a row; what has failed once more than there are steps is given "
            "up and may be replayed.",
            allowed="delays with commas between them, in s, min, h or d",
            checked=check_schedule,
        ),
        Setting(
            "webhook_retry_jitter",
            "Webhook Retry Jitter",
            "whole number",
            20,
            "By how much each of these delays is shortened or lengthened at random.",
            "%",
            0,
            50,
        ),
        Setting(
            "webhook_connect_timeout",
            "Webhook Connect Timeout",
            "number",
            5.0,
            "How long an endpoint may take to accept a connection.",
            "s",
            0.1,
            60,
        ),
        Setting(
            "webhook_timeout",
            "Webhook Timeout",
            "number",
            15.0,
            "How long a request may take in all.",
            "s",
            0.1,
            120,
        ),
        Setting(
            "webhook_disable_after",
            "Webhook Disable After",
            "whole number",
            120,
            "How long a webhook may go without one success before it is disabled, if it has failed 5 times in a row.",
            "h",
            12,
            2400,
        ),
        Setting(
            "webhook_concurrency",
            "Webhook Concurrency",
            "whole number",
            200,
            "The most requests that one daemon has under way; of each webhook there is one at a time.",
            "requests",
            1,
            1000,
        ),
        Setting(
            "webhook_host_concurrency",
            "Webhook Host Concurrency",
            "whole number",
            10,
            "The most of them to one host and port.",
            "requests",
            1,
            1000,
        ),
        Setting(
            "webhook_max_body",
            "Webhook Max Body",
            "whole number",
            1024,
            "The most that one request carries: a batch is cut to fit, and an event with more data is refused.",
            "KiB",
            64,
            16_384,
        ),
        Setting(
            "webhook_max_answer",
            "Webhook Max Answer",
            "whole number",
            64,
            "The most that is read of an answer, of which 2 KB are kept.",
            "KiB",
            2,
            1024,
        ),
        Setting(
            "webhook_max_per_user",
            "Webhook Max Per User",
            "whole number",
            50,
            "The most webhooks that one user owns; 0 for no limit. Those without an owner do not count.",
            "webhooks",
            0,
            10_000,
        ),
        Setting(
            "webhook_secret_overlap",
            "Webhook Secret Overlap",
            "whole number",
            24,
            "How long a secret that was rotated signs beside the new one.",
            "h",
            0,
            720,
        ),
        Setting(
            "webhook_allowed_hosts",
            "Webhook Allowed Hosts",
            "words",
            (),
            "What may be sent to although the address guard refuses it: `host:port`, or networks such as 10.1.0.0/16.",
            checked=_check_host,
        ),
        Setting(
            "webhook_https_only",
            "Webhook HTTPS Only",
            "yes or no",
            False,
            "New URLs must be of HTTPS; else there is a warning for those of HTTP.",
        ),
    ),
)
"""The group as the settings list shows it."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """The settings of webhooks at one moment. Made with no arguments, it holds the defaults."""

    webhook_event_portion: int = 500
    webhook_batch_size: int = 50
    webhook_retry_schedule: str = RETRY_SCHEDULE
    webhook_retry_jitter: int = 20
    """Per cent."""
    webhook_connect_timeout: float = 5.0
    """Seconds."""
    webhook_timeout: float = 15.0
    """Seconds."""
    webhook_disable_after: int = 120
    """Hours."""
    webhook_concurrency: int = 200
    webhook_host_concurrency: int = 10
    webhook_max_body: int = 1024
    """KiB; `jobrunner.emit()` reads it in SQL."""
    webhook_max_answer: int = 64
    """KiB."""
    webhook_max_per_user: int = 50
    webhook_secret_overlap: int = 24
    """Hours."""
    webhook_allowed_hosts: tuple[str, ...] = ()
    webhook_https_only: bool = False

    @property
    def schedule(self) -> tuple[float, ...]:
        """The delays after failures in a row, in seconds; an empty setting stands for the usual ones."""
        return read_schedule(self.webhook_retry_schedule or RETRY_SCHEDULE)


async def load_webhook_settings(connection: Queryable) -> WebhookSettings:
    """Read the settings of webhooks."""
    return await load_group(connection, WEBHOOKS, WebhookSettings)
