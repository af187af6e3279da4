"""The settings of webhooks: what they may be, and entries that an edit by hand has spoilt."""

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.services.webhooks.client import guard_of
from jobrunner.services.webhooks.settings import WEBHOOKS, WebhookSettings, read_schedule
from tests.services.webhooks.stage import Stage


def test_the_defaults_are_those_of_the_group():
    defaults = {setting.name: setting.default for setting in WEBHOOKS.settings}
    assert {name: getattr(WebhookSettings(), name) for name in defaults} == defaults


def test_the_schedule_in_seconds():
    assert WebhookSettings().schedule == (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    assert WebhookSettings(webhook_retry_schedule="").schedule == WebhookSettings().schedule
    assert read_schedule("1s,2 min , 3h, 4 d") == (1, 120, 10_800, 345_600)


@pytest.mark.parametrize("text", ["5", "5 parsecs", "5 s 6 s", "5 s,", "0 s", "8 d", "-5 s", ", ".join(["1 s"] * 31)])
def test_schedules_that_are_refused(text: str):
    with pytest.raises(InvalidInput):
        read_schedule(text)


async def test_they_are_checked_when_they_are_set(stage: Stage):
    await stage.setting("webhook_retry_schedule", "5s,  1min")
    assert (await stage.settings()).webhook_retry_schedule == "5 s, 1 min"
    with pytest.raises(InvalidInput, match="webhook_retry_schedule: write delays"):
        await stage.setting("webhook_retry_schedule", "soon")
    await stage.setting("webhook_allowed_hosts", "10.1.0.0/16, intranet.example.com:8080")
    assert (await stage.settings()).webhook_allowed_hosts == ("10.1.0.0/16", "intranet.example.com:8080")
    with pytest.raises(InvalidInput, match="webhook_allowed_hosts: 'intranet'"):
        await stage.setting("webhook_allowed_hosts", "intranet")


def test_an_entry_that_cannot_be_read_lets_nothing_through(caplog: pytest.LogCaptureFixture):
    guard_of(WebhookSettings(webhook_allowed_hosts=("no such thing", "10.1.0.0/16")))
    assert "no such thing" in caplog.text
