"""Group accounts whose mail reaches nobody: that may be meant (cases may be all that is wanted), so it is only said."""

from collections.abc import Sequence

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load

LIST_WITHOUT_RECIPIENTS = load(__package__, "list_without_recipients")


async def list_without_recipients(connection: Queryable, ids: Sequence[int] | None = None) -> list[str]:
    """Return the names of group accounts that are read and have no team, user or group folder of a team."""
    return [row["name"] for row in await connection.fetch(LIST_WITHOUT_RECIPIENTS, ids)]
