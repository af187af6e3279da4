"""Where values come from: the environment and a TOML file."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from jobrunner.config.catalogue import PREFIX, Setting, unknown
from jobrunner.config.values import absolute
from jobrunner.errors import ConfigurationError

Catalogue = Sequence[Setting]

NOT_SETTINGS = r"JOBRUNNER_(DEBUG|TEST_.*|LONG.*)"
"""Names of the environment that are ours without being a setting; the last two are of this project's tests."""
SERVICE_LINKS = r"JOBRUNNER(_.*)?_(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)"
"""What Kubernetes and Docker put into containers beside a service that is called jobrunner."""


class Layer(PydanticBaseSettingsSource):
    """One source: its values by field, and for each key that it is the one that gave it."""

    def __init__(self, settings_cls: type[BaseSettings], origin: str, values: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self.values = values
        self.origin = origin

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of one field; asked for by the base class only."""
        return self.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the values, for the base class to merge with those of the other sources."""
        keys: dict[str, str] = {}
        for name, value in self.values.items():
            if isinstance(value, Mapping):  # a group
                keys |= {f"{name}.{inner}": self.origin for inner in value}
            else:
                keys[name] = self.origin
        return {**self.values, "origins": keys}


def read_environment(catalogue: Catalogue, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that the environment gives, by field. An empty variable counts as not set."""
    values: dict[str, Any] = {}
    upper = {name.upper(): value for name, value in environment.items()}
    for setting in catalogue:
        if value := upper.get(setting.name):
            _place(values, setting.path, value)
    return values


def unknown_names(catalogue: Catalogue, environment: Mapping[str, str]) -> list[str]:
    """Return a sentence for each name in the environment that looks like ours and is none."""
    known = {setting.name for setting in catalogue}
    return [
        unknown(name, name.upper(), known)
        for name in sorted(environment)
        if name.upper().startswith(PREFIX)
        and name.upper() not in known
        and not re.fullmatch(f"{NOT_SETTINGS}|{SERVICE_LINKS}", name)
    ]


def find_file(named: str | Path | None) -> Path | None:
    """Return the file to read: the named one, which must exist, else the first of the usual places."""
    if named is not None:
        return absolute(Path(named))
    for candidate in (Path("jobrunner.toml"), Path("/etc/jobrunner.toml")):
        if candidate.is_file():
            return candidate.absolute()
    return None


def read_file(catalogue: Catalogue, path: Path) -> dict[str, Any]:
    """Return the values that the file gives, by field; an unknown key raises ConfigurationError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the configuration file {path} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the configuration file {path} is not TOML: {error}") from None
    by_key = {setting.key: setting for setting in catalogue if setting.path != ("config_file",)}
    tables = {key.split(".")[0] for key in by_key if "." in key}
    values: dict[str, Any] = {"config_file": path}
    for table in tables & content.keys():
        if not isinstance(content[table], Mapping):
            raise ConfigurationError(f"{table!r} in {path} must be a table: write its settings below a line [{table}]")
    for key, value in _flat(content, tables):
        if key not in by_key:
            raise ConfigurationError(unknown(f"{key!r} in {path}", key, [*by_key, *tables]))
        _place(values, by_key[key].path, value)
    return values


def _flat(content: Mapping[str, Any], tables: set[str]) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, Mapping) and (value or name in tables):  # also a table that is misspelt
            yield from ((f"{name}.{inner}", inner_value) for inner, inner_value in value.items())
        else:
            yield name, value


def _place(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value
