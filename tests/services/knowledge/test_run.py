"""Articles are published and archived on their day where the installation is; once, with a history and events."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput
from jobrunner.services.knowledge.run import Report, Run
from jobrunner.services.records.articles import (
    ArticleEntry,
    add_article,
    change_article,
    edit_article,
    get_article,
    list_article_history,
    remove_article,
)
from tests.queue.plans import rows_touched


class Library:
    """Articles, and the run that looks after them."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection:
            yield connection

    async def run(self) -> Report:
        return await Run(self.connect, portion=2).control()

    async def day(self, days: int) -> date:
        """Days from today, where the installation is."""
        today: date = await self.pool.fetchval("SELECT (now() AT TIME ZONE jobrunner.installation_zone())::date")
        return today + timedelta(days=days)

    async def add(self, status: str, publish: int | None, expires: int | None, *, approved: bool = True) -> str:
        entry = ArticleEntry(
            name="How to",
            status=status,
            approved=approved,
            publish_date=None if publish is None else await self.day(publish),
            expiration_date=None if expires is None else await self.day(expires),
        )
        return (await add_article(self.pool, entry, "ann")).id

    async def status(self, id: str) -> str:
        return (await get_article(self.pool, id)).status

    async def set(self, name: str, value: str) -> None:
        await self.pool.execute(
            "INSERT INTO jobrunner.setting (name, value) VALUES ($1, $2::text::jsonb)"
            " ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
            name,
            value,
        )

    async def listen(self) -> None:
        await self.pool.execute(
            "INSERT INTO jobrunner.webhook (event, url) VALUES ('KnowledgeBaseArticle.*', 'https://example.org/')"
        )

    async def events(self) -> list[tuple[str, str]]:
        rows = await self.pool.fetch("SELECT event, data->>'status' FROM jobrunner.webhook_event ORDER BY number")
        return [tuple(row) for row in rows]


@pytest.fixture
async def library(database_url: str) -> AsyncIterator[Library]:
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        yield Library(pool)


@pytest.mark.parametrize(
    ("status", "approved", "publish", "expires", "becomes"),
    [
        ("In Review", True, 0, None, "Published"),
        ("In Review", True, -5, 1, "Published"),
        ("In Review", True, 1, None, "In Review"),
        ("In Review", True, None, None, "In Review"),
        ("In Review", False, 0, None, "In Review"),
        ("Draft", True, 0, None, "Draft"),
        ("Published", False, -5, 0, "Archived"),
        ("Published", False, None, -1, "Archived"),
        ("Published", False, -5, 1, "Published"),
        ("In Review", True, -5, -1, "Archived"),
        ("In Review", False, -5, -1, "In Review"),
        ("Archived", True, -5, None, "Archived"),
        ("Published", True, 1, None, "Published"),
    ],
)
async def test_what_becomes_of_an_article(
    library: Library, status: str, approved: bool, publish: int | None, expires: int | None, becomes: str
):
    id = await library.add(status, publish, expires, approved=approved)
    await library.listen()

    report = await library.run()

    assert await library.status(id) == becomes
    assert report.published + report.archived == (becomes != status)
    history = await list_article_history(library.pool, id)
    changes = [(change.old_status, change.new_status, change.changed_by) for change in history]
    told = [("KnowledgeBaseArticle.update", becomes), ("KnowledgeBaseArticle.fieldUpdate.status", becomes)]
    assert changes == [(None, status, "ann"), *([(status, becomes, "system")] if becomes != status else [])]
    assert await library.events() == (told if becomes != status else [])

    assert await library.run() == Report(), "repeating is harmless"


async def test_all_are_changed_in_portions(library: Library):
    ids = [await library.add("In Review", 0, None) for _ in range(5)]
    assert await library.run() == Report(published=5)
    assert {await library.status(id) for id in ids} == {"Published"}


async def test_to_the_end_of_the_day_if_set(library: Library):
    await library.set("kb_expire_on", '"end_of_day"')
    today, yesterday = await library.add("Published", None, 0), await library.add("Published", None, -1)
    await library.run()
    assert (await library.status(today), await library.status(yesterday)) == ("Published", "Archived")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_the_day_is_that_of_the_installation(library: Library, zone: str):
    """Those two are never on the same day: it is tomorrow in the one or yesterday in the other."""
    await library.set("time_zone", f'"{zone}"')
    today, tomorrow = await library.add("In Review", 0, None), await library.add("In Review", 1, None)
    await library.run()
    assert (await library.status(today), await library.status(tomorrow)) == ("Published", "In Review")


async def test_a_job_waits_for_the_midnight_of_its_day(library: Library):
    await library.set("time_zone", '"Europe/Berlin"')
    await library.pool.execute("DELETE FROM jobrunner.job")
    await library.add("In Review", 40, 50)
    wakes = await library.pool.fetch(
        "SELECT (j.execute_at AT TIME ZONE 'Europe/Berlin')::text AS at FROM jobrunner.job AS j"
        " WHERE j.name = 'ControlKnowledgeBaseArticleStatus' ORDER BY j.execute_at"
    )
    assert [row["at"] for row in wakes] == [f"{await library.day(n)} 00:00:00" for n in (40, 50, 51)]

    await library.pool.execute("DELETE FROM jobrunner.job")
    await library.run()
    await library.run()
    found = await library.pool.fetch("SELECT (execute_at AT TIME ZONE 'Europe/Berlin')::text AS at FROM jobrunner.job")
    assert [row["at"] for row in found] == [f"{await library.day(40)} 00:00:00"], "a run queues the next one, once"


async def test_one_that_is_edited_at_the_moment_is_passed_over(library: Library):
    held, free = await library.add("In Review", 0, None), await library.add("In Review", 0, None)
    async with library.connect() as editor, editor.transaction():
        await editor.execute("UPDATE jobrunner.article SET name = 'Other' WHERE id = $1", held)
        async with asyncio.timeout(20):
            assert await library.run() == Report(published=1)
    assert (await library.status(held), await library.status(free)) == ("In Review", "Published")
    assert await library.run() == Report(published=1)


@pytest.mark.parametrize(("status", "publish", "expires"), [("In Review", 0, None), ("Published", None, 0)])
async def test_one_that_was_passed_over_is_looked_at_again_soon(
    library: Library, status: str, publish: int | None, expires: int | None
):
    """Whoever edits it may change the text alone, or nothing: that wakes nobody. Runs that see it ask for one job."""
    held = await library.add(status, publish, expires)
    await library.pool.execute("DELETE FROM jobrunner.job")
    async with library.connect() as editor, editor.transaction():
        await editor.execute("SELECT FROM jobrunner.article WHERE id = $1 FOR UPDATE", held)
        await library.run()
        await library.run()
    waits = await library.pool.fetch(
        "SELECT execute_at - now() AS wait FROM jobrunner.job WHERE name = 'ControlKnowledgeBaseArticleStatus'"
    )
    assert 1 <= len(waits) <= 2, "one for each ten seconds, and the two runs may be in two of them"
    assert all(row["wait"] <= timedelta(seconds=20) for row in waits)

    await library.pool.execute("DELETE FROM jobrunner.job")
    await library.run()
    assert await library.pool.fetchval("SELECT count(*) FROM jobrunner.job") == 0, "nothing is due any more"


async def test_one_that_a_row_refers_to_is_not_passed_over(library: Library):
    """A line that is added to its history holds it only against being removed."""
    id = await library.add("In Review", 0, None)
    expired = await library.add("Published", None, 0)
    async with library.connect() as other, other.transaction():
        await other.execute("SELECT FROM jobrunner.article WHERE id = ANY ($1::text[]) FOR KEY SHARE", [id, expired])
        async with asyncio.timeout(20):
            assert await library.run() == Report(published=1, archived=1)


async def test_the_next_day_is_found_without_a_look_at_all_articles(library: Library):
    await library.pool.execute(
        "INSERT INTO jobrunner.article (name, status, approved, publish_date, expiration_date)"
        " SELECT 'Old ' || n, CASE WHEN n % 2 = 0 THEN 'Published' ELSE 'In Review' END::jobrunner.article_status,"
        " true, current_date + 100 + n, current_date + 101 + n FROM generate_series(1, 1000) AS n"
    )
    await library.pool.execute("ANALYZE jobrunner.article")
    today = await library.day(0)
    async with library.connect() as connection:
        touched = await rows_touched(
            connection, load("jobrunner.services.knowledge", "wake_next"), today, ["Published"], ["In Review"], 1
        )
    assert touched <= 10


async def test_who_saves_what_has_changed_meanwhile_is_told(library: Library):
    id = await library.add("In Review", 0, None)
    read = await get_article(library.pool, id)
    await library.run()
    with pytest.raises(Conflict, match="changed by somebody else"):
        await edit_article(library.pool, read, "ann", name="Other")
    edited = await edit_article(
        library.pool, await get_article(library.pool, id), "ann", name="Other", categories=["A"]
    )
    assert (edited.name, edited.categories, edited.status) == ("Other", ["A"], "Published")


async def test_one_that_would_expire_before_it_is_published_is_refused_or_archived(
    library: Library, caplog: pytest.LogCaptureFixture
):
    with pytest.raises(InvalidInput, match="must expire after"):
        await library.add("In Review", 1, 1)
    # An old row, from before there was the rule.
    await library.pool.execute("ALTER TABLE jobrunner.article DROP CONSTRAINT article_expires_after_it_is_published")
    id = await library.add("In Review", -1, -2)
    with caplog.at_level(logging.WARNING):
        await library.run()
    assert await library.status(id) == "Archived"
    assert "not after it is published" in caplog.text


async def test_what_a_person_has_decided_stays(library: Library):
    id = await library.add("In Review", 0, None)
    await library.run()
    assert (await change_article(library.pool, id, "Archived", "ann", "wrong"))[1]
    assert await library.run() == Report()
    removed = await library.add("In Review", 0, None)
    await remove_article(library.pool, removed, "ann")
    assert await library.run() == Report()
    assert [one.reason for one in await list_article_history(library.pool, id)] == ["", "its day has come", "wrong"]
