"""Secrets that a person gives to a command: typed unseen, from the environment or from a file; never as an argument,
which everybody on the machine may read in the list of processes."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from jobrunner.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import SecretStr

LARGEST = 65536
"""Octets of a secret."""


def read_secret(what: str, *, env: str | None, file: Path | None, ask: bool = False) -> "SecretStr | None":
    """Return a secret from where the options say, or None where they say nothing.

    Args:
        what: how it is called: `password`.
        env: name of a variable of the environment.
        file: a file whose text it is, without the line end behind it; `-` for standard input.
        ask: at the terminal, unseen.

    Raises:
        InvalidInput: two ways were given, or it is not to be had there.
    """
    from pydantic import SecretStr

    if sum((env is not None, file is not None, ask)) > 1:
        raise InvalidInput(f"the {what} can be given in one way only: environment, file or terminal")
    if env is not None:
        text = os.environ.get(env)
        if text is None:  # the name is not repeated: it may be the secret itself
            raise InvalidInput(f"the environment has no variable of the name given for the {what}")
    elif file is not None:
        text = _from_file(what, file)
    elif ask:
        if not sys.stdin.isatty():
            raise InvalidInput(
                f"there is no terminal to ask for the {what} at: name a file or variable that holds it (`--help` shows "
                "how)"
            )
        text = typer.prompt(what.capitalize(), hide_input=True, err=True)
    else:
        return None
    if not text:
        raise InvalidInput(f"the {what} is empty")
    return SecretStr(text)


def _from_file(what: str, file: Path) -> str:
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise InvalidInput(f"the {what} has more than {LARGEST} octets")
        text = data.decode()
    except OSError as error:
        raise InvalidInput(f"the file for the {what} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"the {what} must be UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")
