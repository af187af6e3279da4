"""From the options of `jobrunner smtp-account` to the columns of an account."""

from typing import Any

from jobrunner.cli.typed import spelt

COLUMNS_OF_OPTIONS = {
    "new_name": "name",
    "status": "status",
    "kind": "kind",
    "user": "user_id",
    "host": "host",
    "port": "port",
    "security": "security",
    "local_hostname": "local_hostname",
    "username": "username",
    "login": "login",
    "oauth_token_url": "oauth_token_url",
    "oauth_client_id": "oauth_client_id",
    "oauth_scope": "oauth_scope",
    "from_address": "from_address",
    "from_name": "from_name",
    "reply_to": "reply_to_address",
    "for_mass_mail": "for_mass_mail",
    "shared": "is_shared",
    "guarded": "guarded",
    "rate_per_minute": "rate_per_minute",
    "rate_per_hour": "rate_per_hour",
    "domain_rate_per_minute": "domain_rate_per_minute",
    "domain_rate_per_hour": "domain_rate_per_hour",
    "domain_concurrency": "domain_concurrency",
    "max_connections": "max_connections",
    "messages_per_connection": "messages_per_connection",
    "idle_close": "idle_close",
    "uncertain_policy": "uncertain_policy",
    "dkim_domain": "dkim_domain",
    "dkim_selector": "dkim_selector",
    "dkim_second_selector": "dkim_second_selector",
}
"""The options that are stored as they are given."""


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, by their columns; words as they are stored, whatever their capitals."""
    from jobrunner.services.mail.accounts.entry import CHOICES

    columns = {column: value for name, column in COLUMNS_OF_OPTIONS.items() if (value := options.get(name)) is not None}
    for column in columns.keys() & CHOICES.keys():
        columns[column] = spelt(columns[column], CHOICES[column])
    return columns


CLEARABLE = {
    "user": ("user_id",),
    "local_hostname": ("local_hostname",),
    "username": ("username", "password"),
    "password": ("password",),
    "oauth": ("oauth_token_url", "oauth_client_id", "oauth_scope", "oauth_client_secret", "oauth_refresh_token"),
    "oauth_scope": ("oauth_scope",),
    "oauth_client_secret": ("oauth_client_secret",),
    "reply_to": ("reply_to_address",),
    "rate_per_minute": ("rate_per_minute",),
    "rate_per_hour": ("rate_per_hour",),
    "domain_rate_per_minute": ("domain_rate_per_minute",),
    "domain_rate_per_hour": ("domain_rate_per_hour",),
    "dkim": ("dkim_domain", "dkim_selector", "dkim_key", "dkim_second_selector", "dkim_second_key"),
    "dkim_second": ("dkim_second_selector", "dkim_second_key"),
}
"""What can be emptied, and the columns that are then."""
