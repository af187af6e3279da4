"""One of a few words, however it was typed."""

from typing import Any

from jobrunner.errors import InvalidInput, nearest


def chosen(what: str, text: str, known: tuple[Any, ...]) -> Any:
    """Return the one of the known words that is meant: capitals do not matter, nor hyphens in place of blanks.

    Args:
        what: how the refusal begins: `there is no type of campaign 'x'`.
        text: what was typed.
        known: the words (`get_args` of a Literal).

    Raises:
        InvalidInput: it is none of them; with the nearest ones.
    """
    wanted = text.strip().lower().replace("-", " ")
    for word in known:
        if word.lower() == wanted:
            return word
    raise InvalidInput(f"there is no {what} {text[:60]!r}{nearest(text[:60], known)}")
