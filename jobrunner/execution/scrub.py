"""Takes the secrets that the configuration holds out of texts that are kept or shown."""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from jobrunner.config import Configuration

SHORTEST = 4
"""Letters a secret must have to be taken out: shorter ones would tear holes into ordinary words."""


def scrubber(configuration: Configuration) -> Callable[[str], str]:
    """Return a function that replaces every known secret in a text by `***`."""
    urls = [url.get_secret_value() for url in (configuration.database_url, configuration.database_url_direct) if url]
    found = {password for url in urls if (password := urlsplit(url).password)}
    found |= {unquote(password) for password in found}
    found |= {value.get_secret_value() for value in vars(configuration.smtp).values() if isinstance(value, SecretStr)}
    secrets = sorted((secret for secret in found if len(secret) >= SHORTEST), key=len, reverse=True)

    def scrub(text: str) -> str:
        for secret in secrets:
            if secret in text:
                text = text.replace(secret, "***")
        return text

    return scrub
