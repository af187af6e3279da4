"""What any template may name of a person, or of the account that one belongs to."""

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
