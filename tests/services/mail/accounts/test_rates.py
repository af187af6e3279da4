"""Rates: what an account may send, and how several share it. Time passes by moving the rows back, never by waiting."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from jobrunner.config import Configuration
from jobrunner.queue.cleanup_target import Occasion
from jobrunner.services.mail.accounts.limits import Limits
from jobrunner.services.mail.accounts.rates import (
    give_back,
    reserve,
    reserve_domains,
)
from jobrunner.services.mail.cleanup import UNUSED_RATES
from tests.services.mail.accounts.books import add_row, granted, pass_time

SECOND = timedelta(seconds=1)
ALL = 10_000_000


async def test_without_a_rate_all_is_granted(connection: Any) -> None:
    key = await add_row(connection)
    assert await granted(connection, key, 100_000) == 100_000
    allowance = await reserve(connection, "system", 7)
    assert (allowance.granted, allowance.wait, allowance.held) == (7, timedelta(), None)


@pytest.mark.parametrize(
    ("rates", "stretch", "limit"),
    [
        ({"rate_per_minute": 1}, 60, 1),
        ({"rate_per_minute": 2}, 60, 2),
        ({"rate_per_minute": 30}, 60, 30),
        ({"rate_per_minute": 3000}, 60, 3000),
        ({"rate_per_hour": 100}, 3600, 100),
        ({"rate_per_hour": 36_000}, 3600, 36_000),
        ({"rate_per_minute": 60, "rate_per_hour": 100}, 3600, 100),
    ],
)
async def test_no_stretch_of_time_has_more_than_its_rate_and_they_are_spread(
    connection: Any, rates: dict[str, int], stretch: int, limit: int
) -> None:
    """In no minute and no hour, wherever it begins, goes more than the rate; nor all of it at once."""
    key = await add_row(connection, **rates)
    steps = 100 if stretch == 60 else 360
    taken: list[int] = []
    began = await connection.fetchval("SELECT clock_timestamp()")
    passed = timedelta()
    for step in range(1, 2 * steps + 2):
        taken.append(await granted(connection, key, ALL))
        # The real time that this test takes counts, too, and is taken off.
        real = await connection.fetchval("SELECT clock_timestamp()") - began
        by = SECOND * stretch * step / steps - real - passed
        await pass_time(connection, by)
        passed += by
    most = max(sum(taken[start : start + steps]) for start in range(steps + 1))
    assert 0.9 * limit - 1 <= most <= limit * 1.02 + 0.5
    share = max(sum(taken[start : start + steps // 20]) for start in range(2 * steps - steps // 20))
    assert share <= limit * 0.15 + 2


async def test_what_is_left_over_is_not_lost_and_the_wait_is_told(connection: Any) -> None:
    key = await add_row(connection, rate_per_minute=30)
    first = await reserve(connection, key, 10)
    assert first.granted == 2
    assert first.held is None
    assert first.wait is not None
    assert timedelta(seconds=0.5) < first.wait < timedelta(seconds=2.2)
    await pass_time(connection, first.wait)
    assert await granted(connection, key, 10) == 1


async def test_several_at_once_get_no_more_than_one_would(connection: Any, database_url: str) -> None:
    """Eight daemons over one bucket: what they get together is what there is."""
    key = await add_row(connection, rate_per_minute=6000)
    full = 1 + 5999 // 20
    lines = [await asyncpg.connect(database_url) for _ in range(8)]

    async def take(line: Any) -> int:
        return sum([await granted(line, key, 7) for _ in range(20)])

    for _ in range(3):
        began = asyncio.get_running_loop().time()
        taken = sum(await asyncio.gather(*(take(line) for line in lines)))
        lasted = asyncio.get_running_loop().time() - began
        assert full - 1 <= taken <= full + 1 + lasted * 100
        await pass_time(connection, timedelta(minutes=5))
    for line in lines:
        await line.close()


async def test_an_allowance_in_a_transaction_that_fails_is_not_taken(connection: Any) -> None:
    key = await add_row(connection, rate_per_hour=1)
    transaction = connection.transaction()
    await transaction.start()
    assert await granted(connection, key, 1) == 1
    await transaction.rollback()
    assert await granted(connection, key, 1) == 1
    assert await granted(connection, key, 1) == 0


async def test_what_is_given_back_can_be_taken_again_and_never_adds_up(connection: Any) -> None:
    key = await add_row(connection, rate_per_hour=7200)
    full = await granted(connection, key, ALL)
    assert full == 1 + 7199 // 360
    await give_back(connection, key, 5)
    assert await granted(connection, key, ALL) in (5, 6)
    await give_back(connection, key, 100_000)
    assert await granted(connection, key, ALL) == full
    await give_back(connection, key, 0)
    await give_back(connection, key, -3)
    assert await granted(connection, key, ALL) <= 1


async def test_a_rate_that_is_edited_counts_at_once(connection: Any) -> None:
    key = await add_row(connection)
    assert await granted(connection, key, 5000) == 5000
    await connection.execute("UPDATE jobrunner.smtp_account SET rate_per_hour = 10")
    assert await granted(connection, key, 5000) == 1
    assert await granted(connection, key, 5000) == 0
    await connection.execute("UPDATE jobrunner.smtp_account SET rate_per_hour = NULL")
    assert await granted(connection, key, 5000) == 5000


async def test_the_rates_of_the_configured_account_are_the_callers(connection: Any) -> None:
    limits = Limits(rate_per_minute=60, domain_rate_per_hour=1)
    assert await granted(connection, "system", 100, limits=limits) == 3
    assert await granted(connection, "system", 100, limits=limits) == 0
    allowed = await reserve_domains(connection, "system", {"example.org": 3}, limits=limits)
    assert allowed["example.org"].granted == 1


async def test_each_receiving_domain_has_its_own(connection: Any) -> None:
    key = await add_row(connection, domain_rate_per_hour=721)  # three at once, the next one after 5 s
    allowed = await reserve_domains(connection, key, {"b.example": 10, "a.example": 2})
    assert {domain: one.granted for domain, one in allowed.items()} == {"a.example": 2, "b.example": 3}
    allowed = await reserve_domains(connection, key, {"b.example": 10, "a.example": 2, "c.example": 1})
    assert {domain: one.granted for domain, one in allowed.items()} == {"a.example": 1, "b.example": 0, "c.example": 1}
    assert allowed["b.example"].wait is not None
    await give_back(connection, key, 2, domain="b.example")
    assert (await reserve_domains(connection, key, {"b.example": 10}))["b.example"].granted == 2
    assert await reserve_domains(connection, key, {}) == {}


async def test_domains_in_any_order_do_not_wait_for_each_other(connection: Any, database_url: str) -> None:
    """Two that want the same domains in opposite order: no deadlock."""
    key = await add_row(connection, domain_rate_per_minute=60_000)
    names = [f"{n}.example" for n in range(20)]
    lines = [await asyncpg.connect(database_url) for _ in range(4)]

    async def take(line: Any, order: list[str]) -> None:
        for _ in range(20):
            await reserve_domains(line, key, dict.fromkeys(order, 1))

    async with asyncio.timeout(30):
        await asyncio.gather(*(take(line, names[:: 1 if n % 2 else -1]) for n, line in enumerate(lines)))
    for line in lines:
        await line.close()
    assert await connection.fetchval("SELECT sum(counted) FROM jobrunner.mail_rate") == 4 * 20 * 20


async def test_buckets_of_domains_that_are_full_again_are_forgotten(connection: Any) -> None:
    key = await add_row(connection, rate_per_minute=1, domain_rate_per_hour=1)
    await granted(connection, key, 1)
    await reserve_domains(connection, key, {"a.example": 1, "b.example": 1})
    await pass_time(connection, timedelta(days=1, minutes=1))
    await reserve_domains(connection, key, {"b.example": 1})
    given = Occasion(connection, Configuration(), "1 day")
    assert (await UNUSED_RATES.cleaner.count(given)).rows == 1
    assert (await UNUSED_RATES.cleaner.remove(given, 100)).rows == 1
    rows = await connection.fetch("SELECT scope FROM jobrunner.mail_rate ORDER BY 1")
    assert [row[0] for row in rows] == ["", "b.example"]


async def test_a_clock_that_was_set_back_blocks_nothing_for_long(connection: Any) -> None:
    key = await add_row(connection, rate_per_minute=60)
    await granted(connection, key, ALL)
    await pass_time(connection, timedelta(days=-1))
    assert await granted(connection, key, ALL) == 0
    await pass_time(connection, timedelta(seconds=10))
    assert await granted(connection, key, ALL) == 3


async def test_an_account_that_is_gone_or_not_active_sends_nothing(connection: Any) -> None:
    key = await add_row(connection, status="Inactive")
    allowance = await reserve(connection, key, 1)
    assert (allowance.granted, allowance.wait, allowance.held) == (0, None, "the account is not active")
    assert (await reserve(connection, "999", 1)).held == "the account is gone"
