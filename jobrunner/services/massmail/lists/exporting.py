"""Writes a list as CSV. An import reads it back: the same persons with the same fields, as texts."""

import csv
import json
from collections.abc import AsyncIterable, Sequence
from typing import Any, TextIO

from jobrunner.services.massmail.lists.cells import defuse
from jobrunner.services.massmail.lists.headings import heading_of
from jobrunner.services.massmail.lists.members import Member

HEADINGS = ("type", "id", "name", "first name", "last name", "email", "company", "language", "opted out")


async def export_members(members: AsyncIterable[Member], file: TextIO, fields: Sequence[str] = ()) -> int:
    """Write a list to a file that was opened with newline='', and return how many members it has.

    `fields` are the names of the fields that are written, each in a column (`list_fields`).
    """
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([*HEADINGS, *(defuse(heading_of(name)) for name in fields)])
    count = 0
    async for member in members:
        cells = (
            member.target_type,
            member.target_id,
            member.name,
            member.first_name,
            member.last_name,
            member.email,
            member.company,
            member.language,
            "yes" if member.opted_out else "no",
            *(_as_text(member.fields.get(name)) for name in fields),
        )
        writer.writerow([defuse(cell or "") for cell in cells])
        count += 1
    return count


def _as_text(value: Any) -> str:
    """Return the value of a field as text: of what is none, its JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
