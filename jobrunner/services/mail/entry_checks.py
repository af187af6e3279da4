"""What is checked of accounts that a person enters, of those that send and of those that are read."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import SecretStr

from jobrunner.errors import ConfigurationError, InvalidInput
from jobrunner.queue.wording import figure
from jobrunner.services.mail.oauth import OAuth

STATUSES = ("Active", "Inactive")
SECURITIES = ("tls", "ssl", "none")
LOGINS = ("auto", "plain", "login", "cram-md5", "xoauth2")
HOST = re.compile(
    r"(?=.{1,255}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?"
)

Secrets = Mapping[str, SecretStr | Literal[True]]
"""By their columns; True for one that stands sealed in the row and stays."""


def words_of(column: str) -> str:
    """Return how a sentence names a column."""
    return f"the {column.replace('_', ' ')}".replace("oauth", "OAuth").replace("dkim", "DKIM").replace("imap", "IMAP")


def check_choice(column: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not one of these."""
    if value not in allowed:
        raise InvalidInput(f"{words_of(column)} must be {', '.join(allowed[:-1])} or {allowed[-1]}, got {value!r}")


def check_range(column: str, value: float | None, least: float, most: float) -> None:
    """Refuse a number outside of these."""
    if value is not None and not least <= value <= most:
        raise InvalidInput(f"{words_of(column)} must be from {figure(least)} to {figure(most)}, got {figure(value)}")


def check_line(column: str, text: str | None, longest: int, *, may_be_empty: bool = False) -> None:
    """Refuse a text that is not one line of at most so many letters."""
    if text is not None and (not text.isprintable() or len(text) > longest):
        raise InvalidInput(f"{words_of(column)} must be one line of at most {longest} letters")
    if text == "" and not may_be_empty:
        raise InvalidInput(f"{words_of(column)} must not be empty")


def check_name(name: str, longest: int) -> None:
    """Refuse a name that could be taken for an id, or is not what it looks like."""
    check_line("name", name, longest)
    if name != name.strip() or name.isdecimal():
        raise InvalidInput(f"the name must be letters without blanks around, not a number, got {name[:100]!r}")


def check_secrets(secrets: Secrets) -> None:
    """Refuse a secret that cannot be one; it is never shown."""
    for column, secret in secrets.items():
        if secret is not True and not secret.get_secret_value():
            raise InvalidInput(f"{words_of(column)} must not be empty")
        if secret is not True and "\0" in secret.get_secret_value():
            raise InvalidInput(f"{words_of(column)} must not hold a NUL character")


def check_host(host: str) -> None:
    """Refuse what is neither a host's name nor an address."""
    if "://" in host or "/" in host:
        raise InvalidInput(f"the host must be a name such as mail.example.com, without scheme, got {host!r}")
    if not HOST.fullmatch(host) and not _is_address(host):
        raise InvalidInput(f"the host must be a name such as mail.example.com, or an address, got {host!r}")


def check_login(
    *,
    host: str,
    security: str,
    login: str,
    oauth_token_url: str | None,
    oauth_client_id: str | None,
    secrets: Secrets,
    without: str,
) -> None:
    """Refuse a login that could not succeed, or that would show its password; `without` is how to have none."""
    has = secrets.keys()
    if security == "none" and not _is_loopback(host):
        raise InvalidInput("no password goes in clear over a network: the security must be tls or ssl")
    if login == "xoauth2":
        if oauth_token_url is None or oauth_client_id is None or "oauth_refresh_token" not in has:
            raise InvalidInput("a login by xoauth2 needs the token URL, the client id and the refresh token")
        if "password" in has:
            raise InvalidInput("a login by xoauth2 has no password")
        check_token_url(oauth_token_url)
        return
    if oauth_token_url or oauth_client_id or has & {"oauth_refresh_token", "oauth_client_secret"}:
        raise InvalidInput("a login by tokens must be xoauth2")
    if "password" not in has:
        raise InvalidInput(f"a login needs a password; {without}")


def check_token_url(url: str) -> None:
    """Refuse a token endpoint that is asked without TLS."""
    try:
        OAuth(url, "id", SecretStr("token"))
    except (ConfigurationError, ValueError):
        raise InvalidInput(f"the token URL must begin with https://, got {url[:200]!r}") from None
    if not url.isprintable() or " " in url:
        raise InvalidInput("the token URL must have no blanks or control characters")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
