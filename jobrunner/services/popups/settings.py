"""The administrator's settings of popup reminders and of the pages that show them."""

import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address

from jobrunner.db.queryable import Queryable
from jobrunner.errors import InvalidInput
from jobrunner.queue.setting import Setting, SettingGroup
from jobrunner.queue.settings import load_group

USUAL = {"http": 80, "https": 443}
"""The ports that browsers leave out."""
ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?/?")


def check_origin(text: str) -> str:
    """Return an origin as browsers write it: `https://crm.example.com`, with a port only where it is not the usual one.

    Raises:
        InvalidInput: it is none.
    """
    try:
        scheme, host, port = _parts(text.strip().lower())
    except ValueError:
        # What stands before an @ may be a password.
        shown = text.rpartition("@")[2].strip()[:64]
        raise InvalidInput(
            f"write each as https://crm.example.com, without a path, a user or anything else; got {shown!r}"
        ) from None
    return f"{scheme}://{host}" + ("" if port in (None, USUAL[scheme]) else f":{port}")


def _parts(text: str) -> tuple[str, str, int | None]:
    match = ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError
    scheme, host, digits = match.groups()
    if host.startswith("["):
        host = f"[{IPv6Address(host[1:-1])}]"
    port = None if digits is None else int(digits)
    if port is not None and not 1 <= port <= 65535:
        raise ValueError
    return scheme, host, port


POPUPS = SettingGroup(
    "Popups",
    (
        Setting(
            "reminder_past_hours",
            "Reminder Past Hours",
            "whole number",
            24,
            "How long after the start of its record, or after it was to come again, a popup is shown.",
            "h",
            1,
            720,
        ),
        Setting(
            "push_allowed_origins",
            "Push Allowed Origins",
            "words",
            (),
            "Sites whose pages may show popups beside that of `site_url`, such as https://crm.example.com",
            checked=check_origin,
        ),
        Setting(
            "push_max_connections_per_user",
            "Push Max Connections per User",
            "whole number",
            20,
            "The most pages of one user that one daemon holds a connection to.",
            "connections",
            1,
            400,
        ),
        Setting(
            "push_heartbeat",
            "Push Heartbeat",
            "whole number",
            25,
            "How often a page hears that the connection lives, and the table is read again for all pages.",
            "s",
            1,
            60,
        ),
        Setting(
            "push_session",
            "Push Session",
            "number",
            5.0,
            "After how long a page has to bring a new token: so long may it show popups after its user has signed out.",
            "min",
            0.01,
            1440,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class PopupSettings:
    """What is set, at one moment."""

    reminder_past_hours: int = 24
    push_allowed_origins: tuple[str, ...] = ()
    push_max_connections_per_user: int = 20
    push_heartbeat: int = 25
    """Seconds."""
    push_session: float = 5.0
    """Minutes."""

    @property
    def past(self) -> timedelta:
        """How long after the start a popup is shown."""
        return timedelta(hours=self.reminder_past_hours)


async def load_popup_settings(connection: Queryable) -> PopupSettings:
    """Read the settings of popups."""
    return await load_group(connection, POPUPS, PopupSettings)
