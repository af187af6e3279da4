"""The account at a mail server by which mail is sent."""

import re
import shlex
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import SecretStr

from jobrunner.config import Smtp
from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.oauth import LONGEST, OAuth

# A domain name with at least one dot, or an address literal (RFC 5321, 4.1.3).
EHLO_NAME = re.compile(r"(?=.{1,255}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+|\[[0-9A-Za-z:.]{1,64}\]")


@dataclass(frozen=True)
class Account:
    """Where to connect to, how securely, as whom, and for how long to wait. Equal accounts are one account."""

    host: str
    port: int = 587
    security: Literal["tls", "ssl", "none"] = "tls"
    """`tls`: STARTTLS is demanded; `ssl`: TLS from the first byte; `none`: in clear, login only on this machine."""
    username: str | None = None
    password: SecretStr | None = None
    local_hostname: str | None = None
    """The name given in EHLO; None for this machine's, or its address where it has no full name."""
    connect_limit: float = 30.0
    """Seconds for the connection, TLS and the greeting."""
    command_limit: float = 60.0
    """Seconds for the answer to a command."""
    data_limit: float = 600.0
    """Seconds for the answer to a whole message: a short limit here makes doubles."""
    tls_context: ssl.SSLContext | None = None
    """Instead of the machine's own certificates."""
    mechanism: Literal["plain", "login", "cram-md5"] | None = None
    """How to log in with the password; None for the first of these that the server offers."""
    oauth: OAuth | None = None
    """Log in by XOAUTH2 with access tokens from there, in place of a password."""
    permits: Callable[[str, int], bool] | None = None
    """Asked for each address that the host's name led to, and the port, before it is connected to; None permits all."""
    row: str | None = field(default=None, compare=False)
    """The account's name in the table of accounts; None for that of the configuration. It says where to change it."""

    def __post_init__(self) -> None:
        if self.local_hostname is not None and not EHLO_NAME.fullmatch(self.local_hostname):
            raise ConfigurationError(
                f"{self.setting('local-hostname')} must be a full domain name (mail.example.com) or an address in "
                f"brackets ([192.0.2.1]), got {self.local_hostname!r}"
            )
        if self.oauth is not None and self.username is None:
            raise ConfigurationError("a login by XOAUTH2 needs the user's name beside the tokens")

    @classmethod
    def from_configuration(cls, smtp: Smtp) -> Self | None:
        """Return the account that the configuration names, or None where it names no server."""
        if smtp.host is None:
            return None
        return cls(
            host=smtp.host,
            port=smtp.port,
            security=smtp.security,
            username=smtp.username,
            password=smtp.password,
            local_hostname=smtp.local_hostname,
            connect_limit=smtp.timeout_connect,
            command_limit=smtp.timeout_command,
            data_limit=smtp.timeout_data,
        )

    @property
    def place(self) -> str:
        """How a sentence names the server."""
        return f"the mail server {self.host}:{self.port}"

    def setting(self, name: str) -> str:
        """Return how a setting of the account is called where it stands, such as `security`."""
        return f"--{name}" if self.row is not None else f"JOBRUNNER_SMTP__{name.replace('-', '_').upper()}"

    def remedy(self, name: str, value: str | None) -> str:
        """Return what a person does to change a setting, as a part of a sentence; None empties it."""
        if self.row is None:
            return f"unset {self.setting(name)}" if value is None else f"set {self.setting(name)} to {value}"
        change = f"--clear {name}" if value is None else f"{self.setting(name)} {value}"
        return f"`jobrunner smtp-account edit {shlex.quote(self.row)} {change}`"

    @property
    def send_limit(self) -> float:
        """Seconds that no `send` of up to 256 KB can exceed: it may connect twice, and every step has its limit."""
        tokens = 2 * LONGEST if self.oauth is not None else 0.0
        return tokens + 4 * self.connect_limit + 16 * self.command_limit + self.data_limit

    def ehlo_name(self, own_address: str) -> str:
        """Return the name for EHLO; without DNS, which may take seconds and know nothing."""
        if self.local_hostname is not None:
            return self.local_hostname
        name = socket.gethostname()
        if EHLO_NAME.fullmatch(name):
            return name
        address = own_address.partition("%")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
