"""docs/reminders.md says what the code does: its examples run, its lists are complete."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from jobrunner.services.mail.settling import DELAYS
from tests.services.reminders.conftest import Database

DOCUMENT = (Path(__file__).parents[3] / "docs/reminders.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


async def test_the_sql_runs(database: Database):
    async with database.connect() as connection:
        for block in blocks("sql"):
            await connection.execute(block)
    assert await database.run("SELECT count(*) FROM jobrunner.attendee WHERE user_id = 'ann'") == 1


async def test_the_python_runs(database: Database):
    (block,) = blocks("python")
    start = await database.ahead(hours=5)
    names: dict[str, Any] = {"start": start, "another_start": start + timedelta(hours=1)}
    exec(block, names)
    async with database.connect() as connection:
        await names["example"](connection)
    assert await database.run("SELECT status::text FROM jobrunner.attendee") == "Declined"
    assert await database.reminders("id") == []


async def test_every_state_is_explained(database: Database):
    states = await database.pool.fetch("SELECT unnest(enum_range(NULL::jobrunner.reminder_state))::text AS state")
    explained = re.findall(r"^\| ([A-Z]\w+(?:, [A-Z]\w+)*) \|", DOCUMENT, re.MULTILINE)
    assert sorted(", ".join(explained).split(", ")) == sorted(row["state"] for row in states)


def test_the_pauses_are_those_of_the_code():
    minutes = [int(delay.total_seconds() / 60) for delay in DELAYS]
    assert f"after {', '.join(map(str, minutes[:-1]))} minutes and then every hour" in " ".join(DOCUMENT.split())
    assert minutes[-1] == 60
