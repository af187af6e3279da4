"""Accounts for tests, and time that passes by moving rows back."""

from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from jobrunner.db.secrets import Key, Keyring
from jobrunner.services.mail.accounts.entry import AccountEntry
from jobrunner.services.mail.accounts.limits import NO_LIMITS, Limits
from jobrunner.services.mail.accounts.rates import reserve

KEYRING = Keyring([Key(bytes(range(32)))])
PASSWORD = "canary-Sm1tp"


async def add_row(connection: Any, **values: Any) -> str:
    """Add an account by SQL and return its key."""
    columns = {"name": "news", "kind": "Group", "host": "mail.example.org", "from_address": "news@example.org"} | values
    names = ", ".join(columns)
    places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    added = await connection.fetchval(
        f"INSERT INTO jobrunner.smtp_account ({names}) VALUES ({places}) RETURNING id::text", *columns.values()
    )
    assert isinstance(added, str)
    return added


def entry(**values: Any) -> AccountEntry:
    """What a person would enter."""
    given = {
        "name": "news",
        "kind": "Group",
        "host": "mail.example.org",
        "from_address": "news@example.org",
        "username": "news",
        "secrets": {"password": SecretStr(PASSWORD)},
    }
    return AccountEntry(**{**given, **values})


async def granted(connection: Any, key: str, wanted: int, *, limits: Limits = NO_LIMITS) -> int:
    """Reserve messages of an account, and return how many it was granted."""
    return (await reserve(connection, key, wanted, limits=limits)).granted


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
