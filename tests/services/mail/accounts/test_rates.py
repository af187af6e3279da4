"""Rates: what an account may send, and how several share it. Time passes by moving the rows back, never by waiting."""

from datetime import timedelta
from typing import Any

import pytest

from jobrunner.services.mail.accounts.rates import reserve, take_allowance

SECOND = timedelta(seconds=1)


async def add(connection: Any, **values: Any) -> str:
    """Add an account with these rates and return its key."""
    columns = {"name": "news", "kind": "Group", "host": "mail.example.org", "from_address": "news@example.org"} | values
    names = ", ".join(columns)
    places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    added = await connection.fetchval(
        f"INSERT INTO jobrunner.smtp_account ({names}) VALUES ({places}) RETURNING id::text", *columns.values()
    )
    assert isinstance(added, str)
    return added


async def pass_time(connection: Any, by: timedelta) -> None:
    """Let the tables see that much time pass."""
    await connection.execute(
        "UPDATE jobrunner.mail_rate SET refreshed_at = refreshed_at - $1::interval, counted_from = counted_from - $1",
        by,
    )
    await connection.execute(
        "UPDATE jobrunner.smtp_account_state SET paused_at = paused_at - $1::interval,"
        " paused_until = paused_until - $1::interval, cooled_until = cooled_until - $1::interval,"
        " retry_at = retry_at - $1::interval, speed_at = speed_at - $1::interval",
        by,
    )


async def test_without_a_rate_all_is_granted(connection: Any) -> None:
    key = await add(connection)
    assert await take_allowance(connection, key, 100_000) == 100_000
    allowance = await reserve(connection, "system", 7)
    assert (allowance.granted, allowance.held) == (7, None)


@pytest.mark.parametrize(
    ("rates", "stretch", "limit"),
    [
        ({"rate_per_minute": 1}, 60, 1),
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
    key = await add(connection, **rates)
    steps = 100 if stretch == 60 else 360
    taken = []
    for _ in range(2 * steps + 1):
        taken.append(await take_allowance(connection, key, 10_000_000))
        await pass_time(connection, SECOND * stretch / steps)
    most = max(sum(taken[start : start + steps]) for start in range(steps + 1))
    # The real time that this test takes counts, too.
    assert 0.9 * limit - 1 <= most <= limit * 1.02 + 1
    # Evenly: no twentieth of the stretch has much more than its share.
    share = max(sum(taken[start : start + steps // 20]) for start in range(2 * steps - steps // 20))
    assert share <= limit * 0.15 + 2
