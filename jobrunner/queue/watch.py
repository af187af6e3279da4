"""The watch: sees edits of settings and cancellations, when told by NOTIFY, or within a second.

Edits of scheduled jobs are not its business: the scheduler reads the clock and what is overdue just as often, and sees
them in the same statement.
"""

from collections.abc import Awaitable, Callable, Mapping

from jobrunner.db.connection import Connection
from jobrunner.db.loop import DatabaseLoop
from jobrunner.db.sql import load

READ_REVISIONS = load(__package__, "read_revisions")
FIND_CANCELLATIONS = load(__package__, "find_cancellations")


class Watch(DatabaseLoop):
    """Reads the small table that counts edits, and calls whoever minds a topic whose count has changed."""

    def __init__(self, connection: Connection, minders: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        """Each minder is called at the first pass, too."""
        super().__init__("watch", interval=1.0)
        self._connection = connection
        self._minders = minders
        self._seen: dict[str, int] = {}

    async def once(self) -> None:
        """Look once; a topic counts as seen when its minder has returned."""
        for topic, number in await self._connection.fetch(READ_REVISIONS):
            if topic in self._minders and self._seen.get(topic) != number:
                await self._minders[topic]()
                self._seen[topic] = number


async def find_cancellations(connection: Connection, daemon_id: int) -> list[int]:
    """Return the ids of the daemon's running jobs that somebody asked to cancel."""
    return [row[0] for row in await connection.fetch(FIND_CANCELLATIONS, daemon_id)]
