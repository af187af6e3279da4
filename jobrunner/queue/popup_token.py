"""The token by which a page of the application shows the popups of one user."""

from datetime import timedelta

from jobrunner.db.clock import database_time
from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring, signing_keys
from jobrunner.db.secrets.ticket import LONGEST_SUBJECT, sign_ticket
from jobrunner.errors import InvalidInput

PURPOSE = "popups"
"""Of the signing keys, and of the tickets that they sign."""
LIFETIME = timedelta(seconds=60)
LONGEST_LIFETIME = timedelta(hours=1)


async def popup_token(connection: Queryable, keyring: Keyring, user: str | int, lifetime: timedelta = LIFETIME) -> str:
    """Return a token for a user's page, good for one purpose and until `lifetime` from now by the database's clock.

    Raises:
        InvalidInput: no such user can be, or it is to be good for no time or for longer than an hour.
        ConfigurationError, SecretUnreadable: the key that seals the signing key is not at hand.
    """
    subject = str(user)
    if not subject or len(subject.encode()) > LONGEST_SUBJECT or "\0" in subject:
        raise InvalidInput(
            f"the id of a user has 1 to {LONGEST_SUBJECT} bytes and no null character, got {subject[:40]!r}"
        )
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise InvalidInput(f"the lifetime of a token must be above 0 and at most an hour, got {lifetime}")
    keys = await signing_keys(connection, keyring, PURPOSE)
    return sign_ticket(keys, PURPOSE, subject, await database_time(connection) + lifetime)
