"""docs/commands.md: every command with its arguments and options, read from the application itself."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

import typer

from jobrunner import cli

HEAD = """\
# Commands

This page is made from the program by `scripts/docs`; `jobrunner COMMAND --help` says the same.

`--database-url`, `--config` and `--import` are understood by every command and may stand before or after it; see
[Configuration](configuration.md). Jobs are named as in the code or with hyphens: `SendEmailReminders` or
`send-email-reminders`.

Results go to standard output, everything else to standard error. On a terminal lists are tables; through a pipe they
are lines with tabs between the cells, and `--json` gives everything that is known, for programs.

| exit code | |
| --- | --- |
| 0 | it went well |
| 1 | it failed; one sentence on standard error says why |
| 2 | it was refused before anything was done: a mistake in the call, the configuration or a name |
| 130, 143 | ended by Ctrl-C, by SIGTERM |

`jobrunner status` is for monitoring and has codes of its own: 0 all well, 1 a warning, 2 critical.
"""


@dataclass(frozen=True)
class Parameter:
    """One argument or option of a command."""

    written: str
    """As it is typed: `--count N`."""
    usage: str
    """As it stands in the first line: in brackets where it may be left out."""
    meaning: str
    is_option: bool


@dataclass(frozen=True)
class Command:
    """One command."""

    name: str
    """With its group: `crontab explain`."""
    help: str
    parameters: list[Parameter]

    @property
    def options(self) -> set[str]:
        """Every option that it understands, its short forms included."""
        return {
            word for one in self.parameters if one.is_option for word in re.findall(r"(?<!\S)--?[\w-]+", one.written)
        }


def everywhere() -> list[Parameter]:
    """Return the options that stand before or after any command."""
    callback = cli.app.registered_callback
    assert callback is not None
    assert callback.callback is not None
    return list(_parameters(callback.callback))


def commands() -> list[Command]:
    """Return all commands in the order in which the program lists them."""
    found = [_command(info, None) for info in cli.app.registered_commands]
    for group in cli.app.registered_groups:
        assert group.typer_instance is not None
        found += [_command(info, group.name) for info in group.typer_instance.registered_commands]
    order = [(group or module.replace("_", "-")) for module, group in cli.MODULES.items()]
    return sorted(found, key=lambda command: order.index(command.name.split()[0]))


def groups() -> dict[str, str]:
    """Return the name of each group of commands, and what it is for."""
    return {
        str(group.name): str(group.typer_instance.info.help)
        for group in cli.app.registered_groups
        if group.typer_instance is not None
    }


def page() -> str:
    """Return the whole document."""
    parts = [HEAD, "## Options of every command\n", _table(everywhere())]
    seen: set[str] = set()
    for command in commands():
        group = command.name.split()[0] if " " in command.name else None
        if group is not None and group not in seen:
            seen.add(group)
            parts.append(f"## {group}\n\n{groups()[group]}\n")
        usage = _wrapped([f"jobrunner {command.name}", *(one.usage for one in command.parameters)])
        parts.append(f"{'##' if group is None else '###'} {command.name}\n\n```\n{usage}\n```\n")
        parts.append(f"{command.help}\n")
        if command.parameters:
            parts.append(_table(command.parameters))
    return "\n".join(parts)


def _command(info: Any, group: str | None) -> Command:
    callback: Callable[..., Any] = info.callback
    own = info.name or callback.__name__.replace("_", "-")
    help_ = " ".join(inspect.cleandoc(info.help or callback.__doc__ or "").split())
    return Command(own if group is None else f"{group} {own}", help_, list(_parameters(callback)))


def _parameters(callback: Callable[..., Any]) -> Iterator[Parameter]:
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        info = next((item for item in getattr(hints[name], "__metadata__", ()) if hasattr(item, "param_decls")), None)
        if info is None:
            continue  # typer's own context
        required = parameter.default is parameter.empty
        default = None if required else parameter.default
        meaning = " ".join((info.help or "").split())
        metavar = info.metavar or name.upper()
        if isinstance(info, typer.models.ArgumentInfo):
            usage = metavar if required else f"[{metavar}]"
            several = not required and "list[" in str(hints[name]) and not metavar.endswith("...")
            yield Parameter(metavar, f"{usage}..." if several else usage, meaning, is_option=False)
            continue
        flag = isinstance(default, bool)
        # What stands first in typer.Option() is taken for a default, until typer itself looks at it.
        given = [word for word in (info.default, *(info.param_decls or ())) if str(word).startswith("-")]
        decls = given or [f"--{name.replace('_', '-')}"]
        value = "" if flag else f" {metavar}"
        if default not in (None, False, ""):
            meaning += f" Default: {default}."
        written = f"{', '.join(decls)}{value}"
        usage = f"{decls[0]}{value}"
        yield Parameter(written, usage if required else f"[{usage}]", meaning, is_option=True)


def _table(parameters: list[Parameter]) -> str:
    rows = [f"| `{one.written}` | {one.meaning.replace('|', chr(92) + '|')} |" for one in parameters]
    return "\n".join(["| | |", "| --- | --- |", *rows]) + "\n"


def _wrapped(words: list[str], width: int = 100) -> str:
    """Return a usage line in several, broken between its parts."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > width:
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}"
    return "\n".join(lines)
