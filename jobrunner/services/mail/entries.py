"""What accounts that send and accounts that are read have in common as they are entered and changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring
from jobrunner.errors import InvalidInput, nearest
from jobrunner.services.mail.entry_checks import Secrets
from jobrunner.services.mail.permit import check_server, check_token_server

LOGIN_SECRETS = ("password", "oauth_client_secret", "oauth_refresh_token")
"""Columns that are sealed."""
CONNECTING = {
    "host",
    "port",
    "guarded",
    "security",
    "local_hostname",
    "username",
    "login",
    "oauth_token_url",
    "oauth_client_id",
    "oauth_scope",
    *LOGIN_SECRETS,
}
"""What an account that was refused is mended by: a change of one of these lets it be tried again."""


class Entry(Protocol):
    """What is entered about an account: a frozen dataclass."""

    @property
    def secrets(self) -> Secrets:
        """By their columns."""

    def columns(self) -> dict[str, Any]:
        """Return all but the secrets."""


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class Change(Generic[E]):
    """An account as it is to be."""

    entry: E
    secrets: tuple[str, ...]
    """Columns of secrets that are entered anew, or go."""
    columns: frozenset[str]
    """Whose values are others now."""

    @property
    def mends(self) -> bool:
        """Whether it is to be tried again, however it fared."""
        return not CONNECTING.isdisjoint(self.columns | set(self.secrets))


def changed(former: E, changes: Mapping[str, Any], sealed: tuple[str, ...]) -> Change[E]:
    """Return an account with changes of columns, and of secrets: those that are None go.

    Raises:
        InvalidInput: it has no such column.
    """
    plain = {column: value for column, value in changes.items() if column not in sealed}
    known = former.columns()
    if unknown := plain.keys() - known.keys():
        raise InvalidInput(f"an account has no {min(unknown)!r}{nearest(min(unknown), known)}")
    anew = tuple(column for column in sealed if column in changes)
    secrets = {column: secret for column, secret in former.secrets.items() if column not in anew}
    secrets |= {column: changes[column] for column in anew if changes[column] is not None}
    entry = replace(former, **plain, secrets=secrets)  # type: ignore[type-var]
    return Change(entry, anew, frozenset(column for column, value in plain.items() if known[column] != value))


def seal(keyring: Keyring, secrets: Secrets, place_of: Callable[[str], str]) -> dict[str, str]:
    """Return the secrets that were entered as they stand in the row, each sealed for its place."""
    return {
        column: keyring.seal(secret.get_secret_value(), place=place_of(column))
        for column, secret in secrets.items()
        if secret is not True
    }


async def check_servers(connection: Queryable, *, host: str, port: int, oauth_token_url: str | None) -> None:
    """Refuse internal servers, but for those that are allowed: of an account that no administrator has entered."""
    await check_server(connection, "the host", host, port)
    await check_token_server(connection, oauth_token_url)
