"""What somebody has typed, as it is stored."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobrunner.errors import InvalidInput, nearest


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
