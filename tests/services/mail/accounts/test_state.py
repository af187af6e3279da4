"""Pauses, cool-downs, back-off and speed; the database's clock is moved by its rows."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from jobrunner.services.mail.accounts import (
    cool_down,
    note_failure,
    note_success,
    observe,
    pause,
    reserve,
    resume,
)
from jobrunner.services.mail.accounts.state import State, read_states
from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.smtp import Account, Envelope, Outcome, Phase, Pools, Result
from jobrunner.services.mail.smtp.outcome import judge
from tests.services.mail.accounts.books import add_row, granted, pass_time
from tests.services.mail.smtp.scripted_server import ScriptedServer


async def state_of(connection: Any, key: str) -> State:
    return (await read_states(connection, [key]))[key]


async def seconds_to_wait(connection: Any, key: str) -> float:
    allowance = await reserve(connection, key, 1)
    assert allowance.granted == 0
    assert allowance.wait is not None
    return allowance.wait.total_seconds()


async def test_a_paused_account_sends_nothing_until_it_is_resumed(connection: Any) -> None:
    key = await add_row(connection)
    assert await pause(connection, key, "authentication", "535 5.7.8 bad password")
    await pass_time(connection, timedelta(days=365))
    allowance = await reserve(connection, key, 5)
    assert (allowance.granted, allowance.wait, allowance.held) == (0, None, "535 5.7.8 bad password")
    assert not await pause(connection, key, "authentication", "once more"), "it began before"
    assert await resume(connection, key)
    assert await granted(connection, key, 5) == 5
    assert not await resume(connection, key)
    state = await state_of(connection, key)
    assert not state.held
    assert state.last_trouble == "once more"


async def test_a_pause_for_a_time_ends_by_itself(connection: Any) -> None:
    key = await add_row(connection)
    assert await pause(connection, key, "quota", "550 5.4.5 quota", lasting=timedelta(hours=1))
    assert 3590 < await seconds_to_wait(connection, key) <= 3600
    await pass_time(connection, timedelta(minutes=61))
    assert await granted(connection, key, 5) == 5
    assert not (await state_of(connection, key)).held
    assert await pause(connection, key, "quota", "again", lasting=timedelta(hours=1)), "a new pause begins"


async def test_a_person_s_pause_goes_before_the_program_s(connection: Any) -> None:
    key = await add_row(connection)
    await pause(connection, key, "quota", "quota", lasting=timedelta(hours=1))
    await pause(connection, key, "person", "we move house")
    await pause(connection, key, "authentication", "535")
    assert (await state_of(connection, key)).pause_reason == "we move house"
    assert not await resume(connection, key, even_by_person=False)
    assert (await reserve(connection, key, 1)).held == "we move house"
    assert await resume(connection, key)


async def test_a_rate_reply_halves_the_speed_and_cools_down_twice_as_long_each_time(connection: Any) -> None:
    key = await add_row(connection, rate_per_hour=7200)
    waits, speeds = [], []
    for _ in range(9):
        assert await cool_down(connection, key, "421 too many messages")
        waits.append(round(await seconds_to_wait(connection, key), -1))
        speeds.append((await state_of(connection, key)).speed)
        await pass_time(connection, timedelta(seconds=waits[-1] + 0.1))
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert speeds == pytest.approx([0.5**n for n in range(1, 7)] + [1 / 64] * 3, abs=0.01)
    # A tenth of the full speed comes back each minute, from the end of the cool-down on.
    await pass_time(connection, timedelta(minutes=5))
    assert (await state_of(connection, key)).speed == pytest.approx(0.516, abs=0.01)
    await pass_time(connection, timedelta(minutes=5))
    assert (await state_of(connection, key)).speed == 1
    assert await cool_down(connection, key, "421 too many messages")
    assert await seconds_to_wait(connection, key) <= 60, "it begins anew"


async def test_the_speed_scales_the_rates(connection: Any) -> None:
    key = await add_row(connection, rate_per_minute=2000)
    for _ in range(2):  # a minute at full speed
        assert await granted(connection, key, 1000) > 90
        await pass_time(connection, timedelta(seconds=10))
    await connection.execute("UPDATE jobrunner.mail_rate SET counted = 1000, counted_before = 2000")
    await cool_down(connection, key, "451 4.7.1 slow down")
    await pass_time(connection, timedelta(seconds=60.01))
    assert await granted(connection, key, 1000) == pytest.approx(1 + 999 / 20, abs=2)


async def test_without_a_rate_the_speed_is_a_share_of_what_was_sent(connection: Any) -> None:
    key = await add_row(connection)
    assert await granted(connection, key, 600) == 600
    await cool_down(connection, key, "421 too many")
    await pass_time(connection, timedelta(seconds=60.01))
    assert await granted(connection, key, 600) == 1 + 299 // 20, "300 a minute now"
    await pass_time(connection, timedelta(minutes=5, seconds=1))
    assert await granted(connection, key, 600) == 600


async def test_what_several_connections_hear_at_once_counts_once(connection: Any, database_url: str) -> None:
    key = await add_row(connection)
    lines = [await asyncpg.connect(database_url) for _ in range(8)]
    began = await asyncio.gather(*(cool_down(line, key, "421 too many") for line in lines))
    assert began.count(True) == 1
    assert (await state_of(connection, key)).speed == 0.5
    await resume(connection, key)
    counted = await asyncio.gather(*(note_failure(line, key, "no answer") for line in lines))
    assert counted.count(True) == 1
    assert (await state_of(connection, key)).failures == 1
    for line in lines:
        await line.close()


async def test_a_server_that_is_away_is_waited_for_longer_and_longer(connection: Any) -> None:
    key = await add_row(connection)
    waits = []
    for _ in range(10):
        assert await note_failure(connection, key, "connection refused")
        waits.append(round(await seconds_to_wait(connection, key)))
        await pass_time(connection, timedelta(seconds=waits[-1] + 0.1))
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert await granted(connection, key, 3) == 3, "it is tried again"
    await note_success(connection, key)
    assert (await state_of(connection, key)).failures == 0
    await note_failure(connection, key, "connection refused")
    assert await seconds_to_wait(connection, key) <= 5


@pytest.mark.parametrize(
    ("result", "held"),
    [
        (judge(Phase.LOGIN, 535, "5.7.8 no"), "paused authentication"),
        (Result(Outcome.AUTHENTICATION, Phase.LOGIN, "no login that we know"), "paused authentication"),
        (judge(Phase.MAIL, 530, "5.7.0 login first"), "paused authentication"),
        (judge(Phase.LOGIN, 454, "4.7.0 later"), "retry"),
        (judge(Phase.CONNECT, 421, "4.3.2 too busy"), "cooling"),
        (judge(Phase.RCPT, 450, "4.7.1 rate exceeded"), "cooling"),
        (judge(Phase.DOT, 550, "5.4.5 daily quota"), "paused quota"),
        (Result(Outcome.CONNECTION, Phase.CONNECT, "refused"), "retry"),
        (Result(Outcome.UNKNOWN, Phase.DOT, "no answer"), ""),
        (judge(Phase.RCPT, 550, "5.1.1 unknown"), ""),
        (judge(Phase.DOT, 554, "5.7.1 spam"), ""),
        (Result(Outcome.ACCEPTED, Phase.DOT, "ok", 250), ""),
    ],
)
async def test_what_a_result_means_for_the_account(connection: Any, result: Result, held: str) -> None:
    """No password is tried twice, and a server that says no to one message holds nothing else back."""
    key = await add_row(connection)
    await observe(connection, key, result)
    state = (await read_states(connection)).get(key)
    seen = ""
    if state is not None:
        seen = f"paused {state.paused_kind}" if state.paused_kind else ""
        seen = seen or ("cooling" if state.cooling_until else "retry" if state.retry_at else "")
    assert seen == held
    assert (await granted(connection, key, 1) == 1) is (held == "")


async def test_a_login_is_tried_again_once_the_pause_is_ended(connection: Any) -> None:
    """What was refused is known for as long as the connections live, and else from the pause, which all share."""
    key = await add_row(connection)
    refusing = ScriptedServer({"AUTH": ["535 5.7.8 no", "235 2.7.0 yes"]}, auth="PLAIN")
    async with refusing as server:
        smtp = Account("127.0.0.1", server.port, "none", "news", SecretStr("x"), "app.example.com")
        envelope = Envelope(parse_address("a@example.org"), parse_address("b@example.org"))
        pools = Pools()
        async with pools.lend(smtp) as pool, pool.connection() as transport:
            result = await transport.send(b"Subject: x\r\n\r\n", envelope)
        assert result.outcome is Outcome.AUTHENTICATION
        await observe(connection, key, result)
        assert await granted(connection, key, 1) == 0
        await resume(connection, key)
        async with pools.lend(smtp) as pool, pool.connection() as transport:
            assert (await transport.send(b"Subject: x\r\n\r\n", envelope)).outcome is Outcome.ACCEPTED


async def test_state_and_rates_go_with_their_account(connection: Any) -> None:
    key = await add_row(connection, rate_per_hour=5)
    await granted(connection, key, 1)
    await pause(connection, key, "person", "x")
    await pause(connection, "system", "person", "y")
    await connection.execute("DELETE FROM jobrunner.smtp_account")
    assert set(await read_states(connection)) == {"system"}
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.mail_rate") == 0
