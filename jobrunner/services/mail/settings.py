"""The administrator's settings of mail servers, of those that send and of those that are read."""

import json
from dataclasses import dataclass

from jobrunner.db.queryable import Queryable
from jobrunner.errors import InvalidInput
from jobrunner.queue.setting import Setting, SettingGroup
from jobrunner.queue.settings import load_group
from jobrunner.services.address_guard import check_allowed


def _checked(entry: str) -> str:
    check_allowed(entry)
    return entry


ALLOWED_ADDRESSES = Setting(
    "email_server_allowed_address_list",
    "Email Server Allowed Address List",
    "words",
    (),
    "Internal mail servers that accounts entered by users may name: host:port, or a network such as 10.1.0.0/16. Those "
    "that an administrator enters may name any.",
    checked=_checked,
)

MAIL_SERVERS = SettingGroup(
    "Mail servers",
    (
        ALLOWED_ADDRESSES,
        Setting(
            "administrators",
            "Administrators",
            "words",
            (),
            "Ids of users who are told when a group account cannot be read, and may have any number of personal ones.",
        ),
        Setting(
            "max_email_account_count",
            "Max Email Account Count",
            "whole number",
            2,
            "The most personal accounts that a user may have who is no administrator.",
            "accounts",
            0,
            1000,
        ),
    ),
)
"""The group as the settings list shows it."""


@dataclass(frozen=True, slots=True)
class MailServerSettings:
    """The settings of mail servers at one moment. Made with no arguments, it holds the defaults."""

    email_server_allowed_address_list: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()
    max_email_account_count: int = 2


async def load_mail_server_settings(connection: Queryable) -> MailServerSettings:
    """Read them."""
    return await load_group(connection, MAIL_SERVERS, MailServerSettings)


def read_allowed_addresses(value: str | None) -> tuple[str, ...]:
    """Return the list as a statement read it, JSON or NULL; empty where an edit by hand has broken it."""
    if value is None:
        return ()
    try:
        entries = json.loads(value)
        checked = ALLOWED_ADDRESSES.check(entries) if isinstance(entries, list) else ()
    except (InvalidInput, ValueError):
        return ()
    return checked if isinstance(checked, tuple) else ()
