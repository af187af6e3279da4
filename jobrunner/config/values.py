"""What may stand in a setting: types that check, each refusal read after the name of the setting."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from jobrunner import database_url


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _module_names(names: list[str]) -> list[str]:
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError("must name Python modules, separated by commas")
    return names


def _queue_names(names: list[str]) -> list[str]:
    if not names:
        raise ValueError("must name at least one queue; leave it out for all")
    for name in names:
        if not name.isprintable() or not name.strip():
            raise ValueError("must name queues, separated by commas")
    return names


def _networks(texts: list[str]) -> list[str]:
    for text in texts:
        try:
            ip_network(text)
        except ValueError:
            raise ValueError("must list IP addresses or networks (10.0.0.0/8), separated by commas") from None
    return texts


def _database_url(url: SecretStr) -> SecretStr:
    database_url.read(url.get_secret_value())
    return url


def _site_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise ValueError("must be an address that begins with http:// or https://")
    return url.rstrip("/")


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    return text


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _no_boolean(value: object) -> object:
    """Return a boolean as the word that it is in the file: Python would take it for the number 0 or 1."""
    return str(value).lower() if isinstance(value, bool) else value


def absolute(path: Path) -> Path:
    """Return the path with `~` and the working folder written out."""
    return path.expanduser().absolute()


Whole = Annotated[int, BeforeValidator(_no_boolean)]
Seconds = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
Folder = Annotated[Path, AfterValidator(absolute)]
Line = Annotated[str, AfterValidator(_one_line)]
Word = BeforeValidator(_lower)
Names = Annotated[list[str], BeforeValidator(_split)]
ModuleNames = Annotated[Names, AfterValidator(_module_names)]
QueueNames = Annotated[Names, AfterValidator(_queue_names)]
Networks = Annotated[Names, AfterValidator(_networks)]
SiteUrl = Annotated[str, AfterValidator(_site_url)]


def default_data_dir() -> Path:
    """Return where the embedded server keeps its data: for root not below a home, which others cannot enter."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/jobrunner")
    # The XDG rules: a relative path there is to be ignored.
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".local" / "share") / "jobrunner"
