"""The settings one by one, as a user meets them: their names outside, what they may hold, what they mean."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

PREFIX = "JOBRUNNER_"
EXTERNAL_NAMES = {"imports": "import", "config_file": "config"}
"""Settings that are called otherwise outside, where the outer name cannot be one in Python."""


@dataclass(frozen=True)
class Setting:
    """One setting as a user meets it."""

    path: tuple[str, ...]
    """Its fields in Python: ("lease",) or ("smtp", "port")."""
    field: FieldInfo

    @property
    def key(self) -> str:
        """Its name in the file: `lease`, `smtp.port`."""
        return ".".join(EXTERNAL_NAMES.get(part, part) for part in self.path)

    @property
    def name(self) -> str:
        """Its name in the environment: `JOBRUNNER_LEASE`, `JOBRUNNER_SMTP__PORT`."""
        return PREFIX + self.key.replace(".", "__").upper()

    @property
    def secret(self) -> bool:
        """Whether its value must not be shown as it is."""
        return SecretStr in _types(self.field.annotation)

    @property
    def description(self) -> str:
        """What it means, with its unit."""
        return self.field.description or ""

    @property
    def allowed(self) -> str:
        """What it may hold, to be read after "must be"."""
        return _allowed(self.field)

    @property
    def default(self) -> str | None:
        """The default as one would write it; None where it depends on the machine or is not set."""
        if self.field.default_factory is not None or self.field.default in (None, "", []):
            return None
        return as_text(self.field.default)


def settings_of(model: type[BaseModel], *outer: str) -> Iterator[Setting]:
    """Yield every setting of a model, those of its groups too. A field that is left out of a dump is none."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_of(field.annotation, *outer, name)
        elif not field.exclude:
            yield Setting((*outer, name), field)


def unknown(shown: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence about a name that is no setting, with the nearest that is one."""
    bare = {candidate.removeprefix(PREFIX): candidate for candidate in known}  # the prefix makes all alike
    close = get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=0.6)
    hint = f"did you mean {bare[close[0]]}?" if close else "`jobrunner config show` lists them"
    return f"{shown} is not a setting of jobrunner; {hint}"


def as_text(value: Any) -> str:
    """Return a value as one would write it into the environment."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() | int():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case list():
            return ",".join(value)
        case _:
            return str(value)


def _types(annotation: Any) -> set[Any]:
    """Return the plain types in an annotation: for `Annotated[SecretStr, …] | None`, SecretStr and NoneType."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _types(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return set().union(*(_types(part) for part in get_args(annotation)))
    return {origin or annotation}


def _allowed(field: FieldInfo) -> str:
    types = _types(field.annotation) - {NoneType}
    if Literal in types:
        words = [str(word) for word in get_args(field.annotation)]
        return ", ".join(words[:-1]) + " or " + words[-1]
    if bool in types:
        return "true or false"
    for kind, noun in ((int, "a whole number"), (float, "a number")):
        if kind in types:
            low = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
            high = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
            return f"{noun} from {low} to {high}"
    if list in types:
        return "names separated by commas"
    if Path in types:
        return "a path"
    return "one line of text"
