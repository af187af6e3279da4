"""Telling of events, from SQL and Python, in the application's transaction."""

import asyncio
from typing import Any

import asyncpg
import psycopg
import pytest

from jobrunner import Client, InvalidInput, Target
from tests.services.webhooks.stage import Stage
from tests.support.daemons import until

EMIT = "SELECT jobrunner.emit($1, '{\"n\": 1}')"


async def events(connection: Any) -> list[str]:
    return [row["event"] for row in await connection.fetch("SELECT event FROM jobrunner.webhook_event ORDER BY number")]


async def jobs(connection: Any) -> int:
    number: int = await connection.fetchval("SELECT count(*) FROM jobrunner.job WHERE name = 'ProcessWebhookQueue'")
    return number


async def listen(connection: Any, event: str, **columns: Any) -> None:
    names = ", ".join(["event", "url", *columns])
    values = ", ".join(f"${place}" for place in range(1, 3 + len(columns)))
    await connection.execute(
        f"INSERT INTO jobrunner.webhook ({names}) VALUES ({values})", event, "https://example.org/", *columns.values()
    )
    await connection.execute("DELETE FROM jobrunner.job")


async def test_where_nobody_listens_nothing_is_written(connection: Any):
    await listen(connection, "Contact.create")
    assert await connection.fetchval(EMIT, "Account.create") is None
    assert await events(connection) == []
    assert await jobs(connection) == 0


@pytest.mark.parametrize(
    ("pattern", "event", "heard"),
    [
        ("Account.create", "Account.create", True),
        ("Account.*", "Account.create", True),
        ("Account.*", "Account.fieldUpdate.status", True),
        ("Account.fieldUpdate.*", "Account.fieldUpdate.status", True),
        ("Account.fieldUpdate.*", "Account.create", False),
        ("Account.*", "Accounts.create", False),
        ("Account.*", "Account", False),
        ("Account.create", "Account.create.more", False),
        ("*", "anything", True),
        ("ping", "ping", True),
    ],
)
async def test_what_a_webhook_hears(connection: Any, pattern: str, event: str, heard: bool):
    await listen(connection, pattern)
    assert (await connection.fetchval(EMIT, event) is not None) is heard


async def test_one_that_is_off_does_not_listen(connection: Any):
    await listen(connection, "E.create")
    for change in ("active = false", "active = true, health = 'disabled', disabled_reason = 'gone'"):
        await connection.execute(f"UPDATE jobrunner.webhook SET {change}")
        assert await connection.fetchval(EMIT, "E.create") is None
    await connection.execute("UPDATE jobrunner.webhook SET health = 'healthy', disabled_reason = NULL")
    assert await connection.fetchval(EMIT, "E.create") is not None
    await connection.execute("DELETE FROM jobrunner.webhook")
    assert await connection.fetchval(EMIT, "E.create") is None


async def test_who_removes_the_last_sees_who_adds_one(connection: Any, database_url: str):
    """Two transactions at the same time: the list of what is listened to stays right in either order."""
    await listen(connection, "E.create")
    other = await asyncpg.connect(database_url)
    try:
        adding = connection.transaction()
        await adding.start()
        add = "INSERT INTO jobrunner.webhook (event, url) VALUES ('E.create', 'https://example.org/2')"
        await connection.execute(add)
        task = asyncio.create_task(other.fetch("DELETE FROM jobrunner.webhook WHERE url = 'https://example.org/'"))
        pid = other.get_server_pid()
        await until(connection, "SELECT cardinality(pg_blocking_pids($1)) > 0", pid)
        await adding.commit()
        await task
    finally:
        await other.close()
    assert await connection.fetchval(EMIT, "E.create") is not None


async def test_what_is_rolled_back_was_never_told(connection: Any):
    await listen(connection, "E.create")
    transaction = connection.transaction()
    await transaction.start()
    assert await connection.fetchval(EMIT, "E.create") is not None
    await transaction.rollback()
    assert await events(connection) == []
    assert await jobs(connection) == 0


async def test_a_transaction_wakes_the_job_once(connection: Any):
    await listen(connection, "E.create")
    async with connection.transaction():
        for _ in range(5):
            await connection.fetchval(EMIT, "E.create")
    assert await jobs(connection) == 1


async def test_a_savepoint_that_is_rolled_back_takes_the_wake_along(connection: Any):
    await listen(connection, "E.create")
    async with connection.transaction():
        inner = connection.transaction()
        await inner.start()
        await connection.fetchval(EMIT, "E.create")
        await inner.rollback()
        await connection.fetchval(EMIT, "E.create")
    assert await jobs(connection) == 1


@pytest.mark.parametrize(("isolation", "woken"), [("read_committed", 0), ("repeatable_read", 1)])
async def test_a_run_that_is_awake_is_not_woken(connection: Any, isolation: Any, woken: int):
    """But by a transaction whose snapshot may be older than its falling asleep."""
    await listen(connection, "E.create")
    await connection.execute("INSERT INTO jobrunner.webhook_run VALUES (1, now() + interval '1 minute')")
    async with connection.transaction(isolation=isolation):
        await connection.fetchval(EMIT, "E.create")
    assert await jobs(connection) == woken


async def test_a_run_that_is_lost_is_asleep_after_a_while(connection: Any):
    await listen(connection, "E.create")
    await connection.execute("INSERT INTO jobrunner.webhook_run VALUES (1, now() - interval '1 second')")
    await connection.fetchval(EMIT, "E.create")
    assert await jobs(connection) == 1


@pytest.mark.parametrize(
    "name", ["", "Account create", "Account.", ".create", "Account..create", "Account.*", "x" * 101, "Zoë"]
)
async def test_names_that_are_refused(connection: Any, name: str):
    with pytest.raises(asyncpg.InvalidParameterValueError, match="an event is named by words"):
        await connection.fetchval(EMIT, name)


@pytest.mark.parametrize("data", ["[1]", "1", "null", '"text"'])
async def test_data_must_be_an_object(connection: Any, data: str):
    with pytest.raises(asyncpg.InvalidParameterValueError, match="an event's data must be a JSON object"):
        await connection.fetchval("SELECT jobrunner.emit('E.create', $1::text::jsonb)", data)


NAMES = {"target_type": ("a target's type", 255), "target_id": ("a target's id", 255), "user_id": ("a user's id", 64)}


@pytest.mark.parametrize("parameter", NAMES)
@pytest.mark.parametrize("listening", [True, False])
async def test_a_target_and_a_user_are_short_texts(connection: Any, parameter: str, listening: bool):
    if listening:
        await listen(connection, "E.create")
    what, most = NAMES[parameter]
    emit = f"SELECT jobrunner.emit('E.create', {parameter} => $1)"
    assert (await connection.fetchval(emit, "x" * most) is not None) is listening
    for refused in ("", "x" * (most + 1), "a\nb"):
        with pytest.raises(
            asyncpg.InvalidParameterValueError, match=f"^{what} (must have 1 to {most} l|may not contain)"
        ):
            await connection.fetchval(emit, refused)


async def test_the_client_refuses_them_before_anything_is_sent(stage: Stage):
    """So that the caller's transaction is not spoilt."""
    await stage.webhook("*")
    async with stage.connect() as connection, Client(stage.url) as client, connection.transaction():
        refused: list[Any] = [
            {"target": "Account"},
            {"target": ("Account", "x" * 256)},
            {"user": "x" * 65},
            {"user": "\0"},
        ]
        for options in refused:
            with pytest.raises(InvalidInput, match=r"^a (target|user)"):
                await client.emit("E.create", {}, connection=connection, **options)
        assert await client.emit("E.create", {}, target=("Account", 7), user=3, connection=connection) is not None
    (row,) = await stage.pool.fetch("SELECT target_type, target_id, user_id FROM jobrunner.webhook_event")
    assert tuple(row) == ("Account", "7", "3")


async def test_data_over_the_limit_of_a_body_is_refused(connection: Any):
    await listen(connection, "E.create")
    emit = "SELECT jobrunner.emit('E.create', jsonb_build_object('text', repeat('x', $1)))"
    assert await connection.fetchval(emit, 1_048_000)
    with pytest.raises(asyncpg.InvalidParameterValueError, match=r"may have 1048376 bytes \(webhook_max_body\)"):
        await connection.fetchval(emit, 1_048_400)
    await connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('webhook_max_body', '64')")
    with pytest.raises(asyncpg.InvalidParameterValueError, match="may have 65336 bytes"):
        await connection.fetchval(emit, 65_500)


# From Python


async def test_the_client_tells(stage: Stage):
    await stage.webhook("Account.*")
    async with Client(stage.url) as client:
        number = await client.emit("Account.create", {"id": 1}, target=("Account", 1), user="ann")
        assert isinstance(number, int)
        assert await client.emit("Contact.create") is None
        with pytest.raises(InvalidInput, match="an event's data"):
            await client.emit("Account.create", {"id": float("nan")})
        with pytest.raises(InvalidInput, match="an event is named"):
            await client.emit("Account create")
    row = await stage.pool.fetchrow("SELECT * FROM jobrunner.webhook_event")
    assert (row["event"], row["target_type"], row["target_id"], row["user_id"]) == (
        "Account.create",
        "Account",
        "1",
        "ann",
    )
    assert row["data"] == {"id": 1}


async def test_on_the_callers_connection_it_is_told_at_the_commit(stage: Stage):
    await stage.webhook("Account.*")
    client = Client(stage.url)
    connection = await asyncpg.connect(stage.url)
    try:
        async with connection.transaction():
            assert await client.emit("Account.create", target=Target("Account", "1"), connection=connection)
            assert await events(stage.pool) == []
        assert await events(stage.pool) == ["Account.create"]
    finally:
        await connection.close()
        await client.close()


async def test_on_a_connection_of_psycopg(stage: Stage):
    await stage.webhook("Account.*")
    async with await psycopg.AsyncConnection.connect(stage.url) as connection:
        assert await Client(stage.url).emit("Account.create", {"id": 1}, connection=connection)
        assert await events(stage.pool) == []
    assert await events(stage.pool) == ["Account.create"]


def test_the_blocking_client(database_url: str):
    with psycopg.connect(database_url, autocommit=True) as connection, Client.sync(database_url) as client:
        connection.execute("INSERT INTO jobrunner.webhook (event, url) VALUES ('E.*', 'https://example.org/')")
        assert client.emit("E.create", {"id": 1}) == 1
        assert client.emit("E.update", connection=connection) == 2
        assert client.emit("F.update") is None


async def test_while_a_job_waits_for_a_daemon_no_other_is_added(connection: Any):
    """However long none runs, one job is there for all that is emitted meanwhile."""
    await listen(connection, "E.create")
    for _ in range(5):
        await connection.fetchval(EMIT, "E.create")
    assert await jobs(connection) == 1
    await connection.execute(
        "UPDATE jobrunner.job SET status = 'Running', claim_id = 1, started_at = now(), attempt = 1"
    )
    await connection.fetchval(EMIT, "E.create")
    assert await jobs(connection) == 2, "what has begun may have looked already"
    await connection.execute("UPDATE jobrunner.job SET cancel_requested = true")
    await connection.fetchval(EMIT, "E.create")
    assert await jobs(connection) == 3
