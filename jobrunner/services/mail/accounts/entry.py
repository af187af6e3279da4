"""What a person enters about an account, checked before anything is written."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from pydantic import SecretStr

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.accounts.limits import Limits
from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.composing.dkim.key import read_key
from jobrunner.services.mail.entries import LOGIN_SECRETS
from jobrunner.services.mail.entry_checks import (
    LOGINS,
    SECURITIES,
    STATUSES,
    check_choice,
    check_host,
    check_line,
    check_login,
    check_range,
    check_secrets,
)
from jobrunner.services.mail.smtp.account import EHLO_NAME

KINDS = ("System", "Group", "Personal")
UNCERTAIN_POLICIES = ("hold", "retry", "assume_sent")
CHOICES = {
    "kind": KINDS,
    "status": STATUSES,
    "security": SECURITIES,
    "login": LOGINS,
    "uncertain_policy": UNCERTAIN_POLICIES,
}
RANGES = {
    "port": (1, 65535),
    "rate_per_minute": (1, 10_000_000),
    "rate_per_hour": (1, 100_000_000),
    "domain_rate_per_minute": (1, 10_000_000),
    "domain_rate_per_hour": (1, 100_000_000),
    "domain_concurrency": (1, 1000),
    "max_connections": (1, 1000),
    "messages_per_connection": (1, 1_000_000),
    "idle_close": (0, 3600),
}
LINES = {"user_id": 64, "username": 320, "from_name": 255, "oauth_client_id": 1000, "oauth_scope": 1000}
"""Texts of one line, and how long they may be."""
SECRETS = (*LOGIN_SECRETS, "dkim_key", "dkim_second_key")
"""Columns that are sealed."""
DEFAULTS = Limits()


@dataclass(frozen=True)
class AccountEntry:
    """All that is entered about an account. `check` refuses what cannot be right."""

    name: str
    kind: str
    host: str
    from_address: str
    status: str = "Active"
    user_id: str | None = None
    port: int = 587
    security: str = "tls"
    local_hostname: str | None = None
    username: str | None = None
    login: str = "auto"
    oauth_token_url: str | None = None
    oauth_client_id: str | None = None
    oauth_scope: str | None = None
    from_name: str = ""
    reply_to_address: str | None = None
    for_mass_mail: bool = False
    is_shared: bool = False
    guarded: bool = False
    """Entered by somebody who is no administrator: its servers may not be internal ones, unless that is allowed."""
    rate_per_minute: int | None = None
    rate_per_hour: int | None = None
    domain_rate_per_minute: int | None = None
    domain_rate_per_hour: int | None = None
    domain_concurrency: int = DEFAULTS.domain_concurrency
    max_connections: int = DEFAULTS.max_connections
    messages_per_connection: int = DEFAULTS.messages_per_connection
    idle_close: float = DEFAULTS.idle_close
    """Seconds."""
    uncertain_policy: str = "hold"
    dkim_domain: str | None = None
    dkim_selector: str | None = None
    dkim_second_selector: str | None = None
    secrets: dict[str, SecretStr | Literal[True]] = field(default_factory=dict, repr=False)
    """By their columns (`SECRETS`); True for one that stands sealed in the row and stays."""

    def columns(self) -> dict[str, Any]:
        """Return what goes into the row as it is: all but the secrets."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "secrets"}

    def check(self) -> None:
        """Refuse what cannot be right.

        Raises:
            InvalidInput: names the field and says what it must be; a secret is never shown.
        """
        self.check_plain()
        self._check_login()
        parse_address(self.from_address)
        if self.reply_to_address is not None:
            parse_address(self.reply_to_address)
        self._check_dkim()

    def check_plain(self) -> None:
        """Refuse what cannot be right whatever the sender and the secrets are; raises as `check` does."""
        self._check_name()
        self._check_values()
        self._check_host()
        self._check_kind()

    def _check_name(self) -> None:
        name = self.name
        if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= 100:
            raise InvalidInput(f"the name must be 1 to 100 letters in one line, got {name[:120]!r}")
        if name.isdigit():
            raise InvalidInput(f"{name!r} cannot be a name: ids are numbers")
        if name.lower() == "system" and self.kind != "System":
            raise InvalidInput(f"only the system account may be called {name!r}: choose another name, or --kind System")

    def _check_values(self) -> None:
        for column, allowed in CHOICES.items():
            check_choice(column, getattr(self, column), allowed)
        for column, (least, most) in RANGES.items():
            check_range(column, getattr(self, column), least, most)
        for column, longest in LINES.items():
            check_line(column, getattr(self, column), longest, may_be_empty=column == "from_name")
        check_secrets(self.secrets)

    def _check_host(self) -> None:
        check_host(self.host)
        if self.local_hostname is not None and not EHLO_NAME.fullmatch(self.local_hostname):
            raise InvalidInput(
                "the local hostname must be a full domain name (app.example.com) or an address in brackets "
                f"([192.0.2.1]), got {self.local_hostname!r}"
            )

    def _check_kind(self) -> None:
        if self.kind == "Personal" and self.user_id is None:
            raise InvalidInput("a personal account belongs to a user: give the user's id")
        if self.kind != "Personal" and self.user_id is not None:
            raise InvalidInput(f"a {self.kind.lower()} account belongs to no single user: leave the user's id out")

    def _check_login(self) -> None:
        has = self.secrets.keys()
        if self.username is None:
            if self.login != "auto" or has & {"password", "oauth_client_secret", "oauth_refresh_token"}:
                raise InvalidInput("a login needs the username")
            return
        check_login(
            host=self.host,
            security=self.security,
            login=self.login,
            oauth_token_url=self.oauth_token_url,
            oauth_client_id=self.oauth_client_id,
            secrets=self.secrets,
            without="without login leave the username out",
        )

    def _check_dkim(self) -> None:
        has = self.secrets.keys()
        whole = (self.dkim_domain is not None, self.dkim_selector is not None, "dkim_key" in has)
        if any(whole) and not all(whole):
            raise InvalidInput("DKIM needs domain, selector and key together")
        second = (self.dkim_second_selector is not None, "dkim_second_key" in has)
        if any(second) and not (all(second) and all(whole)):
            raise InvalidInput("a second DKIM signature needs its selector and key together, beside a first one")
        if self.dkim_domain is None or self.dkim_selector is None:
            return
        pairs = ((self.dkim_selector, "dkim_key"), (self.dkim_second_selector, "dkim_second_key"))
        for selector, column in pairs:
            secret = self.secrets.get(column)
            if selector is not None and isinstance(secret, SecretStr):
                read_key(selector, secret.get_secret_value())
        if self.dkim_selector == self.dkim_second_selector:
            raise InvalidInput("the two DKIM keys need selectors of their own")
        domain = parse_address(f"postmaster@{self.dkim_domain}").domain
        sender = parse_address(self.from_address)
        if sender.domain != domain and not sender.domain.endswith(f".{domain}"):
            raise InvalidInput(
                f"the DKIM domain must be that of the sender ({sender.domain}) or one above it, got {domain}: "
                "receivers would not count the signature"
            )
