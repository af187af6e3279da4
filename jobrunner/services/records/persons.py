"""Accounts, contacts and leads: whom mass mail may go to, beside users."""

import json
from collections.abc import Mapping
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput
from jobrunner.services.records.refusal import refusals_in_words

NO_FIELDS: Mapping[str, Any] = {}


async def add_account(
    connection: Queryable,
    name: str,
    email: str | None = None,
    *,
    language: str | None = None,
    fields: Mapping[str, Any] = NO_FIELDS,
    id: str | None = None,
) -> str:
    """Add an account (a company, say) and return the id.

    Args:
        connection: an asyncpg connection, or one of ours.
        name: as mails address it.
        email: where mass mail goes; None for none.
        language: a tag such as `en` or `de_AT`; None where it is not known.
        fields: whatever else a template may say of it, by name.
        id: a text of the caller's own; the next number if left out.

    Raises:
        InvalidInput: a value is refused; nothing was written.
    """
    return await _add(connection, "add_account", id, name, email, language, _as_json(fields))


async def add_contact(
    connection: Queryable,
    first_name: str | None,
    last_name: str | None,
    email: str | None = None,
    *,
    language: str | None = None,
    account_id: str | None = None,
    fields: Mapping[str, Any] = NO_FIELDS,
    id: str | None = None,
) -> str:
    """Add a contact and return the id; `account_id` is the account it belongs to, the rest as for `add_account`."""
    values = (first_name, last_name, email, language, account_id, _as_json(fields))
    return await _add(connection, "add_contact", id, *values)


async def add_lead(
    connection: Queryable,
    first_name: str | None,
    last_name: str | None,
    email: str | None = None,
    *,
    language: str | None = None,
    account_name: str | None = None,
    fields: Mapping[str, Any] = NO_FIELDS,
    id: str | None = None,
) -> str:
    """Add a lead and return the id; `account_name` is whom they work for, the rest as for `add_account`."""
    values = (first_name, last_name, email, language, account_name, _as_json(fields))
    return await _add(connection, "add_lead", id, *values)


async def _add(connection: Queryable, statement: str, *values: str | None) -> str:
    with refusals_in_words():
        (row,) = await connection.fetch(load(__package__, statement), *values)
    added: str = row["id"]
    return added


def _as_json(fields: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(fields), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the fields of a person must be an object that JSON can hold: {error}") from None
