"""Arrays of numbers as parameters of statements."""

from collections.abc import Iterable


def array(numbers: Iterable[int | None]) -> str:
    """Return an array of numbers as text that PostgreSQL reads (`$1::text::bigint[]`); there is no None among them.

    The driver looks at each element of an array, which costs more than all else that a short row costs here.
    """
    return f"{{{str(list(numbers))[1:-1]}}}"
