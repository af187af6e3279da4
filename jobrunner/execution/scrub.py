"""Takes secrets out of texts that are kept or shown: those of the configuration, and those opened from the database."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from jobrunner.config import Configuration
from jobrunner.config.secret_key import several
from jobrunner.db.secrets.opened import without_opened

SHORTEST = 4
"""Letters a secret must have to be taken out: shorter ones would tear holes into ordinary words."""

PARAMETERS = ("password", "sslpassword")
"""Parameters of a database URL that hold a secret."""


def scrubber(configuration: Configuration) -> Callable[[str], str]:
    """Return a function that replaces every known secret in a text by `***`."""
    urls = [url.get_secret_value() for url in (configuration.database_url, configuration.database_url_direct) if url]
    found = {password for url in urls for password in _passwords(url)}
    found |= {value.get_secret_value() for value in vars(configuration.smtp).values() if isinstance(value, SecretStr)}
    if configuration.secret_key is not None:
        found.add(configuration.secret_key.get_secret_value())
    if configuration.secret_keys_former is not None:
        found.update(several(configuration.secret_keys_former.get_secret_value()))
    secrets = sorted((secret for secret in found if len(secret) >= SHORTEST), key=len, reverse=True)

    def scrub(text: str) -> str:
        for secret in secrets:
            if secret in text:
                text = text.replace(secret, "***")
        return without_opened(text)

    return scrub


def _passwords(url: str) -> Iterator[str]:
    """Yield the passwords in a URL, as they stand there and as they are meant."""
    parts = urlsplit(url)
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    for parameter in parts.query.split("&"):
        name, _, value = parameter.partition("=")
        if unquote(name) in PARAMETERS:
            yield value
    yield from (value for name, value in parse_qsl(parts.query) if name in PARAMETERS)
