"""What one setting is: its label, kind, unit, range and default, and how a value is checked.

Names are the labels of the settings screen in snake case. Whoever has settings declares them as a `SettingGroup`: the
engine in `engine_settings`, a service in its own `settings.py` (see `setting_groups`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from jobrunner.errors import InvalidInput, nearest
from jobrunner.imports import alone
from jobrunner.queue.wording import figure

Value: TypeAlias = bool | int | float | str | tuple[str, ...]
Kind = Literal["yes or no", "whole number", "number", "time zone", "text", "choice", "words"]

TEXT_KINDS = ("time zone", "text", "choice")
"""The kinds whose values are texts in the table, too."""

WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
LONGEST_TEXT = 255
MOST_WORDS = 100
LONGEST_WORD = 64


def can_run_in_parallel() -> bool:
    """Return whether this platform can run blocking jobs in processes beside each other."""
    try:
        import multiprocessing.synchronize
    except ImportError:  # no semaphores between processes here
        return False
    return bool({"forkserver", "spawn"} & set(multiprocessing.get_all_start_methods()))


@dataclass(frozen=True, slots=True)
class Setting:
    """What one setting is."""

    name: str
    label: str
    kind: Kind
    default: Value
    meaning: str
    unit: str = ""
    minimum: float = 0
    """Of a number, in `unit`; it belongs to the range, as `maximum` does."""
    maximum: float = 0
    choices: tuple[str, ...] = ()
    """Of a choice, or the words that a list of words may hold; none for any."""
    allowed: str = ""
    """What a text may be, in words; it may always be empty."""
    checked: Callable[[str], str] | None = None
    """Returns a text, or each word of a list, as it is kept, or raises InvalidInput with a sentence that follows the
    setting's name."""

    @property
    def range(self) -> str:
        """Return what is allowed, in words: `from 1 to 3600 s`."""
        match self.kind:
            case "yes or no":
                return "true or false"
            case "time zone":
                return "a region and a city, such as Europe/Berlin, or UTC"
            case "text":
                return self.allowed or f"a text of at most {LONGEST_TEXT} letters"
            case "choice":
                return " or ".join(filter(None, (", ".join(self.choices[:-1]), self.choices[-1])))
            case "words":
                return f"words with commas between them{': ' if self.choices else ''}{', '.join(self.choices)}"
        return f"from {figure(self.minimum)} to {figure(self.maximum)}{' ' if self.unit else ''}{self.unit}"

    def check(self, value: object) -> Value:
        """Return the value of the right type; a text is read as the command line gives it.

        Raises:
            InvalidInput: one sentence with the value, the range and the unit.
        """
        match self.kind, value:
            case "yes or no", bool():
                return value
            case "yes or no", str() if value.strip().lower() in WORDS:
                return WORDS[value.strip().lower()]
            case "whole number", int() if not isinstance(value, bool):
                number: int | float = value
            case "whole number", str() if WHOLE.fullmatch(value.strip()):
                number = int(value)
            case "number", int() | float() if not isinstance(value, bool):
                number = value
            case "number", str() if DECIMAL.fullmatch(value.strip()):
                number = float(value)
            case "time zone", str():
                return self._zone(value.strip())
            case "text", str():
                return self._text(value.strip())
            case "choice", str() if value.strip().lower() in [choice.lower() for choice in self.choices]:
                return next(choice for choice in self.choices if choice.lower() == value.strip().lower())
            case "words", str():
                return self._words(value.split(","))
            case "words", list() | tuple():
                return self._words(value)
            case _:
                raise self.refusal(value)
        if not self.minimum <= number <= self.maximum:
            raise self.refusal(value)
        return number if self.kind == "whole number" else float(number)

    def _zone(self, name: str) -> str:
        with alone("jobrunner.crontab.zones"):
            from jobrunner.crontab.zones import zone

        try:
            return str(zone(name).key)
        except InvalidInput as error:
            raise InvalidInput(f"{self.name}: {error}") from None

    def _text(self, text: str) -> str:
        if len(text) > LONGEST_TEXT or not text.isprintable():
            raise self.refusal(text)
        return self._checked(text) if text else text

    def _checked(self, text: str) -> str:
        if self.checked is None:
            return text
        try:
            return self.checked(text)
        except InvalidInput as error:
            raise InvalidInput(f"{self.name}: {error}") from None

    def _words(self, given: list[object] | tuple[object, ...] | list[str]) -> tuple[str, ...]:
        words: dict[str, None] = {}
        for item in given:
            word = item.strip() if isinstance(item, str) else None
            if word is None or len(word) > LONGEST_WORD or not word.isprintable() or "," in word:
                raise self.refusal(given)
            if word == "":
                continue
            if self.choices:
                same = [choice for choice in self.choices if choice.lower() == word.lower()]
                if not same:
                    raise InvalidInput(f"{self.name} may not hold {word!r}{nearest(word, self.choices)}")
                word = same[0]
            words[self._checked(word)] = None
        if len(words) > MOST_WORDS:
            raise InvalidInput(f"{self.name} may hold {MOST_WORDS} words, got {len(words)}")
        return tuple(words)

    def refusal(self, value: object) -> InvalidInput:
        """Return the sentence for a value that cannot be."""
        what = "a whole number " if self.kind == "whole number" else "a number " if self.kind == "number" else ""
        try:
            given = repr(value)
        except ValueError:  # Python writes no number of more than 4300 digits
            given = "a longer number"
        shown = given if len(given) <= 60 else given[:60] + "…"
        return InvalidInput(f"{self.name} must be {what}{self.range}, got {shown}")


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """Settings that belong together, in the order of the screen."""

    name: str
    """As a heading: `Mass mail`."""
    settings: tuple[Setting, ...]
