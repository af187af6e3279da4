"""What the tests of the client share."""

from collections.abc import AsyncIterator

import pytest

from tests.services.webhooks.http.listener import Listener, listening


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as listener:
        yield listener
