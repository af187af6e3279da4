"""Help without a table, whose columns would cut the names of options: of some commands, and in narrow windows."""

import shutil
from typing import Any

from typer.core import TyperCommand

TABLE_WIDTH = 80
"""Columns from which on help is a table."""
LEAST_WIDTH = 30
"""Columns to which it is fitted at least."""


class PlainHelp(TyperCommand):
    """Shows its options as a list: those of many commands do not fit into a table in any usual window."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As of any command of Typer's."""
        super().__init__(*arguments, **{**options, "rich_markup_mode": None})


def fit_help(command: Any) -> dict[str, int]:
    """Make the help of a command and all below it plain where the window is narrow; return options to call it with."""
    columns = shutil.get_terminal_size().columns
    if columns >= TABLE_WIDTH:
        return {}
    _make_plain(command)
    return {"terminal_width": max(columns - 2, LEAST_WIDTH)}


def _make_plain(command: Any) -> None:
    command.rich_markup_mode = None
    # Else a list of commands cuts what each is for, and does not wrap it.
    command.short_help = command.short_help or (command.help or "").partition("\n\n")[0]
    for child in getattr(command, "commands", {}).values():
        _make_plain(child)
