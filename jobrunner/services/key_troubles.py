"""Passwords and keys that cannot be opened with what is configured here, for `jobrunner status`.

Of the key that signs links in mails `massmail.troubles` tells, since another one can take its place at once.
"""

from jobrunner.config import Configuration
from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError
from jobrunner.queue.wording import count
from jobrunner.services.massmail.tokens import PURPOSE as LINKS

COUNT_SEALED = load(__package__, "count_sealed")


async def list_key_troubles(connection: Queryable, configuration: Configuration) -> list[str]:
    """Return a sentence for each key that is not at hand though values are sealed with it.

    Where nothing is sealed nothing is wrong: that a key is configured is not asked before there is something to open.
    """
    rows = await connection.fetch(COUNT_SEALED, LINKS)
    if not rows:
        return []
    try:
        known = [key.id for key in Keyring.from_configuration(configuration).keys]
    except ConfigurationError as error:
        return [f"{_sealed(sum(row['number'] for row in rows))} cannot be read by what is configured here: {error}"]
    place = "JOBRUNNER_SECRET_KEYS_FORMER" if known else "JOBRUNNER_SECRET_KEY"
    at_hand = f"at hand is only {', '.join(known)}" if known else "none is at hand"
    return [
        f"{_sealed(row['number'])} cannot be read by what is configured here: sealed with the key {row['key']}, and "
        f"{at_hand}; put that key into {place}, or enter them anew (`jobrunner secrets status` counts them)"
        for row in rows
        if row["key"] not in known
    ]


def _sealed(number: int) -> str:
    return count(number, "password or key in the database", "passwords and keys in the database")
