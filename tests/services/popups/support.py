"""What tests of popups have in common."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from jobrunner.db.queryable import Connect


def lender(connection: Any) -> Connect:
    """Lend the test's own connection."""

    @asynccontextmanager
    async def lend() -> AsyncIterator[Any]:
        yield connection

    return lend
