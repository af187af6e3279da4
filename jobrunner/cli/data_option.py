"""`--data -`: JSON that comes from standard input."""

import sys

from jobrunner.errors import InvalidInput


def data_text(given: str) -> str:
    """Return what the option holds; for `-` all of standard input.

    Raises:
        InvalidInput: it cannot be read.
    """
    if given != "-":
        return given
    try:
        return sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise InvalidInput(f"--data - reads standard input, which cannot be read: {why}") from None
