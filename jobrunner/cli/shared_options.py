"""Options that several commands share: written once, as a class, and merged into the signature of each command."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_type_hints

Command = TypeVar("Command", bound=Callable[..., Any])


def with_options(*groups: type) -> Callable[[Command], Command]:
    """Give a command the options of these classes, in the place of its `**options`; `json` stays the last of all.

    A class has an annotation for each option, `name: Annotated[…] = default`, as a command has for a parameter. The
    command gets their values by name.
    """

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command)
        own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        shared = [parameter for group in groups for parameter in _parameters(group)]
        last = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own if one.name == "json"]
        first = [one for one in own if one.name != "json"]
        command.__signature__ = signature.replace(parameters=[*first, *shared, *last])  # type: ignore[attr-defined]
        command.__annotations__ |= {one.name: one.annotation for one in shared}
        return command

    return decorate


def _parameters(group: type) -> Iterator[inspect.Parameter]:
    for name, annotation in get_type_hints(group, include_extras=True).items():
        yield inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=getattr(group, name), annotation=annotation
        )
