"""The account at an IMAP server whose mail is read."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.oauth import OAuth

Mechanism = Literal["plain", "login", "cram-md5"]

ENDS_A_LINE = re.compile("[\0\r\n]")


@dataclass(frozen=True)
class Limits:
    """How long to wait for a server, in seconds; each is named in the error that says it ran out."""

    connect: float = 15.0
    """For name, connection and TLS."""
    silence: float = 60.0
    """Without an octet from the server while an answer is due."""
    command: float = 600.0
    """For the whole answer to one command, however busily the server talks."""
    farewell: float = 5.0
    """For LOGOUT."""


@dataclass(frozen=True)
class Account:
    """Where to connect to, how securely, as whom, and for how long to wait. Equal accounts are one account."""

    host: str
    username: str
    port: int = 993
    password: SecretStr | None = None
    security: Literal["ssl", "tls", "none"] = "ssl"
    """`ssl`: TLS from the first octet; `tls`: STARTTLS is demanded; `none`: in clear, login only on this machine."""
    mechanism: Mechanism | None = None
    """How to log in with the password; None for the best that the server offers."""
    oauth: OAuth | None = None
    """Log in by XOAUTH2 or OAUTHBEARER with access tokens from there, in place of a password."""
    limits: Limits = Limits()
    tls_context: ssl.SSLContext | None = None
    """Instead of the machine's own certificates."""
    permits: Callable[[str, int], bool] | None = None
    """Asked for each address that the host's name led to, and the port, before it is connected to; None permits all."""

    def __post_init__(self) -> None:
        if not self.host or any(c.isspace() or not c.isprintable() for c in self.host):
            raise ConfigurationError(
                f"the host of an IMAP server must be a name or an address, got {self.host[:200]!r}"
            )
        if not 0 < self.port < 65536:
            raise ConfigurationError(f"the port of an IMAP server must be from 1 to 65535, got {self.port}")
        if ENDS_A_LINE.search(self.username):
            raise ConfigurationError("the user's name at an IMAP server must be one line")
        if self.password is not None and ENDS_A_LINE.search(self.password.get_secret_value()):
            raise ConfigurationError("the password at an IMAP server must be one line")

    @property
    def place(self) -> str:
        """How a sentence names the server."""
        return f"the IMAP server {self.host}:{self.port}"
