"""Showing the configuration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from jobrunner.config.catalogue import Setting
from jobrunner.config.masking import mask_one_url, mask_url
from jobrunner.config.model import Configuration, settings


@dataclass(frozen=True)
class Row:
    """One setting with its value as `config show` prints it."""

    name: str
    value: str | float | bool | list[str] | None
    """With secrets masked."""
    source: str
    """"option", "environment", "file PATH" or "default"."""
    description: str


def describe(configuration: Configuration) -> list[Row]:
    """Return every setting with its value, secrets masked, and where the value comes from."""
    rows = []
    for setting in settings():
        value: Any = configuration
        for part in setting.path:
            value = getattr(value, part)
        source = configuration.origins.get(".".join(setting.path), "default")
        rows.append(Row(setting.name, _masked(setting, value), source, setting.description))
    return rows


def _masked(setting: Setting, value: Any) -> Any:
    if isinstance(value, SecretStr):
        return mask_one_url(value.get_secret_value()) if "url" in setting.path[-1] else "***"
    return mask_url(str(value)) if isinstance(value, str | Path) else value
