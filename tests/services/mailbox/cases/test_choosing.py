"""Who gets a case: by turn, by load, and never two at the same moment the same one (mail-in.md, 6)."""

import asyncio
from typing import Any

import asyncpg
import pytest

from jobrunner.services.mailbox.follow_ups.step import follow_up
from tests.services.mailbox.desk import PENDING, Desk


async def support(desk: Desk, *users: str, **columns: Any) -> str:
    for user in users:
        await desk.user(user)
    return await desk.team("support", *users, **columns)


async def assigned(desk: Desk) -> list[str | None]:
    return await desk.column("SELECT assigned_user_id FROM jobrunner.case_record ORDER BY number")


async def test_in_turn(desk: Desk):
    team = await support(desk, "ann", "bob", "cyd")
    help = await desk.group(create_case=True, team_id=team, case_distribution="Round-Robin")
    await desk.get(help, *(desk.letter() for _ in range(4)))
    assert await assigned(desk) == ["ann", "bob", "cyd", "ann"]


async def test_in_turn_who_is_not_active_or_has_another_position_is_passed_over(desk: Desk):
    await desk.user("bob", active=False)
    team = await support(desk, "ann", "cyd", "dan", position="agent")
    await desk.insert("team_member", team_id=team, user_id="bob", position="agent")
    await desk.user("amy")
    await desk.insert("team_member", team_id=team, user_id="amy", position="boss")
    help = await desk.group(
        create_case=True, team_id=team, case_distribution="Round-Robin", target_user_position="agent"
    )
    await desk.get(help, *(desk.letter() for _ in range(4)))
    assert await assigned(desk) == ["ann", "cyd", "dan", "ann"]


async def test_the_least_busy(desk: Desk):
    """What is closed is no work; of those with as few the first."""
    team = await support(desk, "ann", "bob", "cyd")
    for user, status in [("ann", "Assigned"), ("ann", "Closed"), ("bob", "Rejected"), ("cyd", "Pending")]:
        await desk.connection.execute(
            "INSERT INTO jobrunner.case_record (name, assigned_user_id, status)"
            " VALUES ('x', $1, $2::text::jobrunner.case_status)",
            user,
            status,
        )
    help = await desk.group(create_case=True, team_id=team, case_distribution="Least-Busy")
    await desk.get(help, desk.letter(), desk.letter(), desk.letter(), desk.letter())
    assert (await assigned(desk))[4:] == ["bob", "ann", "bob", "cyd"]


async def test_a_team_of_nobody(desk: Desk):
    team = await support(desk)
    help = await desk.group(create_case=True, team_id=team, case_distribution="Least-Busy")
    await desk.get(help, desk.letter())
    assert await assigned(desk) == [None]


@pytest.mark.parametrize("distribution", ["Round-Robin", "Least-Busy"])
async def test_mails_at_the_same_moment_go_to_different_users(desk: Desk, distribution: str):
    """Nine at once, all of them through their picking before the first is committed, if nothing held them back."""
    team = await support(desk, "ann", "bob", "cyd")
    help = await desk.group(create_case=True, team_id=team, case_distribution=distribution)
    await desk.arrive(help, *(desk.letter() for _ in range(9)))
    pending = await desk.connection.fetch(PENDING)

    async def follow(pool: Any, row: Any) -> None:
        async with pool.acquire() as connection, connection.transaction():
            followed = await follow_up(connection, row["email_id"], row["inbound_email_id"])
            assert followed is not None
            await asyncio.sleep(0.02)  # the longest at which somebody else could pick the same one

    async with asyncpg.create_pool(desk.url, min_size=9, max_size=9) as pool:
        await asyncio.gather(*(follow(pool, row) for row in pending))

    users = await assigned(desk)
    assert {user: users.count(user) for user in ("ann", "bob", "cyd")} == {"ann": 3, "bob": 3, "cyd": 3}


async def test_who_picks_waits_for_who_has_picked(desk: Desk):
    """Stepped: the second looks only when the first is committed."""
    team = await support(desk, "ann", "bob")
    help = await desk.group(create_case=True, team_id=team, case_distribution="Round-Robin")
    await desk.arrive(help, desk.letter(), desk.letter())
    first, second = await desk.connection.fetch(PENDING)
    other = await asyncpg.connect(desk.url)
    try:
        async with desk.connection.transaction():
            await follow_up(desk.connection, *first.values())

            async def follow() -> None:
                async with other.transaction():
                    await follow_up(other, *second.values())

            task = asyncio.create_task(follow())
            waits = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'"
            async with asyncio.timeout(10):
                while not await desk.connection.fetchval(waits, other.get_server_pid()):
                    await asyncio.sleep(0.01)
            assert not task.done()
        await task
    finally:
        await other.close()
    assert await assigned(desk) == ["ann", "bob"]
