"""From the options of `jobrunner smtp-account` to the columns of an account."""

from pathlib import Path
from typing import Any


def read_secrets(**sources: tuple[str | None, Path | None, bool]) -> dict[str, Any]:
    """Return the secrets that the options give, by their columns.

    Args:
        sources: for each column a variable of the environment, a file, and whether to ask at the terminal.

    Raises:
        InvalidInput: a secret is given in two ways, or is not to be had there.
    """
    from jobrunner.cli.secret_input import read_secret

    words = {
        "password": "password",
        "oauth_client_secret": "client secret",
        "oauth_refresh_token": "refresh token",
        "dkim_key": "DKIM key",
        "dkim_second_key": "second DKIM key",
    }
    found = {
        column: read_secret(words[column], env=env, file=file, ask=ask) for column, (env, file, ask) in sources.items()
    }
    return {column: secret for column, secret in found.items() if secret is not None}


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in values.items() if value is not None}


CLEARABLE = {
    "user": ("user_id",),
    "local_hostname": ("local_hostname",),
    "username": ("username", "password"),
    "password": ("password",),
    "oauth": ("oauth_token_url", "oauth_client_id", "oauth_scope", "oauth_client_secret", "oauth_refresh_token"),
    "oauth_scope": ("oauth_scope",),
    "oauth_client_secret": ("oauth_client_secret",),
    "reply_to": ("reply_to_address",),
    "rate_per_minute": ("rate_per_minute",),
    "rate_per_hour": ("rate_per_hour",),
    "domain_rate_per_minute": ("domain_rate_per_minute",),
    "domain_rate_per_hour": ("domain_rate_per_hour",),
    "dkim": ("dkim_domain", "dkim_selector", "dkim_key", "dkim_second_selector", "dkim_second_key"),
    "dkim_second": ("dkim_second_selector", "dkim_second_key"),
}
"""What can be emptied, and the columns that are then."""


def cleared(names: list[str]) -> dict[str, None]:
    """Return the columns that are to be empty.

    Raises:
        InvalidInput: what a name stands for must not be empty.
    """
    from jobrunner.errors import InvalidInput, nearest

    columns: dict[str, None] = {}
    for name in names:
        what = name.strip().lower().replace("-", "_").removeprefix("__")
        if what not in CLEARABLE:
            known = [key.replace("_", "-") for key in CLEARABLE]
            raise InvalidInput(f"{name[:100]!r} cannot be emptied{nearest(name, known)}")
        columns |= dict.fromkeys(CLEARABLE[what])
    return columns


def spelt(column: str, word: str | None) -> str | None:
    """Return one of a few words as it is stored, however its capitals were typed."""
    from jobrunner.services.mail.accounts.entry import CHOICES

    if word is None:
        return None
    return next((choice for choice in CHOICES[column] if choice.lower() == word.strip().lower()), word)
