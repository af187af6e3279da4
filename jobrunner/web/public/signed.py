"""Reads the tokens in links, by keys that are fetched when the first link is followed."""

import time
from collections.abc import Callable

from jobrunner.db.connection import Connection
from jobrunner.db.secrets import Keyring, signing_keys
from jobrunner.errors import ConfigurationError
from jobrunner.services.massmail.tokens import PURPOSE, Token, TokenKind, Tokens

LOOK_AGAIN = 10.0
"""Seconds between two looks for a key that was added since."""


class SignedLinks:
    """Tells ours from forged ones."""

    def __init__(self, connection: Connection, keyring: Keyring, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._keyring = keyring
        self._clock = clock
        self._tokens: Tokens | None = None
        self._looked_at = -LOOK_AGAIN

    async def read(self, text: str, kind: TokenKind) -> Token | None:
        """Return what a link says; None where we did not sign it, or for something else.

        Raises:
            SecretUnreadable: there are keys, but none of the configuration opens them.
            DatabaseUnavailable: the keys cannot be fetched (and others that pass by themselves).
        """
        token = self._tokens.read(text) if self._tokens is not None else None
        if token is None and self._clock() - self._looked_at >= LOOK_AGAIN:
            await self._load()
            token = self._tokens.read(text) if self._tokens is not None else None
        return token if token is not None and token.kind is kind else None

    async def _load(self) -> None:
        try:
            self._tokens = Tokens(await signing_keys(self._connection, self._keyring, PURPOSE))
        except ConfigurationError:
            self._tokens = None  # without a key to seal with no link was ever signed
        self._looked_at = self._clock()
