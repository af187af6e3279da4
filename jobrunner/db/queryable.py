"""Whatever runs a statement: what looks at the database asks no more of its connection than this."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class Queryable(Protocol):
    """Our `Connection`, a client's line, or a connection or pool of asyncpg."""

    async def fetch(self, query: str, /, *args: Any) -> list[Any]:
        """Return the rows of a statement whose parameters are $1, $2, …"""
        ...


Connect = Callable[[], AbstractAsyncContextManager[Any]]
"""Lends an asyncpg connection for a while (`JobContext.connection`)."""
