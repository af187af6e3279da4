"""A job's data as options of `run-job`: `run-job Cleanup --dry-run` stands for `--data '{"dry_run": true}'`."""

import json
from typing import TYPE_CHECKING, Any

from jobrunner.errors import InvalidInput, nearest

if TYPE_CHECKING:
    from jobrunner.definitions import Definition

GIVEN_ALREADY = ("target-id", "target-type", "data", "force", "json")
"""Options of the command itself: data of these names goes by --data."""


def data_of(definition: "Definition", arguments: list[str]) -> dict[str, Any]:
    """Return what the options that the command itself does not know mean for this job.

    A yes-or-no of the job is an option without a value (`--no-…` for no); any other takes one, read as JSON if it is
    that and else as text.

    Raises:
        InvalidInput: the job has no such data, or a value is missing.
    """
    schemas: dict[str, Any] = definition.parameters_schema().get("properties", {})
    fields = {name.replace("_", "-"): name for name in schemas}
    data: dict[str, Any] = {}
    waiting = iter(arguments)
    for argument in waiting:
        if not argument.startswith("--"):
            raise InvalidInput(f"run-job takes the name of one job, got {argument!r} beside it")
        option, given, value = argument[2:].partition("=")
        is_no = option.startswith("no-") and option not in fields
        field = fields.get(option.removeprefix("no-") if is_no else option)
        if field is None or (is_no and not _is_flag(schemas[field])):
            raise _unknown(definition, option, fields)
        if _is_flag(schemas[field]) and not given:
            data[field] = not is_no
            continue
        if not given and (value := next(waiting, "")) == "":
            raise InvalidInput(f"--{option} needs a value")
        data[field] = _read(value)
    return data


def _is_flag(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "boolean"


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _unknown(definition: "Definition", option: str, fields: dict[str, str]) -> InvalidInput:
    known = [name for name in fields if name not in GIVEN_ALREADY]
    if not known:
        return InvalidInput(f"there is no option --{option}: {definition.name} takes no data")
    return InvalidInput(f"there is no option --{option}, and no such data of {definition.name}{nearest(option, known)}")
