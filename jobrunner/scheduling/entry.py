"""What is checked where a scheduled job is entered, so that nothing of it is refused when it fires."""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from jobrunner.crontab import Crontab, zone
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.definitions import Definition, Registry, plain_name
from jobrunner.errors import InvalidInput, InvalidJobData, UnknownDefinition, nearest
from jobrunner.queue.data import encode

READ_DEFINITIONS = load(__package__, "read_definitions")

LONGEST_NAME = 255
JOINERS = "\u200c\u200d"
"""Format characters that some scripts need and that harm nothing."""
STATUSES = ("Active", "Inactive")
USUAL_CRONTAB = "*/10 * * * *"
"""What a new scheduled job gets where neither its maker nor its definition says anything."""


def check_name(name: str) -> str:
    """Return a scheduled job's name, without blanks around it; raise InvalidInput for one that could deceive."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidInput(f"a scheduled job's name must have 1 to {LONGEST_NAME} characters, got {len(name)}")
    for place, letter in enumerate(name, 1):
        if unicodedata.category(letter)[0] in "CZ" and letter != " " and letter not in JOINERS:
            raise InvalidInput(
                f"a scheduled job's name may hold no control characters, direction marks or unusual blanks, got "
                f"U+{ord(letter):04X} as character {place}"
            )
    if name.isascii() and name.isdecimal():
        raise InvalidInput(f"a scheduled job's name may not be a number, got {name}: it would be taken for an id")
    return name


def check_crontab(text: str) -> str:
    """Return the expression with single blanks; raise CrontabError with field, value and what is allowed."""
    return Crontab.parse(text).text


def check_zone(name: str | None) -> str | None:
    """Return the name of a time zone, None for the installation's; raise InvalidInput with the nearest names."""
    return None if name is None else zone(name).key


def check_status(status: str) -> str:
    """Return Active or Inactive, however it is written; raise InvalidInput for anything else."""
    for known in STATUSES:
        if status.lower() == known.lower():
            return known
    raise InvalidInput(f"a scheduled job's status must be Active or Inactive, got {status[:40]!r}")


@dataclass(frozen=True, slots=True)
class Published:
    """A definition as the daemons publish it."""

    name: str
    crontab: str | None
    fans_out: bool
    parameters: Mapping[str, Any]
    """The data's JSON schema."""


async def read_published(connection: Queryable) -> dict[str, Published]:
    """Return what daemons have published, by name."""
    return {
        row["name"]: Published(row["name"], row["crontab"], row["fans_out"], json.loads(row["parameters"]))
        for row in await connection.fetch(READ_DEFINITIONS)
    }


def find_definition(name: str, registry: Registry, published: Mapping[str, Published]) -> Definition | Published:
    """Return the definition of a name in CamelCase or kebab-case that this process or a daemon knows.

    Raises:
        UnknownDefinition: with the nearest names.
    """
    known: dict[str, Definition | Published] = {**published, **{own.name: own for own in registry}}
    if name in known:
        return known[name]
    for candidate, definition in known.items():
        if plain_name(candidate) == plain_name(name):
            return definition
    raise UnknownDefinition(name, known)


def check_data(data: Mapping[str, Any], definition: Definition | Published) -> str:
    """Return a scheduled job's data as JSON.

    Where the definition fans out, what is missing may come with the targets. Types are checked where the definition
    is known to this process; else the first run names what does not fit.

    Raises:
        InvalidJobData: names the field.
    """
    if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
        raise InvalidJobData('a job\'s data must be a JSON object, written as {"name": value, …}')
    text = encode(data)
    if isinstance(definition, Definition) and definition.targets is None:
        definition.arguments(data)
        return text
    if isinstance(definition, Definition):
        allowed: Iterable[str] | None = definition.parameters
        required: Iterable[str] = ()
    else:
        schema = definition.parameters
        allowed = None if schema.get("additionalProperties", True) else schema.get("properties", {})
        required = () if definition.fans_out else schema.get("required", ())
    for field in data:
        if allowed is not None and field not in allowed:
            raise InvalidJobData(f"{definition.name}: {field!r} is no parameter of it{nearest(field, allowed)}")
    for field in required:
        if field not in data:
            raise InvalidJobData(f"{definition.name}: {field!r} is missing")
    return text


def nearest_name(wanted: str, names: Iterable[str]) -> str:
    """Return `; did you mean A?` for scheduled jobs' names, or where to find them all."""
    lowered = {name.lower(): name for name in names}
    close = get_close_matches(wanted.lower(), lowered, n=3, cutoff=0.55)
    if close:
        return "; did you mean " + " or ".join(repr(lowered[match]) for match in close) + "?"
    return ": `jobrunner scheduled-jobs list` shows all"
