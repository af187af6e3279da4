"""Text of others, made harmless for a terminal (failures H17)."""

import unicodedata

_JOINERS = {"\u200c", "\u200d"}
"""Format characters that scripts and emoji need and that harm nothing."""


def clean(text: str, *, lines: bool = False) -> str:
    """Return the text with whatever a terminal would obey written out: `\\x1b`, `\\n`, `\\u202e`.

    With `lines`, line breaks and tabs stay, for texts of several lines.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or (lines and character in "\n\t") else _written_out(character)
        for character in text
    )


def _written_out(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")
