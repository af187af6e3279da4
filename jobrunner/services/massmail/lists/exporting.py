"""Writes a list as CSV, so that a spreadsheet may open it: no cell is taken for a formula (failures H11)."""

import csv
from collections.abc import AsyncIterable
from typing import TextIO

from jobrunner.services.massmail.lists.members import Member

HEADINGS = ("type", "id", "name", "first name", "last name", "email", "language", "opted out")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def defuse(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: one that begins like one gets a `'` before it."""
    return f"'{text}" if text.startswith(FORMULA) else text


async def export_members(members: AsyncIterable[Member], file: TextIO) -> int:
    """Write a list to a file that was opened with newline='', and return how many members it has."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    count = 0
    async for member in members:
        cells = (
            member.target_type,
            member.target_id,
            member.name,
            member.first_name,
            member.last_name,
            member.email,
            member.language,
            "yes" if member.opted_out else "no",
        )
        writer.writerow([defuse(cell or "") for cell in cells])
        count += 1
    return count
