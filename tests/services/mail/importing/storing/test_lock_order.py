"""Statements that change mails which others may change lock them in the order of their ids."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from jobrunner.db.sql import load
from tests.services.mail.importing.storing.conftest import Office

PACKAGE = "jobrunner.services.mail.importing.storing"
ROOT, LOW, MIDDLE, HIGH = 1, 2, 3, 4
ROWS = [LOW, MIDDLE, HIGH]
DOWN = [HIGH, MIDDLE, LOW]
WAITS = "SELECT cardinality(pg_blocking_pids($1)) > 0"
FREE = "SELECT e.id FROM jobrunner.email AS e WHERE e.id = ANY ($1) ORDER BY e.id FOR NO KEY UPDATE SKIP LOCKED"


async def add_mail(office: Office, id: int) -> None:
    await office.connection.execute(
        "INSERT INTO jobrunner.email (id, thread_id, date_sent, message_key, message_ref, text_digest, subject)"
        " VALUES ($1::bigint, $1::bigint, now(), '<' || $1::bigint || '@x>', '<' || $1::bigint || '@x>', '', 'x')",
        id,
    )


async def answer_the_first(office: Office) -> None:
    """All name the first mail as what they answer."""
    await office.connection.execute(
        "INSERT INTO jobrunner.email_reference (email_id, position, message_ref)"
        " SELECT id, 0, '<1@x>' FROM unnest($1::bigint[]) AS r (id)",
        ROWS,
    )


async def group_folders(office: Office) -> tuple[Any, ...]:
    folder = await office.insert("group_email_folder", name="Help")
    return DOWN, [folder] * len(DOWN)


async def parents(office: Office) -> tuple[Any, ...]:
    given = [{"email_id": id, "named_type": "Case", "named_id": "7", "address_keys": []} for id in DOWN]
    return json.dumps(given), False


async def replies(office: Office) -> tuple[Any, ...]:
    await answer_the_first(office)
    return (DOWN,)


async def earlier_replies(office: Office) -> tuple[Any, ...]:
    await answer_the_first(office)
    return ([ROOT],)


async def threads(office: Office) -> tuple[Any, ...]:
    for id in DOWN:
        await office.connection.execute("UPDATE jobrunner.email SET replied_id = $1 WHERE id = $2", ROOT, id)
    return ([*DOWN, ROOT],)


@pytest.fixture
async def others(database_url: str) -> AsyncIterator[list[Any]]:
    connections = [await asyncpg.connect(database_url) for _ in range(2)]
    yield connections
    for connection in connections:
        await connection.close()


@pytest.mark.parametrize(
    ("statement", "prepare", "changed"),
    [
        ("set_group_folders", group_folders, "group_folder_id IS NOT NULL"),
        ("set_parents", parents, "parent_id = '7'"),
        ("link_replies", replies, "replied_id = 1"),
        ("link_earlier_replies", earlier_replies, "replied_id = 1"),
        ("thread_mails", threads, "thread_id = 1"),
    ],
)
async def test_the_lowest_is_locked_first(
    office: Office, others: list[Any], statement: str, prepare: Any, changed: str
):
    """F52: while somebody else holds the lowest, none of the others is held: no two wait for each other."""
    for id in (ROOT, *DOWN):  # they lie there, and are named, the other way round
        await add_mail(office, id)
    arguments = await prepare(office)
    holder, runner = others
    held = holder.transaction()
    await held.start()
    await holder.execute("SELECT FROM jobrunner.email WHERE id = $1 FOR NO KEY UPDATE", LOW)
    running = asyncio.create_task(runner.fetch(load(PACKAGE, statement), *arguments))
    async with asyncio.timeout(20):
        while not await office.connection.fetchval(WAITS, runner.get_server_pid()):
            assert not running.done()
            await asyncio.sleep(0.01)
        assert await office.column(FREE, ROWS) == [MIDDLE, HIGH]
        await held.rollback()
        await running
    assert await office.column(f"SELECT id FROM jobrunner.email WHERE {changed} AND id > 1 ORDER BY id") == ROWS
