"""How a webhook is called, and what its events may be called."""

import re
from urllib.parse import urlsplit

from jobrunner.errors import InvalidInput

LONGEST_EVENT = 100
EVENT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def label(id: int, event: str, url: str) -> str:
    """Return what a webhook is called where people are told of it: without the path of its URL, which may be secret."""
    return f"webhook {id} ({event} to {urlsplit(url).netloc.rpartition('@')[2]})"


def check_event(name: str) -> str:
    """Return the name of an event, or of several (`Account.*`, `*`), as a webhook listens to it.

    Raises:
        InvalidInput: it is none.
    """
    text = name.strip()
    if text != "*" and (len(text) > LONGEST_EVENT or not EVENT.fullmatch(text.removesuffix(".*"))):
        raise InvalidInput(
            f"an event is named by words with full stops between them, such as Account.create, Account.* or *, in at "
            f"most {LONGEST_EVENT} letters, got {text[:LONGEST_EVENT]!r}"
        )
    return text
