"""Mass e-mails as rows: added, edited, found, removed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict, Unpack

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, not_found
from jobrunner.services.email_templates.rows import find_email_template
from jobrunner.services.mail.address import parse_address
from jobrunner.services.massmail.campaigns.rows import find_campaign
from jobrunner.services.massmail.lists.rows import find_target_list
from jobrunner.services.massmail.refusal import refusals_in_words

MassEmailStatus = Literal["Draft", "Pending", "In Process", "Paused", "Complete", "Failed", "Aborted"]


@dataclass(frozen=True, slots=True)
class MassEmail:
    """A mass e-mail; what it refers to by name."""

    id: int
    name: str
    status: MassEmailStatus
    reason: str | None
    """Why it is Paused, Failed or Aborted."""
    start_at: datetime
    generation: int
    email_template_id: int | None
    email_template: str | None
    campaign_id: int | None
    campaign: str | None
    is_held_back: bool
    """Whether its campaign is Inactive: then it is neither built nor sent."""
    is_informational: bool
    """Whether its campaign is an Informational Email: then opt-outs do not count."""
    smtp_account_id: int | None
    """None for the system account."""
    smtp_account: str | None
    """None also where the account is gone."""
    from_address: str | None
    from_name: str | None
    reply_to_address: str | None
    reply_to_name: str | None
    store_sent_emails: bool
    opt_out_entirely: bool
    target_lists: list[str]
    excluding_lists: list[str]
    left_out: Mapping[str, int]
    """How many members were not queued when its queue was built, by reason."""
    built_at: datetime | None
    paused_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    created_by: str
    modified_at: datetime
    modified_by: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "MassEmail":
        """Return what a row of list_mass_emails.sql holds."""
        return cls(**{**row, "left_out": json.loads(row["left_out"])})


class MassEmailOptions(TypedDict, total=False):
    """What of a mass e-mail may be given and changed; template and account by name or id, None for none."""

    start_at: datetime | None
    email_template: str | None
    smtp_account: str | None
    from_address: str | None
    from_name: str | None
    reply_to_address: str | None
    reply_to_name: str | None
    store_sent_emails: bool
    opt_out_entirely: bool


class MassEmailChanges(MassEmailOptions, total=False):
    """The same with a new name, and the lists by name or id; None for none."""

    name: str
    target_lists: Sequence[str] | None
    excluding_lists: Sequence[str] | None


async def add_mass_email(
    connection: Queryable,
    name: str,
    *,
    by: str,
    campaign: str | None = None,
    target_lists: Sequence[str] | None = None,
    excluding_lists: Sequence[str] | None = None,
    **options: Unpack[MassEmailOptions],
) -> MassEmail:
    """Add a Draft and return it; without lists it has those of its campaign. All are given by name or id.

    Raises:
        InvalidInput: a value is refused, or the campaign is of a type that has no mass e-mails.
        Conflict: there is a mass e-mail of that name.
        NotFound: there is no such campaign, template, account or list.
    """
    columns = await _columns(connection, options)
    campaign_id = None if campaign is None else (await find_campaign(connection, campaign)).id
    with refusals_in_words("mass e-mail"):
        (row,) = await connection.fetch(
            load(__package__, "add_mass_email"),
            name,
            options.get("start_at"),
            columns.get("email_template_id"),
            campaign_id,
            columns.get("smtp_account_id"),
            columns.get("from_address"),
            columns.get("from_name"),
            columns.get("reply_to_address"),
            columns.get("reply_to_name"),
            columns.get("store_sent_emails", False),
            columns.get("opt_out_entirely", False),
            by,
            await _list_ids(connection, target_lists),
            await _list_ids(connection, excluding_lists),
        )
    return await find_mass_email(connection, str(row["id"]))


async def edit_mass_email(
    connection: Queryable, mass_email: MassEmail, /, *, by: str, **changes: Unpack[MassEmailChanges]
) -> MassEmail:
    """Change what is given, all or nothing, and return it as it is then.

    Raises:
        InvalidInput: a value is refused.
        Conflict: it is being sent, there is one of the new name, or lists would come too late.
        NotFound: there is no such template, account or list.
    """
    columns = await _columns(connection, changes)
    if "name" in changes:
        columns["name"] = changes["name"]
    if changes.get("start_at") is not None:
        columns["start_at"] = changes["start_at"]
    lists = [
        await _list_ids(connection, (changes[key] or ()) if key in changes else None)
        for key in ("target_lists", "excluding_lists")
    ]
    with refusals_in_words("mass e-mail"):
        changed = await connection.fetch(
            load(__package__, "edit_mass_email"), mass_email.id, json.dumps(columns, default=_plain), by, *lists
        )
    found = await find_mass_email(connection, str(mass_email.id))
    if changed:
        return found
    if lists != [None, None] and found.built_at is not None and found.finished_at is None:
        raise Conflict(
            f"the queue of the mass e-mail {found.name!r} is built, other lists would change nothing: abort it, change "
            "them, and start it again for the rest"
        )
    raise Conflict(f"the mass e-mail {found.name!r} is being sent: pause it first")


async def list_mass_emails(connection: Queryable) -> list[MassEmail]:
    """Return all, those that start last first."""
    return [MassEmail.from_row(row) for row in await connection.fetch(load(__package__, "list_mass_emails"), None)]


async def find_mass_email(connection: Queryable, name: str) -> MassEmail:
    """Return the mass e-mail of that name or id; raises NotFound with the nearest names."""
    rows = await connection.fetch(load(__package__, "list_mass_emails"), name.strip())
    if rows:
        return MassEmail.from_row(rows[0])
    known = await connection.fetch(load(__package__, "list_names_of_mass_emails"))
    raise not_found("mass e-mail", name, [row["name"] for row in known])


async def remove_mass_email(connection: Queryable, mass_email: MassEmail) -> None:
    """Remove it with its items. The links in mails that were sent go on to work.

    Raises:
        Conflict: it is under way.
    """
    if not await connection.fetch(load(__package__, "remove_mass_email"), mass_email.id):
        raise Conflict(f"the mass e-mail {mass_email.name!r} is under way: abort it first")


async def _columns(connection: Queryable, options: MassEmailOptions | MassEmailChanges) -> dict[str, Any]:
    columns: dict[str, Any] = {
        key: value
        for key, value in options.items()
        if key not in ("name", "start_at", "email_template", "smtp_account", "target_lists", "excluding_lists")
    }
    for key in ("from_address", "reply_to_address"):
        if columns.get(key) is not None:
            columns[key] = str(parse_address(columns[key]))
    if "email_template" in options:
        template = options["email_template"]
        columns["email_template_id"] = (
            None if template is None else (await find_email_template(connection, template)).id
        )
    if "smtp_account" in options:
        account = options["smtp_account"]
        columns["smtp_account_id"] = None if account is None else await _account_id(connection, account)
    return columns


async def _account_id(connection: Queryable, name: str) -> int:
    rows = await connection.fetch(load(__package__, "find_smtp_account"), name.strip())
    if not rows:
        known = await connection.fetch(load(__package__, "list_names_of_accounts"))
        raise not_found("SMTP account", name, [row["name"] for row in known])
    found: int = rows[0]["id"]
    return found


async def _list_ids(connection: Queryable, names: Sequence[str] | None) -> list[int] | None:
    if names is None:
        return None
    return list(dict.fromkeys([(await find_target_list(connection, name)).id for name in names]))


def _plain(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
