"""Connecting: what a URL asks for arrives at the server, and of several hosts the one that serves is found."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from jobrunner import Client
from jobrunner.config import load
from jobrunner.db import connection as module
from jobrunner.db.connection import TRANSIENT, Connection, connect, is_pooled
from jobrunner.db.migrations import current, upgrade
from jobrunner.db.pool import Pool
from jobrunner.errors import DatabaseUnavailable
from jobrunner.queue.refusal import explain
from tests.support.proxy import Proxy


def with_parameter(url: str, parameter: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{parameter}"


@asynccontextmanager
async def asked(url: str, **options: Any) -> AsyncIterator[Any]:
    connection = await connect(url, name="test", **options)
    try:
        yield connection
    finally:
        await connection.close()


async def test_parameters_reach_the_server(database_url: str) -> None:
    url = with_parameter(
        database_url,
        "application_name=crm&options=-c%20statement_timeout%3D4321&work_mem=123kB&connect_timeout=3&sslmode=prefer",
    )
    assert load(database_url=url).database_url is not None
    async with asked(url) as connection:
        assert await connection.fetchval("SHOW application_name") == "crm test"
        assert await connection.fetchval("SHOW statement_timeout") == "4321ms"
        assert await connection.fetchval("SHOW work_mem") == "123kB"
    async with asked(database_url) as connection:
        assert await connection.fetchval("SHOW application_name") == "jobrunner test"
    async with Pool(url, size=1) as pool, pool.connection() as connection:
        assert await connection.fetchval("SHOW application_name") == "crm job"
        assert await connection.fetchval("SELECT '[1]'::jsonb") == [1]
    assert not await is_pooled(url)
    assert await upgrade(url) == []


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("sslmode=foo", "the URL has a wrong sslmode: it must be disable, "),
        ("sslmod=require", "its parameter sslmod is neither one of libpq's nor a setting of the server; did you mean"),
        ("pgbouncer=true", "its parameter pgbouncer is neither one of libpq's nor a setting of the server"),
        ("work_mem=lots", 'invalid value for parameter "work_mem"'),
        ("server_version=9", 'parameter "server_version" cannot be changed'),
        ("sslmode=verify-full&sslrootcert=/nonexistent", "which cannot be read"),
    ],
)
async def test_each_door_refuses_a_parameter_in_one_sentence(database_url: str, parameter: str, reason: str) -> None:
    url = with_parameter(database_url, parameter)

    async def by_client() -> None:
        async with Client(url) as client:
            await client.job(1)

    async def by_pool() -> None:
        async with Pool(url, size=1) as pool, pool.connection():
            pass

    for door in (lambda: connect(url, name="test"), lambda: is_pooled(url), lambda: current(url), by_client, by_pool):
        with pytest.raises(DatabaseUnavailable) as caught:
            await door()
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "jobrunner migrate" not in str(caught.value)
        assert not caught.value.may_pass, "no daemon waits for it"


async def test_what_the_server_refuses_is_said_with_what_puts_it_right(
    empty_database_url: str, server: Any, request: pytest.FixtureRequest
) -> None:
    url = urlsplit(empty_database_url)
    role = f"few_rights_{os.getpid()}"
    server.execute(f"CREATE ROLE {role} LOGIN")
    request.addfinalizer(lambda: server.execute(f"DROP ROLE {role}"))

    stranger = url._replace(netloc=f"nobody_here@{url.netloc.rpartition('@')[2]}")
    weak = with_parameter(empty_database_url, f"options=-c%20role%3D{role}")
    for bad, reason, remedy in (
        (urlunsplit(url._replace(path="/nowhere")), 'database "nowhere" does not exist', "; make it with `createdb`"),
        (urlunsplit(stranger), '"nobody_here"', "; name a user and a password that this server takes"),
        (weak, "permission denied for database", "; grant its user CONNECT and CREATE on the database"),
    ):
        with pytest.raises(DatabaseUnavailable) as caught:
            await upgrade(bad)
        assert reason in str(caught.value)
        assert remedy in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not caught.value.may_pass


async def test_a_host_that_does_not_answer_does_not_hide_the_next(database_url: str) -> None:
    """F15: each host has the time limit to itself."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are made, and nobody is there
        port = silent.getsockname()[1]
        async with Proxy(database_url) as proxy:
            second = proxy.url.split("@")[1].split("/")[0]
            both = proxy.url.replace(f"@{second}", f"@127.0.0.1:{port},{second}")
            async with asked(with_parameter(both, "connect_timeout=1&sslmode=disable")) as connection:
                assert await connection.fetchval("SELECT 1") == 1
            with pytest.raises(DatabaseUnavailable, match=r"no answer within 1 s \(limit of connecting\)"):
                await connect(f"postgresql://127.0.0.1:{port}/d?connect_timeout=1&sslmode=disable", name="test")


async def test_no_host_takes_writes(database_url: str, connection: Any) -> None:
    """F15: waited for like a database that is away, not taken for a fault of the program."""
    await connection.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());"
        " END $$"
    )
    with pytest.raises(DatabaseUnavailable, match="no server that the URL names takes writes now") as caught:
        await connect(with_parameter(database_url, "target_session_attrs=read-write"), name="test")
    assert caught.value.may_pass
    assert isinstance(caught.value, module.TRANSIENT)


async def test_a_refused_port_is_passed_over(database_url: str, tmp_path: Path) -> None:
    with socket.socket() as unused:  # bound, not listening
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
        async with Proxy(database_url) as proxy:
            second = proxy.url.split("@")[1].split("/")[0]
            url = proxy.url.replace(f"@{second}", f"@127.0.0.1:{closed},{second}")
            async with asked(url) as connection:
                assert await connection.fetchval("SELECT 1") == 1
        with pytest.raises(OSError):
            await connect(f"postgresql://127.0.0.1:{closed}/d", name="test")


async def test_a_driver_that_trips_over_a_farewell_has_lost_its_line(database_url: str) -> None:
    """F11: asyncpg's own error where the server's good-bye comes between two steps of a statement: come again."""
    line = Connection(database_url, "test")
    pids: list[int] = []

    async def trip(raw: Any) -> None:
        pids.append(await raw.fetchval("SELECT pg_backend_pid()"))
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    try:
        with pytest.raises(TRANSIENT):
            await line.transaction(trip)
        assert await line.fetchval("SELECT pg_backend_pid()") != pids[0]
    finally:
        await line.close()
    refusal = explain(asyncpg.InternalClientError("it trips"))
    assert isinstance(refusal, DatabaseUnavailable)
