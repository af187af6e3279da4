"""Reads the tokens of pages, by keys and a clock that are fetched now and then."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from jobrunner.db.clock import database_time
from jobrunner.db.connection import Connection
from jobrunner.db.secrets import Keyring, SigningKeys, signing_keys
from jobrunner.db.secrets.ticket import read_ticket
from jobrunner.queue.popup_token import LONGEST_LIFETIME, PURPOSE

LOOK_AGAIN = 10.0
"""Seconds between two looks for a key that was added since; so strangers cause no more statements than that."""
CLOCK_HOLDS = 60.0
"""Seconds for which the database's clock is reckoned from our own."""


class PushTokens:
    """Tells whose page it is."""

    def __init__(self, connection: Connection, keyring: Keyring, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._keyring = keyring
        self._clock = clock
        self._keys: SigningKeys | None = None
        self._read_at = -CLOCK_HOLDS
        self._was = datetime.min

    async def read(self, text: str) -> str | None:
        """Return the user's id; None where the token is not ours, for something else, or its time is over.

        Raises:
            ConfigurationError, SecretUnreadable: the keys are not at hand.
            DatabaseUnavailable: they cannot be fetched (and others that pass by themselves).
        """
        if self._keys is None or self._clock() - self._read_at >= CLOCK_HOLDS:
            await self._load()
        user = self._look(text)
        if user is None and self._clock() - self._read_at >= LOOK_AGAIN:
            await self._load()
            user = self._look(text)
        return user

    def _look(self, text: str) -> str | None:
        assert self._keys is not None
        now = self._was + timedelta(seconds=self._clock() - self._read_at)
        # A signer's clock is the same; some milliseconds of its end may be still ahead of what we reckon.
        return read_ticket(self._keys, PURPOSE, text, now, LONGEST_LIFETIME + timedelta(seconds=5))

    async def _load(self) -> None:
        self._keys = await signing_keys(self._connection, self._keyring, PURPOSE)
        self._was = await database_time(self._connection)
        self._read_at = self._clock()
