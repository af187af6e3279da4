"""What waits for the system account is woken when that can send; reminders and notifications alike."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jobrunner.db.secrets import Key, Keyring
from jobrunner.services.mail.accounts import cool_down, pause, resume
from jobrunner.services.mail.accounts.entry import AccountEntry
from jobrunner.services.mail.accounts.table import add_account, edit_account, remove_account
from jobrunner.services.notifications import notify
from jobrunner.services.records import add_meeting, add_user

KEYRING = Keyring([Key.new()])
BOTH = ["SendEmailNotifications", "SendEmailReminders"]
Step = Callable[[Any], Awaitable[object]]


def entry(**options: Any) -> AccountEntry:
    given = {"name": "system", "kind": "System", "host": "mail.example.com", "from_address": "crm@example.com"}
    return AccountEntry(**(given | options))


async def wakes(connection: Any) -> list[str]:
    """Return the jobs that were queued for now since this was asked last."""
    rows = await connection.fetch("DELETE FROM jobrunner.job RETURNING name, execute_at <= now() AS is_now")
    return sorted(row["name"] for row in rows if row["is_now"])


async def let_wait(connection: Any) -> None:
    """Have a reminder and a notification be due."""
    ann = await add_user(connection, "Ann", "ann@example.org")
    start = await connection.fetchval("SELECT now() + interval '1 hour'")
    await add_meeting(connection, "Budget", start, attendees=[ann], reminders=[("Email", 3600)])
    await notify(connection, ann, "Post", {"post": "Hello"})
    await connection.execute("UPDATE jobrunner.notification SET next_attempt_at = now()")
    await wakes(connection)


async def added(connection: Any) -> None:
    await add_account(connection, KEYRING, entry())


async def edited(connection: Any) -> None:
    await edit_account(connection, KEYRING, "system", {"host": "mx.example.com"})


async def activated(connection: Any) -> None:
    await edit_account(connection, KEYRING, "system", {"status": "Active"})


async def resumed(connection: Any) -> None:
    await resume(connection, await key(connection))


async def key(connection: Any) -> str:
    id: int = await connection.fetchval("SELECT id FROM jobrunner.smtp_account")
    return str(id)


async def inactive(connection: Any) -> None:
    await add_account(connection, KEYRING, entry(status="Inactive"))


async def paused(connection: Any) -> None:
    await added(connection)
    await pause(connection, await key(connection), "person", "why")


async def refused(connection: Any) -> None:
    await added(connection)
    await pause(connection, await key(connection), "authentication", "why")


async def cooled(connection: Any) -> None:
    await added(connection)
    await cool_down(connection, await key(connection), "421 too much")


async def nothing(connection: Any) -> None: ...


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (nothing, added),
        (added, edited),
        (inactive, activated),
        (paused, resumed),
        (refused, edited),
        (cooled, resumed),
    ],
)
async def test_what_lets_the_system_account_send_wakes_both_jobs(connection: Any, before: Step, change: Step):
    await let_wait(connection)
    await before(connection)
    await wakes(connection)
    await change(connection)
    assert sorted(set(await wakes(connection))) == BOTH


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (nothing, inactive),
        (nothing, lambda connection: add_account(connection, KEYRING, entry(name="news", kind="Group"))),
        (added, lambda connection: edit_account(connection, KEYRING, "system", {"status": "Inactive"})),
        (added, lambda connection: remove_account(connection, "system")),
        (added, resumed),
    ],
)
async def test_what_changes_nothing_about_that_wakes_nothing(connection: Any, before: Step, change: Step):
    await let_wait(connection)
    await before(connection)
    await wakes(connection)
    await change(connection)
    assert await wakes(connection) == []


async def test_where_nothing_is_due_nothing_is_woken(connection: Any):
    await added(connection)
    await edited(connection)
    assert await wakes(connection) == []
