"""A loop that works on the database: its absence is no surprise."""

from jobrunner.db.connection import TRANSIENT
from jobrunner.lifecycle import Loop


class DatabaseLoop(Loop):
    """Backs off for at most two seconds, so that it is back soon after the server is; one line says what is wrong."""

    backoff = (0.1, 2.0)
    expected = TRANSIENT
