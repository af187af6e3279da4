"""Placeholders of a template that stay as they are written, found before a mail goes to anybody."""

import re
from difflib import get_close_matches

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.email_templates.rows import EmailTemplate
from jobrunner.services.mail.templates import ANSWERED, MASS_MAIL, PERSON, Kind, compile_template
from jobrunner.services.mail.templates.slots import MOMENTS
from jobrunner.services.mail.templates.template import PLACEHOLDER
from jobrunner.services.massmail.fields import ALLOWED, TRACKING_URL

NEAR = 0.75
"""How alike a name of somebody's own and one of ours must be to be taken for a misspelt one."""


async def dubious_placeholders(connection: Queryable, template: EmailTemplate) -> list[str]:
    """Return a sentence for each placeholder that is not known, or looks like a misspelt one.

    Raises:
        InvalidTemplate: the template cannot be sent: a field stands inside a tag without quotes, or it is too long.
    """
    parts: list[tuple[str, Kind]] = [
        (template.subject, "subject"),
        (template.body, "html" if template.is_html else "text"),
        (template.plain_body or "", "text"),
    ]
    written = [placeholder for text, _ in parts for placeholder in PLACEHOLDER.findall(text)]
    ids = sorted({int(id) for placeholder in written for id in TRACKING_URL.findall(placeholder)})
    rows = await connection.fetch(load(__package__, "find_tracking_urls"), ids) if ids else []
    known = {f"trackingUrl:{row['id']}" for row in rows}
    unknown = {
        placeholder
        for text, kind in parts
        for placeholder in compile_template(text, kind, ALLOWED, MASS_MAIL | known).unknown
    }
    sentences = []
    for placeholder in dict.fromkeys(written):
        if TRACKING_URL.fullmatch(placeholder) and placeholder in unknown:
            sentences.append(f"{placeholder} is no tracking URL: `jobrunner campaign show NAME` lists them")
        elif placeholder in unknown and _is_of_answers(placeholder):
            sentences.append(f"{placeholder} is known in automatic answers only: in mass mail it stays as written")
        elif placeholder in unknown:
            sentences.append(f"{placeholder} is not known and stays as it is written{_hint(placeholder, 0.5)}")
        elif not _is_ours(placeholder) and (hint := _hint(placeholder, NEAR)):
            sentences.append(f"{placeholder} is none of ours{hint}")
    return sentences


def _right_names() -> list[str]:
    """Return what a placeholder may be, as the documentation writes it."""
    fields = sorted(PERSON - {"*"})
    camel = [re.sub(r"_([a-z])", lambda match: match[1].upper(), field) for field in fields]
    records = [f"{{{record}.{field}}}" for record in ALLOWED for field in camel]
    return [*records, *(f"{{{name}}}" for name in (*MOMENTS, *sorted(MASS_MAIL)))]


def _is_ours(placeholder: str) -> bool:
    if "." not in placeholder:
        return placeholder in _right_names() or placeholder.startswith("{trackingUrl:")
    _, _, field = placeholder[1:-1].partition(".")
    return field in PERSON or _snake(field) in PERSON


def _is_of_answers(placeholder: str) -> bool:
    record, _, field = placeholder[1:-1].partition(".")
    return _snake(field) in ANSWERED.get(record, ())


def _snake(field: str) -> str:
    """Return the name of a field as the template reads it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", field).lower()


def _hint(placeholder: str, cutoff: float) -> str:
    record, dot, field = placeholder[1:-1].partition(".")
    if dot and record in ALLOWED:  # the record is right: what is misspelt is the field
        fields = [name.partition(".")[2][:-1] for name in _right_names() if name.startswith(f"{{{record}.")]
        near = [f"{{{record}.{name}}}" for name in get_close_matches(field, fields, 1, cutoff)]
    else:
        near = get_close_matches(placeholder, _right_names(), 1, cutoff)
    return f"; did you mean {near[0]}?" if near else ""
