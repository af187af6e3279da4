"""Campaigns as a whole: added, edited, found, removed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict, Unpack, get_args

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, not_found
from jobrunner.services.massmail.choosing import chosen
from jobrunner.services.massmail.lists.rows import find_target_list
from jobrunner.services.massmail.refusal import refusals_in_words

CampaignStatus = Literal["Planning", "Active", "Inactive", "Complete"]
CampaignType = Literal["Email", "Newsletter", "Informational Email", "Web", "Television", "Radio", "Mail"]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign; lists and mass e-mails by name."""

    id: int
    name: str
    status: CampaignStatus
    type: CampaignType
    start_date: date | None
    end_date: date | None
    budget: Decimal | None
    teams: list[str]
    description: str | None
    target_lists: list[str]
    """What a new mass e-mail of it begins with, as are the next."""
    excluding_lists: list[str]
    mass_emails: list[str]
    created_at: datetime
    created_by: str


class CampaignChanges(TypedDict, total=False):
    """What of a campaign may change. Its type may not once it has a mass e-mail."""

    name: str
    status: str
    type: str
    start_date: date | None
    end_date: date | None
    budget: Decimal | None
    teams: Sequence[str] | None
    description: str | None
    target_lists: Sequence[str] | None
    """By name or id, as the next; None for none."""
    excluding_lists: Sequence[str] | None


def campaign_status(text: str) -> CampaignStatus:
    """Return the status of that name in any spelling; raises InvalidInput."""
    found: CampaignStatus = chosen("status of a campaign", text, get_args(CampaignStatus))
    return found


def campaign_type(text: str) -> CampaignType:
    """Return the type of that name in any spelling; raises InvalidInput."""
    found: CampaignType = chosen("type of campaign", text, get_args(CampaignType))
    return found


async def add_campaign(
    connection: Queryable,
    name: str,
    *,
    by: str,
    type: str = "Email",
    status: str = "Planning",
    start_date: date | None = None,
    end_date: date | None = None,
    budget: Decimal | None = None,
    teams: Sequence[str] = (),
    description: str | None = None,
    target_lists: Sequence[str] = (),
    excluding_lists: Sequence[str] = (),
) -> Campaign:
    """Add a campaign and return it; lists are given by name or id.

    Raises:
        InvalidInput: a value is refused.
        Conflict: there is a campaign of that name.
        NotFound: there is no such list.
    """
    values = (campaign_type(type), campaign_status(status), start_date, end_date, budget, list(teams), description)
    targets = [(await find_target_list(connection, one)).id for one in target_lists]
    excluding = [(await find_target_list(connection, one)).id for one in excluding_lists]
    with refusals_in_words("campaign"):
        (row,) = await connection.fetch(
            load(__package__, "add_campaign"),
            name,
            *values,
            by,
            list(dict.fromkeys(targets)),
            list(dict.fromkeys(excluding)),
        )
    return await find_campaign(connection, str(row["id"]))


async def edit_campaign(connection: Queryable, name: str, /, **changes: Unpack[CampaignChanges]) -> Campaign:
    """Change what is given of a campaign, all or nothing, and return it.

    Raises:
        InvalidInput: a value is refused, or the type is locked.
        Conflict: there is a campaign of the new name.
        NotFound: there is no such campaign or list.
    """
    found = await find_campaign(connection, name)
    columns: dict[str, Any] = {**changes}
    if "status" in changes:
        columns["status"] = campaign_status(changes["status"])
    if "type" in changes:
        columns["type"] = campaign_type(changes["type"])
    if "teams" in changes:
        columns["teams"] = list(changes["teams"] or ())
    lists: list[list[int] | None] = []
    for key in ("target_lists", "excluding_lists"):
        if key not in columns:
            lists.append(None)
            continue
        names: Sequence[str] = columns.pop(key) or ()
        lists.append([(await find_target_list(connection, one)).id for one in names])
    with refusals_in_words("campaign"):
        await connection.fetch(
            load(__package__, "edit_campaign"), found.id, json.dumps(columns, default=_plain), *lists
        )
    return await find_campaign(connection, str(found.id))


async def list_campaigns(connection: Queryable) -> list[Campaign]:
    """Return all campaigns by name."""
    return [Campaign(**row) for row in await connection.fetch(load(__package__, "list_campaigns"), None)]


async def find_campaign(connection: Queryable, name: str) -> Campaign:
    """Return the campaign of that name or id.

    Raises:
        NotFound: there is none; with the nearest names.
    """
    rows = await connection.fetch(load(__package__, "list_campaigns"), name.strip())
    if rows:
        return Campaign(**rows[0])
    known = await connection.fetch(load(__package__, "list_names_of_campaigns"))
    raise not_found("campaign", name, [row["name"] for row in known])


async def remove_campaign(connection: Queryable, name: str) -> Campaign:
    """Remove a campaign with its tracking URLs and its log, and return what it was. Its mass e-mails stay.

    Raises:
        NotFound: there is none.
        Conflict: a mass e-mail of it is under way.
    """
    found = await find_campaign(connection, name)
    if not await connection.fetch(load(__package__, "remove_campaign"), found.id):
        raise Conflict(f"a mass e-mail of the campaign {found.name!r} is under way: abort it first")
    return found


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
