"""Whatever runs a statement: what looks at the database asks no more of its connection than this."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class Queryable(Protocol):
    """Our `Connection`, a client's line, or a connection or pool of asyncpg."""

    async def fetch(self, query: str, /, *args: Any) -> list[Any]:
        """Return the rows of a statement whose parameters are $1, $2, …"""
        ...


WAIT_BRIEFLY = "SET LOCAL lock_timeout = '1s'"
"""For a transaction that would rather fail than wait long for what somebody has for himself."""

Connect = Callable[[], AbstractAsyncContextManager[Any]]
"""Lends an asyncpg connection for a while (`JobContext.connection`)."""
