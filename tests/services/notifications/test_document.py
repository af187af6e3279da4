"""docs/notifications.md says what the code does: its examples run, its lists are complete."""

import re
from pathlib import Path
from typing import Any

from jobrunner.services.mail.delivery import MOST_CONNECTIONS, TIME_SLICE
from jobrunner.services.mail.settling import DELAYS
from jobrunner.services.notifications.settings import NOTE_TYPES, NotificationSettings
from tests.services.notifications.conftest import Database

DOCUMENT = (Path(__file__).parents[3] / "docs/notifications.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


async def test_the_examples_run(database: Database):
    await database.user("Ann")
    await database.user("Cyd")
    (block,) = blocks("python")
    names: dict[str, Any] = {}
    exec(block, names)
    async with database.connect() as connection:
        await names["example"](connection)
        for sql in blocks("sql"):
            await connection.execute(sql)
    assert await database.rows("user_id", "type", "read") == [
        ("ann", "Post", True),
        ("ann", "Status", True),
        ("ann", "Assignment", False),
        ("cyd", "Assignment", False),
    ]
    assert not await database.run("SELECT jobrunner.may_see('bob', 'Opportunity', '1')")


async def test_every_state_is_explained(database: Database):
    states = await database.pool.fetch("SELECT unnest(enum_range(NULL::jobrunner.notification_mail))::text AS state")
    assert re.findall(r"^\| ([A-Z]\w+) \|", DOCUMENT, re.MULTILINE) == [row["state"] for row in states]


async def test_the_functions_that_an_application_replaces_are_as_written(database: Database):
    for name, arguments in re.findall(r"^\| `jobrunner\.(\w+)\(([^)]*)\)`", DOCUMENT, re.MULTILINE):
        found = await database.run(
            "SELECT proargnames[1:pronargs] FROM pg_catalog.pg_proc"
            " WHERE proname = $1 AND pronamespace = 'jobrunner'::regnamespace",
            name,
        )
        assert found == arguments.split(", ")


def test_every_type_that_is_mailed_is_explained():
    for kind in (*NOTE_TYPES, "Mention", "Assignment"):
        assert f"`{kind}`" in DOCUMENT.split("| type | data |")[1].split("\n\n")[0]


def test_the_numbers_are_those_of_the_code():
    minutes = [int(delay.total_seconds() / 60) for delay in DELAYS]
    text = " ".join(DOCUMENT.split())
    assert f"after {', '.join(map(str, minutes[:-1]))} minutes and then every hour" in text
    assert minutes[-1] == 60
    assert f"for {NotificationSettings().notification_max_age} hours (`notification_max_age`)" in text
    assert f"{NotificationSettings().notification_batch:,} at most, within {TIME_SLICE:g} seconds" in text
    assert MOST_CONNECTIONS == 4
