"""Reserving what an account may send, before it is sent; in buckets that all daemons share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.mail.accounts.limits import NO_LIMITS, Limits

TAKE_ALLOWANCE = load(__package__, "take_allowance")
TAKE_DOMAIN_ALLOWANCES = load(__package__, "take_domain_allowances")
GIVE_BACK_ALLOWANCE = load(__package__, "give_back_allowance")


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many messages may be sent now."""

    granted: int
    wait: timedelta | None
    """How long until it is worth while to ask again; None where only a person can help."""
    held: str | None = None
    """Why nothing was granted, where it is not the rate: a pause, a cool-down, a server that was not there."""


async def reserve(connection: Queryable, account_key: str, wanted: int, *, limits: Limits = NO_LIMITS) -> Allowance:
    """Reserve up to `wanted` messages of an account.

    `limits` count only for the account of the configuration; those of a row are read from it, so that an edit counts
    at once.
    """
    rates = (limits.rate_per_minute, limits.rate_per_hour)
    row = (await connection.fetch(TAKE_ALLOWANCE, account_key, wanted, *rates))[0]
    return Allowance(row["granted"], row["wait"], row["held"])


async def reserve_domains(
    connection: Queryable, account_key: str, wanted: Mapping[str, int], *, limits: Limits = NO_LIMITS
) -> dict[str, Allowance]:
    """Reserve, beside what the account may send at all, messages for each receiving domain (lower case, A-labels)."""
    rates = (limits.domain_rate_per_minute, limits.domain_rate_per_hour)
    rows = await connection.fetch(
        TAKE_DOMAIN_ALLOWANCES, account_key, list(wanted.keys()), list(wanted.values()), *rates
    )
    return {row["domain"]: Allowance(row["granted"], row["wait"]) for row in rows}


async def give_back(connection: Queryable, account_key: str, number: int, *, domain: str = "") -> None:
    """Return what was reserved and not used; with `domain`, to the bucket of that receiving domain."""
    if number > 0:
        await connection.fetch(GIVE_BACK_ALLOWANCE, account_key, domain, number)
