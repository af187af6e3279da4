"""Mails of ours that could not be stored in a Sent folder yet."""

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.queue.wording import moment

LIST_TROUBLES = load(__package__, "list_troubles")


async def list_storing_troubles(connection: Queryable) -> list[str]:
    """Return a sentence for each account in whose Sent folder something could not be stored yet."""
    return [
        f"{row['mails']} mails that went by the account {row['name']!r} since {moment(row['since'])} could not be "
        f"stored in its Sent folder yet: {row['trouble']}; it is tried again by itself"
        for row in await connection.fetch(LIST_TROUBLES)
    ]
