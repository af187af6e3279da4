"""A stage for webhooks; runs end soon after the last event."""

from collections.abc import AsyncIterator

import pytest

from tests.services.webhooks.stage import Stage, staged


@pytest.fixture
async def stage(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr("jobrunner.services.webhooks.sending.watch.AWAKE_IDLE", 0.02)
    async with staged(database_url) as stage:
        yield stage
