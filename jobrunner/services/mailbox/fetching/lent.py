"""A connection of a job, as the importer takes it."""

import re
from typing import Any

TAKES_JSON = re.compile(r"(\$\d+)::jsonb\b")


class LentConnection:
    """Lends a job's connection to statements that pass JSON as text.

    A job's connections encode what goes into jsonb by themselves, so text would become a JSON string.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, query: str, /, *args: Any) -> list[Any]:
        """Run a statement and return its rows."""
        rows: list[Any] = await self._connection.fetch(TAKES_JSON.sub(r"\1::text::jsonb", query), *args)
        return rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
