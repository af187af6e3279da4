"""What a table refuses, as one sentence for a user: of a rule the one that its part has written, else a general one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import asyncpg

from jobrunner.errors import Conflict, InvalidInput, JobrunnerError


class Refusals:
    """The sentences of a part, for the constraints of its tables.

    Args:
        sentences: by the name of the constraint.
        quoting: pass on what PostgreSQL says of a value that has no sentence. It quotes the value, or the whole row as
            it was handed over: not for tables that hold secrets.
    """

    def __init__(self, sentences: Mapping[str, str], *, quoting: bool = True) -> None:
        self._sentences = sentences
        self._quoting = quoting

    @contextmanager
    def in_words(self, what: str = "") -> Iterator[None]:
        """Raise what PostgreSQL refuses as one of our errors; what is written is `what`, such as `target list`.

        Raises:
            Conflict: there is one already.
            InvalidInput: a value is refused.
        """
        try:
            yield
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            raise self._in_words(error, what) from None

    def _in_words(self, error: asyncpg.PostgresError, what: str) -> JobrunnerError:
        rule = error.constraint_name or ""
        sentence = self._sentences.get(rule)
        match error:
            case asyncpg.UniqueViolationError():
                general = f"there is a {what} of that name already: choose another"
                return Conflict(sentence or (general if what else f"there is one already: {error.detail}"))
            case asyncpg.ForeignKeyViolationError():
                subject = f"the {what}" if what else "it"
                return InvalidInput(sentence or f"{subject} refers to what is not there: {error.detail}")
            case asyncpg.CheckViolationError():
                return InvalidInput(sentence or f"the {what or 'value'} breaks the rule {rule}")
            case _:  # its detail would show the row
                said = f": {error.args[0]}" if self._quoting else ""
                return InvalidInput(f"the {what or 'value'} cannot be stored{said}")


refusals_in_words = Refusals({}).in_words
"""For tables without sentences of their own."""
