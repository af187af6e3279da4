"""Cells as a spreadsheet may open them: none is taken for a formula (failures H11), and an import reads them back."""

import re

FORMULA = ("=", "+", "-", "@", "\t", "\r")
DEFUSED = re.compile(r"'+[=+\-@\t\r]")
"""What an export makes of a cell that begins like a formula; one `'` is taken away again."""


def defuse(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: one that begins like one gets a `'` before it."""
    return f"'{text}" if text.startswith(FORMULA) or DEFUSED.match(text) else text


def restored(cell: str) -> str:
    """Return a cell as it was before an export made it harmless, without blanks around it."""
    text = cell.strip()
    return text[1:] if DEFUSED.match(text) else text
