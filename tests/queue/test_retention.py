"""Days whose time is over are dropped, each kind of row after its own period, by the database's clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from jobrunner.db.connection import Connection
from jobrunner.queue import retention
from jobrunner.queue.retention import Retention
from jobrunner.queue.settings import Settings

PARENTS = ("job_history_done", "job_history_failed", "job_log")


async def make_day(connection: Any, parent: str, days_ago: int) -> str:
    """Make the table of one day, as it once was made; return its name."""
    day = f"(now() AT TIME ZONE 'UTC')::date - {days_ago}"
    name, start, end = await connection.fetchrow(
        f"SELECT '{parent}_' || to_char({day}, 'YYYYMMDD'), ({day})::text, ({day} + 1)::text"
    )
    await connection.execute(
        f"CREATE TABLE jobrunner.{name} PARTITION OF jobrunner.{parent} "
        f"FOR VALUES FROM ('{start} 00:00+00') TO ('{end} 00:00+00')"
    )
    return str(name)


async def there(connection: Any, name: str) -> bool:
    return await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"jobrunner.{name}")


@pytest.fixture
async def own(database_url: str):
    connection = Connection(database_url, "test")
    yield connection
    await connection.close()


async def test_each_kind_of_row_has_its_own_period(own: Connection, connection: Any) -> None:
    days = {parent: [await make_day(connection, parent, ago) for ago in (40, 20)] for parent in PARENTS}
    await Retention(own, Settings).once()
    kept = {parent: [await there(connection, name) for name in names] for parent, names in days.items()}
    assert kept == {
        "job_history_done": [False, True],
        "job_history_failed": [True, True],
        "job_log": [False, True],
    }


async def test_the_clock_of_the_database_decides(
    own: Connection, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon whose own clock stands years ahead would otherwise take the whole history for old."""

    async def years_ahead(of: Any) -> datetime:
        assert of is own
        return datetime.now(UTC) + timedelta(days=3650)

    monkeypatch.setattr(retention, "database_time", years_ahead)
    day = await make_day(connection, "job_history_failed", 20)
    await Retention(own, Settings).once()
    assert not await there(connection, day)


async def test_what_is_ahead_is_made(own: Connection, connection: Any) -> None:
    (last,) = await connection.fetchrow(
        "SELECT 'job_log_' || to_char((now() AT TIME ZONE 'UTC')::date + $1::integer, 'YYYYMMDD')",
        retention.DAYS_AHEAD,
    )
    await connection.execute(f"DROP TABLE IF EXISTS jobrunner.{last}")  # missing where midnight came after the template
    await Retention(own, Settings).once()
    assert await there(connection, last)


async def test_a_day_that_somebody_uses_is_passed_over_until_the_next_pass(
    own: Connection, connection: Any, database_url: str
) -> None:
    """And nobody waits for it: neither the other days nor a job that ends."""
    used, other = [await make_day(connection, "job_history_done", ago) for ago in (42, 40)]
    failed = await make_day(connection, "job_history_failed", 100)
    user = await asyncpg.connect(database_url)
    try:
        async with user.transaction():
            await user.execute(f"LOCK TABLE jobrunner.{used} IN ACCESS SHARE MODE")
            await Retention(own, Settings).once()
            assert [await there(connection, day) for day in (used, other, failed)] == [True, False, False]
        await Retention(own, Settings).once()
        assert not await there(connection, used)
    finally:
        await user.close()


async def test_a_history_in_use_keeps_its_days_and_the_others_go(
    own: Connection, connection: Any, database_url: str
) -> None:
    """A report that reads all of one history, or a job whose end is not committed yet."""
    done = await make_day(connection, "job_history_done", 40)
    lines = await make_day(connection, "job_log", 40)
    user = await asyncpg.connect(database_url)
    try:
        async with user.transaction():
            await user.execute("LOCK TABLE ONLY jobrunner.job_history_done IN ROW EXCLUSIVE MODE")
            await Retention(own, Settings).once()
            assert [await there(connection, day) for day in (done, lines)] == [True, False]
        await Retention(own, Settings).once()
        assert not await there(connection, done)
    finally:
        await user.close()
