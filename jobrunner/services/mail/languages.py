"""Which language somebody is spoken to in: the one place where that is chosen."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

DEFAULT = "en"
LONGEST_WISH = 500
WISH = re.compile(r"\s*([A-Za-z]{2,3})((?:[-_]\w+)*)\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")


def words_in(languages: Mapping[str, T], *wishes: str | None) -> T:
    """Return the words for the first wish that can be met, else the English ones.

    Args:
        languages: words by tag: `de`, or for a variety of its own `de_AT`; English is among them.
        wishes: tags such as `de_AT` or `de-AT`, or Accept-Language headers (RFC 9110, 12.5.4).
    """
    for wish in wishes:
        for tag in _tags((wish or "")[:LONGEST_WISH]):
            if tag in languages:
                return languages[tag]
    return languages[DEFAULT]


@lru_cache(maxsize=1000)
def _tags(wish: str) -> tuple[str, ...]:
    """Return the tags of a wish by preference, each variety before its language."""
    weighted: list[tuple[float, str]] = []
    for part in wish.split(","):
        if match := WISH.fullmatch(part):
            language = match[1].lower()
            tags = (f"{language}{match[2].replace('-', '_')}", language)
            weighted += [(-float(match[3] or 1), tag) for tag in dict.fromkeys(tags)]
    return tuple(tag for weight, tag in sorted(weighted, key=lambda entry: entry[0]) if weight < 0)
