"""The headings of a file's columns, and what they mean here."""

import re

from jobrunner.errors import InvalidInput
from jobrunner.services.massmail.lists.lines import is_text

COLUMNS = {
    "email": "email",
    "emailaddress": "email",
    "mail": "email",
    "firstname": "first_name",
    "givenname": "first_name",
    "lastname": "last_name",
    "surname": "last_name",
    "familyname": "last_name",
    "name": "name",
    "fullname": "name",
    "company": "company",
    "account": "company",
    "accountname": "company",
    "organization": "company",
    "language": "language",
    "lang": "language",
    "optedout": "opted_out",
}
"""Headings, in lower case and without blanks, hyphens and underscores, with what they mean here."""
EXPORTED = ("type", "id")
"""Columns of our own export that an import has no use for."""
OWN_FIELD = "fields."
"""Before a heading that would mean something else, in an export: `fields.name` is a field of the name `name`."""
LONGEST_HEADING = 255
"""Characters."""


def meaning_of(heading: str) -> str:
    """Return the column of ours that a heading means, its own words after a `.`, or nothing for what is of no use.

    Raises:
        InvalidInput: it can name no field.
    """
    if heading.startswith(OWN_FIELD):
        return f".{_own(heading.removeprefix(OWN_FIELD))}"
    word = _word(heading)
    if word in COLUMNS:
        return COLUMNS[word]
    if word in EXPORTED or not word:
        return ""
    return f".{_own(heading)}"


def heading_of(field: str) -> str:
    """Return the heading under which an import finds a field of that name."""
    word = _word(field)
    is_plain = word and word not in COLUMNS and word not in EXPORTED and field == field.strip() and "@" not in field
    return field if is_plain and not field.startswith(OWN_FIELD) else f"{OWN_FIELD}{field}"


def _word(heading: str) -> str:
    return re.sub(r"[\s_-]+", "", heading).lower()


def _own(heading: str) -> str:
    if len(heading) > LONGEST_HEADING or not heading.isprintable() or not is_text(heading):
        raise InvalidInput(f"{heading[:60]!r} is no name of a column")
    return heading
