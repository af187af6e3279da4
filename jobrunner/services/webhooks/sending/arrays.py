"""Arrays as parameters of statements, in the text that PostgreSQL reads (`$1::text::bigint[]`).

The driver looks at each element of an array, which costs more than all else that a short row costs here.
"""

from collections.abc import Iterable


def array(numbers: Iterable[int | None]) -> str:
    """Return an array of numbers; there is no None among them."""
    return f"{{{str(list(numbers))[1:-1]}}}"


def flags(values: Iterable[bool]) -> str:
    """Return an array of truth values."""
    return f"{{{','.join(['t' if value else 'f' for value in values])}}}"


def texts(values: Iterable[str | None]) -> str:
    """Return an array of texts, NULL for None."""
    return f"{{{','.join(['NULL' if value is None else _quoted(value) for value in values])}}}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
