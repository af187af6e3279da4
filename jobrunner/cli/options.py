"""The options that every command understands, as given on this command line, and the one that most have."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, with all that is known.")]
"""Of each command that prints what it found or changed."""


@dataclass
class GlobalOptions:
    """What stood before the command; None or empty where nothing was given."""

    database_url: str | None = field(default=None, repr=False)
    config_file: Path | None = None
    imports: list[str] = field(default_factory=list)

    def as_settings(self) -> dict[str, Any]:
        """Return them as `jobrunner.config.load` takes them."""
        return {
            "database_url": self.database_url,
            "config_file": self.config_file,
            "imports": self.imports or None,
        }


given = GlobalOptions()
"""Filled in before a command runs; one process, one command line."""

TAKE_A_VALUE = ("--database-url", "--config", "--import")


def as_meant(arguments: list[str]) -> list[str]:
    """Return the arguments with `--version` and `help COMMAND`, as other programs have them, in our words."""
    if arguments in (["--version"], ["-V"]):
        return ["version"]
    if arguments[:1] == ["help"]:
        return [*arguments[1:], "--help"]
    return arguments


def globals_first(arguments: list[str]) -> list[str]:
    """Return the arguments with the global options moved to the front, so that they may stand anywhere."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in TAKE_A_VALUE:
            front += [argument, *([value] if (value := next(waiting, None)) is not None else [])]
        elif argument.startswith(tuple(f"{name}=" for name in TAKE_A_VALUE)):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest
