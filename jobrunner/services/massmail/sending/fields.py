"""What templates of mass mail may name of the person a mail goes to."""

from jobrunner.services.mail.templates import Allowed

PERSON = frozenset(
    {
        "name",
        "first_name",
        "last_name",
        "email",
        "email_address",
        "language",
        "account_name",
        "account.name",
        "account.email",
        "*",  # whatever else is in `fields` of our tables
    }
)

ALLOWED: Allowed = dict.fromkeys(("Person", "Account", "Contact", "Lead", "User"), PERSON)
"""`Person` is whoever gets the mail; under the name of another kind of record it has no fields."""
