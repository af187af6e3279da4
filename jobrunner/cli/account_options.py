"""What the commands of SMTP accounts and of mailboxes have in common: from options to columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobrunner.errors import InvalidInput, nearest

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


def cleared(names: Sequence[str], clearable: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the columns that are to be empty, of what can be emptied by which name.

    Raises:
        InvalidInput: what a name stands for must not be empty.
    """
    columns: dict[str, Any] = {}
    for name in names:
        what = name.strip().lower().replace("-", "_").removeprefix("__")
        if what not in clearable:
            known = [key.replace("_", "-") for key in clearable]
            raise InvalidInput(f"{name[:100]!r} cannot be emptied{nearest(name, known)}")
        columns |= dict.fromkeys(clearable[what])
    return columns


def spelt(word: str, choices: Sequence[str]) -> str:
    """Return one of a few words as it is stored, however its capitals were typed."""
    return next((choice for choice in choices if choice.lower() == word.strip().lower()), word)
