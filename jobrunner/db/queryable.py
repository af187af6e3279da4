"""Whatever runs a statement: what looks at the database asks no more of its connection than this."""

from typing import Any, Protocol


class Queryable(Protocol):
    """Our `Connection`, a client's line, or a connection or pool of asyncpg."""

    async def fetch(self, query: str, /, *args: Any) -> list[Any]:
        """Return the rows of a statement whose parameters are $1, $2, …"""
        ...
