"""Help of commands that have many options with long names."""

from typing import Any

from typer.core import TyperCommand


class PlainHelp(TyperCommand):
    """Shows its options as a list: the columns of a table would cut their names in a narrow window."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As of any command of Typer's."""
        super().__init__(*arguments, **{**options, "rich_markup_mode": None})
