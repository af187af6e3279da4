"""Templates: added, edited, found, removed."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict, Unpack

import asyncpg

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, not_found
from jobrunner.services.email_templates.refusal import refusals_in_words
from jobrunner.services.mail.composing.parts import Attachment


@dataclass(frozen=True, slots=True)
class EmailTemplate:
    """One template; attachments and mass e-mails by name."""

    id: int
    name: str
    subject: str
    body: str
    """HTML, or text where `is_html` is false."""
    plain_body: str | None
    """The text beside HTML; None where it is made from it."""
    is_html: bool
    attachments: list[str]
    mass_emails: list[str]
    created_at: datetime
    created_by: str
    modified_at: datetime


class TemplateChanges(TypedDict, total=False):
    """What of a template may change; mails that are not sent yet follow."""

    name: str
    subject: str
    body: str
    plain_body: str | None
    is_html: bool


async def add_email_template(
    connection: Queryable,
    name: str,
    *,
    by: str,
    subject: str,
    body: str,
    plain_body: str | None = None,
    is_html: bool = True,
) -> EmailTemplate:
    """Add a template and return it.

    Raises:
        InvalidInput: a value is refused, or subject or body is empty.
        Conflict: there is a template of that name.
    """
    _refuse_nul(subject, body, plain_body)
    _refuse_empty(subject, body)
    with refusals_in_words("template"):
        (row,) = await connection.fetch(
            load(__package__, "add_email_template"), name, subject, body, plain_body, is_html, by
        )
    return await find_email_template(connection, str(row["id"]))


async def edit_email_template(connection: Queryable, name: str, /, **changes: Unpack[TemplateChanges]) -> EmailTemplate:
    """Change what is given of a template and return it."""
    found = await find_email_template(connection, name)
    _refuse_empty(changes.get("subject"), changes.get("body"))
    _refuse_nul(*(value for value in changes.values() if isinstance(value, str)))
    with refusals_in_words("template"):
        await connection.fetch(load(__package__, "edit_email_template"), found.id, json.dumps(changes))
    return await find_email_template(connection, str(found.id))


async def list_email_templates(connection: Queryable) -> list[EmailTemplate]:
    """Return all templates by name."""
    return [EmailTemplate(**row) for row in await connection.fetch(load(__package__, "list_email_templates"), None)]


async def find_email_template(connection: Queryable, name: str) -> EmailTemplate:
    """Return the template of that name or id; raises NotFound with the nearest names."""
    rows = await connection.fetch(load(__package__, "list_email_templates"), name.strip())
    if rows:
        return EmailTemplate(**rows[0])
    known = await connection.fetch(load(__package__, "list_names_of_templates"))
    raise not_found("template", name, [row["name"] for row in known])


async def remove_email_template(connection: Queryable, name: str) -> EmailTemplate:
    """Remove a template and return what it was.

    Raises:
        NotFound: there is none.
        Conflict: a mass e-mail that is under way uses it, or a group account answers with it.
    """
    found = await find_email_template(connection, name)
    try:
        removed = await connection.fetch(load(__package__, "remove_email_template"), found.id)
    except asyncpg.ForeignKeyViolationError:
        raise Conflict(
            f"a group account answers with the template {found.name!r}: give it another first "
            "(`jobrunner inbound-email edit ACCOUNT --reply-template TEMPLATE`)"
        ) from None
    if not removed:
        raise Conflict(f"a mass e-mail that is under way uses the template {found.name!r}: abort it first")
    return found


async def attach_file(
    connection: Queryable,
    template: EmailTemplate,
    name: str,
    content: bytes,
    *,
    content_type: str,
    content_id: str | None = None,
) -> None:
    """Attach a file in place of one of that name, or with a `content_id` an image for the text.

    Raises:
        InvalidInput: name or type cannot be, or it has more than 25 MB.
    """
    with refusals_in_words("attachment"):
        await connection.fetch(
            load(__package__, "attach_file"), template.id, name, content_type.lower(), content_id, content
        )


async def detach_file(connection: Queryable, template: EmailTemplate, name: str) -> bool:
    """Take a file away; return whether there was one of that name."""
    return bool(await connection.fetch(load(__package__, "detach_file"), template.id, name))


async def read_attachments(connection: Queryable, template_id: int) -> list[Attachment]:
    """Return the files of a template, and the images of its text.

    Raises:
        InvalidInput: a name or type cannot stand in a header of a mail.
    """
    return [Attachment(**row) for row in await connection.fetch(load(__package__, "read_attachments"), template_id)]


def _refuse_empty(subject: str | None, body: str | None) -> None:
    if subject is not None and not subject.strip():
        raise InvalidInput("a template needs a subject: nobody opens a mail without one")
    if body is not None and not body.strip():
        raise InvalidInput("a template needs a body, and that given is empty")


def _refuse_nul(*texts: str | None) -> None:
    if any(text is not None and "\0" in text for text in texts):
        raise InvalidInput("a template may hold no NUL character")
