"""Reads the tokens in links, by keys that are fetched when the first link is followed."""

import time
from collections.abc import Callable, Mapping

from jobrunner.db.connection import Connection
from jobrunner.db.secrets import Keyring, reading_keys
from jobrunner.services.massmail.tokens import PURPOSE, Token, TokenKind, read_token

LOOK_AGAIN = 10.0
"""Seconds between two looks for a key that was added since."""


class SignedLinks:
    """Tells ours from forged ones."""

    def __init__(self, connection: Connection, keyring: Keyring, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._keyring = keyring
        self._clock = clock
        self._keys: Mapping[int, bytes] = {}
        self._looked_at = -LOOK_AGAIN

    async def read(self, text: str, kind: TokenKind) -> Token | None:
        """Return what a link says; None where we did not sign it, or for something else, or its key is lost.

        Raises:
            SecretUnreadable: there are keys, and no key at all is at hand to open them with.
            ConfigurationError: there are keys, and the key file cannot be read.
            DatabaseUnavailable: the keys cannot be fetched (and others that pass by themselves).
        """
        token = read_token(self._keys, text)
        if token is None and self._clock() - self._looked_at >= LOOK_AGAIN:
            self._keys = await reading_keys(self._connection, self._keyring, PURPOSE)
            self._looked_at = self._clock()
            token = read_token(self._keys, text)
        return token if token is not None and token.kind is kind else None
