"""The database's clock, by which everything is judged."""

from datetime import datetime

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load

READ_CLOCK = load(__package__, "read_clock")


async def database_time(connection: Queryable) -> datetime:
    """Return what the database's clock says, whatever this machine's does."""
    now: datetime = (await connection.fetch(READ_CLOCK))[0]["now"]
    return now
