"""docs/mass-mail.md says what the code does: its examples run, its lists are complete."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from jobrunner.services.massmail.lists.headings import COLUMNS
from jobrunner.services.massmail.lists.members import list_members

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/mass-mail.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


def section(title: str) -> str:
    return re.split(r"^#+ ", DOCUMENT.split(f" {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| ([^|`]+?) \|", text, re.MULTILINE)[1:]


async def test_the_sql_runs(connection):
    for block in blocks("sql"):
        await connection.execute(block)
    assert [member.email async for member in list_members(connection, 1)] == ["lee@example.com"]


async def test_the_python_runs(connection):
    (block,) = blocks("python")
    names: dict[str, Any] = {}
    exec(block, names)
    assert inspect.iscoroutinefunction(names["example"])
    await names["example"](connection)
    assert [member.name async for member in list_members(connection, 1)] == ["Bob Barker"]


@pytest.mark.parametrize(
    ("title", "enum"), [("Mass e-mails", "mass_email_status"), ("What becomes of an item", "queue_item_status")]
)
async def test_every_state_is_explained(connection, title, enum):
    states = await connection.fetchval(f"SELECT enum_range(NULL::jobrunner.{enum})::text[]")
    assert [cell for cell in first_cells(section(title)) if not cell.startswith("-")] == states


async def test_every_reason_to_be_left_out_is_explained(connection):
    source = await connection.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'build_mailing'")
    reasons = re.findall(r"WHEN .* THEN '([a-z ]+)'$", source, re.MULTILINE)
    explained = [cell for cell in first_cells(section("Who is in the queue")) if not cell.startswith("-")]
    assert explained == [*reasons, "repeated"]
    assert len(reasons) == 8


def test_the_columns_of_an_import_are_named():
    for column in {*COLUMNS.values()}:
        assert f"`{column.replace('_', ' ')}`" in section("Target lists")
