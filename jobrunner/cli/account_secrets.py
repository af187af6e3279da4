"""The secrets of an account, as the options of its commands give them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECRETS = (
    ("password", "password", "password"),
    ("oauth_client_secret", "client_secret", "client secret"),
    ("oauth_refresh_token", "refresh_token", "refresh token"),
    ("dkim_key", "dkim_key", "DKIM key"),
    ("dkim_second_key", "dkim_second_key", "second DKIM key"),
)
"""Each column that holds a secret, how its options begin, and what the terminal calls it."""


def read_secrets(options: Mapping[str, Any], *, by_default: bool) -> dict[str, Any]:
    """Return the secrets that the options of a command give, by their columns.

    Args:
        options: all of the command's, as typer's context has them.
        by_default: whether the password is asked for at the terminal where no option says where it is.

    Raises:
        InvalidInput: a secret is given in two ways, or is not to be had there.
    """
    from jobrunner.cli.secret_input import read_secret

    nowhere = options["password_env"] is None and options["password_file"] is None
    asked = options["ask_password"] or (by_default and nowhere)
    found: dict[str, Any] = {}
    for column, option, words in SECRETS:
        file = options.get(f"{option}_file")
        secret = read_secret(
            words,
            env=options.get(f"{option}_env"),
            file=None if file is None else Path(file),
            ask=asked and column == "password",
        )
        if secret is not None:
            found[column] = secret
    return found
