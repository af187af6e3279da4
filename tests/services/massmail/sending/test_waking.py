"""What wakes the job while a mass e-mail is held back, and at which moment."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from jobrunner.db.secrets import Keyring
from jobrunner.queue.settings import reset_setting, set_setting
from jobrunner.services.mail.accounts import cool_down, note_failure, note_success, pause, resume
from jobrunner.services.mail.accounts.table import edit_account
from jobrunner.services.massmail.mass_emails.holding import holds_of
from jobrunner.services.massmail.mass_emails.rows import find_mass_email
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import Stage

LIMIT = "mass_email_max_per_hour_count"
NOW = timedelta(seconds=1)
Step = Callable[[Any, Stage], Awaitable[object]]


async def wakes(stage: Stage) -> list[datetime]:
    """Return the moments of what was planned since this was asked last."""
    rows = await stage.pool.fetch("DELETE FROM jobrunner.job WHERE name = 'ProcessMassEmail' RETURNING execute_at")
    return sorted(row["execute_at"] for row in rows)


def limit(number: int) -> Step:
    return lambda connection, stage: set_setting(connection, LIMIT, str(number), "ada")


def edited(**changes: object) -> Step:
    async def edit(connection: Any, stage: Stage) -> None:
        await edit_account(connection, Keyring.from_configuration(stage.configuration), str(stage.account), changes)

    return edit


def paused(kind: Any) -> Step:
    return lambda connection, stage: pause(connection, str(stage.account), kind, "why")


async def cooled(connection: Any, stage: Stage) -> None:
    await cool_down(connection, str(stage.account), "421 too much")


async def away(connection: Any, stage: Stage) -> None:
    await note_failure(connection, str(stage.account), "refused")


async def resumed(connection: Any, stage: Stage) -> None:
    await resume(connection, str(stage.account))


async def found_well(connection: Any, stage: Stage) -> None:
    await note_success(connection, str(stage.account))


async def to_default(connection: Any, stage: Stage) -> None:
    await reset_setting(connection, LIMIT)


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (to_default, limit(5000)),
        (limit(1), limit(5000)),
        (limit(1), to_default),
        (edited(rate_per_hour=1), edited(rate_per_hour=5000)),
        (edited(rate_per_minute=1), edited(rate_per_minute=None)),
        (paused("person"), resumed),
        (paused("authentication"), edited(host="localhost")),
        (cooled, resumed),
        (away, found_well),
    ],
)
async def test_what_lets_it_go_on_wakes_the_job_at_once(stage: Stage, before: Step, change: Step) -> None:
    await stage.add_mailing(2525, 2)
    async with stage.connect() as connection:
        await before(connection, stage)
        await wakes(stage)
        await change(connection, stage)
        (moment,) = await wakes(stage)
        assert moment <= await connection.fetchval("SELECT clock_timestamp()")


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (limit(5), limit(5)),
        (to_default, lambda connection, stage: set_setting(connection, "mass_email_verp", "yes", "ada")),
        (edited(rate_per_hour=5), edited(rate_per_hour=5, from_name="News")),
        (to_default, paused("person")),
        (to_default, cooled),
        (paused("person"), cooled),
        (cooled, found_well),
    ],
)
async def test_what_changes_nothing_about_that_wakes_nothing(stage: Stage, before: Step, change: Step) -> None:
    await stage.add_mailing(2525, 2)
    async with stage.connect() as connection:
        await before(connection, stage)
        await wakes(stage)
        await change(connection, stage)
    assert await wakes(stage) == []


@pytest.mark.parametrize("change", [limit(5000), edited(rate_per_hour=5000)])
async def test_where_no_mailing_is_under_way_nothing_is_woken(stage: Stage, change: Step) -> None:
    await stage.add_mailing(2525, 2, starts=False)
    async with stage.connect() as connection:
        await change(connection, stage)
    assert await wakes(stage) == []


async def test_a_raised_limit_is_used_by_the_run_that_it_wakes(stage: Stage) -> None:
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 10)
        await stage.set(mass_email_max_per_hour_count=4)
        assert (await stage.run()).items["Sent"] == 4
        await wakes(stage)
        async with stage.connect() as connection:
            await set_setting(connection, LIMIT, "5000", "ada")
        assert len(await wakes(stage)) == 1
        assert (await stage.run()).items["Sent"] == 6


@pytest.mark.parametrize("people", [1, 10])
async def test_an_account_whose_server_was_away_is_tried_when_it_is_ready(stage: Stage, people: int) -> None:
    """Five seconds later, and not at the next minute; until then the status says why."""
    async with ScriptedServer() as server:
        port = server.port
    mailing = await stage.add_mailing(port, people)
    await wakes(stage)
    await stage.run()

    retry_at = await stage.pool.fetchval("SELECT retry_at FROM jobrunner.smtp_account_state")
    (moment,) = await wakes(stage)
    assert retry_at <= moment <= retry_at + timedelta(seconds=2)
    # The mail by which that was seen is not held longer than the others.
    assert (await stage.item())["next_attempt_at"] <= retry_at + NOW
    async with stage.connect() as connection:
        holds = await holds_of(connection, await find_mass_email(connection, str(mailing)))
    (hold,) = [one for one in holds if "is held back" in one.reason]
    assert hold.until == retry_at
    assert "tried again at" in hold.reason


async def test_a_login_that_was_refused_is_not_asked_about_again(stage: Stage) -> None:
    """What a person must mend wakes the job when it is mended."""
    async with ScriptedServer(script={"AUTH": "535 5.7.8 no"}, auth="PLAIN") as server:
        await stage.add_mailing(
            server.port, 3, account={"username": "news", "secrets": {"password": SecretStr("wrong")}}
        )
        await wakes(stage)
        await stage.run()
    assert await stage.pool.fetchval("SELECT paused_kind::text FROM jobrunner.smtp_account_state") == "authentication"
    assert await wakes(stage) == []


async def test_where_nothing_is_waited_for_nothing_is_planned(stage: Stage) -> None:
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 3)
        await wakes(stage)
        await stage.run()
        assert await wakes(stage) == []


async def test_deferred_mails_are_tried_at_their_moment_and_few_runs_are_started_for_many(stage: Stage) -> None:
    async with ScriptedServer(script={"RCPT": "450 4.2.0 later"}) as server:
        await stage.add_mailing(server.port, 30)
        await wakes(stage)
        await stage.run()
        (moment,) = await wakes(stage)
        first = await stage.pool.fetchval("SELECT min(next_attempt_at) FROM jobrunner.queue_item")
        assert first <= moment <= first + NOW
        await stage.pool.execute(
            "UPDATE jobrunner.queue_item SET next_attempt_at = now() + interval '1 s' + id * interval '1 ms'"
        )
        now = await stage.pool.fetchval("SELECT now()")
        await stage.run()
        (moment,) = await wakes(stage)
    assert moment >= now + timedelta(seconds=5)


async def test_what_lets_a_draft_go_is_said_whatever_it_is_called(stage: Stage) -> None:
    mailing = await stage.add_mailing(1, 1, name="5 % off", starts=False)
    async with stage.connect() as connection:
        (hold,) = await holds_of(connection, await find_mass_email(connection, str(mailing)))
    assert hold.reason == "it is a draft: `jobrunner mass-email start '5 % off'` starts it"
