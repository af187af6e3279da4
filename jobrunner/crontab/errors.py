"""The one error of this package."""

from jobrunner.errors import InvalidInput

LONGEST_QUOTE = 40


class CrontabError(InvalidInput):
    """A crontab expression is refused: at entry, never when a fire time is due.

    `field` is the field's name (`minute`) or `expression` when no single field is to blame, `value` what was
    written there, `allowed` what may be written instead.
    """

    def __init__(self, field: str, value: str, problem: str, allowed: str) -> None:
        self.field = field
        self.value = value
        self.problem = problem
        self.allowed = allowed
        super().__init__(f"crontab {field} {quoted(value)} {problem}; allowed: {allowed}")

    def __reduce__(self) -> tuple[type["CrontabError"], tuple[str, str, str, str]]:
        return type(self), (self.field, self.value, self.problem, self.allowed)


def quoted(value: str) -> str:
    """Quote for one line of a terminal or log: printable, and not longer than a person reads."""
    shown = value if len(value) <= LONGEST_QUOTE else value[: LONGEST_QUOTE - 3] + "..."
    return ascii(shown)
