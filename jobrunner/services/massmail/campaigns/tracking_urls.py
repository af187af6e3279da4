"""Tracking URLs of a campaign: `{trackingUrl:ID}` in a template becomes a link by which a click is seen."""

import json
from dataclasses import dataclass
from typing import Literal, TypedDict, Unpack
from urllib.parse import urlsplit

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput, NotFound
from jobrunner.services.massmail.campaigns.rows import Campaign
from jobrunner.services.massmail.refusal import refusals_in_words

LONGEST_URL = 2048


@dataclass(frozen=True, slots=True)
class TrackingUrl:
    """One tracking URL with its clicks: items whose reader followed it, and items that only machines did."""

    id: int
    name: str
    action: Literal["Redirect", "Show Message"]
    url: str | None
    message: str | None
    clicked: int
    clicked_by_machines: int

    @property
    def placeholder(self) -> str:
        """What stands for it in a template."""
        return f"{{trackingUrl:{self.id}}}"


class TrackingUrlChanges(TypedDict, total=False):
    """What of a tracking URL may change; mails that were sent already follow."""

    name: str
    url: str
    message: str


def checked_url(text: str) -> str:
    """Return a URL that a link may redirect to, its host in ASCII.

    Raises:
        InvalidInput: it is neither http nor https, or names a user, or has blanks.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or "@" in parts.netloc or "\\" in parts.netloc:
        raise InvalidInput(f"{text[:100]!r} is no URL to send readers to: write it as https://example.com/offer")
    if len(text) > LONGEST_URL or any(letter.isspace() or not letter.isprintable() for letter in text):
        raise InvalidInput(f"{text[:100]!r} may have no blanks and at most {LONGEST_URL} letters")
    return text


async def add_tracking_url(
    connection: Queryable, campaign: Campaign, name: str, *, url: str | None = None, message: str | None = None
) -> TrackingUrl:
    """Add a tracking URL that redirects to `url`, or shows `message`.

    Raises:
        InvalidInput: both or neither are given, the URL is none, or the campaign is of a type that has none.
        Conflict: the campaign has one of that name.
    """
    if (url is None) == (message is None):
        raise InvalidInput("a tracking URL has either a URL to redirect to or a message to show")
    action = "Redirect" if url is not None else "Show Message"
    checked = None if url is None else checked_url(url)
    with refusals_in_words("tracking URL"):
        (row,) = await connection.fetch(
            load(__package__, "add_tracking_url"), campaign.id, name, action, checked, message
        )
    return await find_tracking_url(connection, campaign, str(row["id"]))


async def edit_tracking_url(
    connection: Queryable, campaign: Campaign, name: str, /, **changes: Unpack[TrackingUrlChanges]
) -> TrackingUrl:
    """Change what is given. A URL makes it redirect, a message shows that."""
    found = await find_tracking_url(connection, campaign, name)
    columns: dict[str, object] = {**changes}
    if "url" in changes and "message" in changes:
        raise InvalidInput("a tracking URL has either a URL to redirect to or a message to show")
    if "url" in changes:
        columns |= {"url": checked_url(changes["url"]), "action": "Redirect"}
    elif "message" in changes:
        columns |= {"action": "Show Message"}
    with refusals_in_words("tracking URL"):
        await connection.fetch(load(__package__, "edit_tracking_url"), campaign.id, found.id, json.dumps(columns))
    return await find_tracking_url(connection, campaign, str(found.id))


async def list_tracking_urls(connection: Queryable, campaign: Campaign) -> list[TrackingUrl]:
    """Return the tracking URLs of a campaign with their clicks, tests left out."""
    return [TrackingUrl(**row) for row in await connection.fetch(load(__package__, "list_tracking_urls"), campaign.id)]


async def find_tracking_url(connection: Queryable, campaign: Campaign, name: str) -> TrackingUrl:
    """Return the tracking URL of that id or name; raises NotFound."""
    for found in await list_tracking_urls(connection, campaign):
        if name.strip() in (str(found.id), found.name):
            return found
    raise NotFound(f"the campaign {campaign.name!r} has no tracking URL {name[:100]!r}")


async def remove_tracking_url(connection: Queryable, campaign: Campaign, name: str) -> TrackingUrl:
    """Remove a tracking URL; its links in mails that were sent lead nowhere from then on."""
    found = await find_tracking_url(connection, campaign, name)
    await connection.fetch(load(__package__, "remove_tracking_url"), campaign.id, found.id)
    return found
