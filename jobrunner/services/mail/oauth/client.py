"""What is known of a login provider, and where an account's refresh token is kept."""

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from jobrunner.errors import ConfigurationError

TURN_LIMIT = 45.0
"""Seconds that another process may have the turn; whoever has it is taken to be dead then."""


@dataclass(frozen=True)
class OAuth:
    """How access tokens are had for an account."""

    token_url: str
    """The provider's token endpoint: https, or http on this machine."""
    client_id: str
    refresh_token: SecretStr
    client_secret: SecretStr | None = None
    scope: str | None = None
    tls_context: ssl.SSLContext | None = None
    """Instead of the machine's own certificates."""
    permits: Callable[[str, int], bool] | None = None
    """Asked for each address that the endpoint's name led to, before it is connected to; None permits all."""

    def __post_init__(self) -> None:
        url = urlsplit(self.token_url)
        local = url.hostname in ("localhost", "127.0.0.1", "::1")
        if not url.hostname or url.scheme not in (("https", "http") if local else ("https",)):
            raise ConfigurationError(f"the token endpoint must be an https URL, got {self.token_url[:200]!r}")

    @property
    def place(self) -> str:
        """How a sentence names the provider."""
        return f"the login provider {urlsplit(self.token_url).hostname}"


class Turn(Protocol):
    """The right to use an account's refresh token; nobody else does meanwhile."""

    @property
    def refresh_token(self) -> SecretStr:
        """As it is stored."""
        ...

    async def keep(self, former: SecretStr, new: SecretStr) -> bool:
        """Store a new one in place of the former; return whether that was still there."""
        ...


class Store(Protocol):
    """Where an account's refresh token is kept."""

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """Wait for the turn, `TURN_LIMIT` seconds at most.

        Raises:
            TokenNotFetched: there is no account any more.
            Exception: the store cannot be reached.
        """
        ...
