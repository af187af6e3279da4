"""What holds up mass mail though nobody has ordered that: a fault that paused a mailing, a key that is not at hand."""

import shlex

from jobrunner.config import Configuration
from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring, SecretUnreadable, check_signing_key
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError
from jobrunner.queue.wording import moment
from jobrunner.services.massmail.tokens import PURPOSE

LIST_TROUBLES = load(__package__, "list_troubles")

MOST = 100
"""Mailings that are told; no status shows as many."""


async def list_mailing_troubles(connection: Queryable) -> list[str]:
    """Return a sentence for each mass e-mail that a breaker has paused, or a template or an account that is no good."""
    return [
        f"the mass e-mail {row['name']!r} has been paused since {moment(row['paused_at'])}: "
        f"{' '.join((row['reason'] or 'no reason is known').split())}; "
        f"`jobrunner mass-email resume {shlex.quote(row['name'])}` lets it go on"
        for row in await connection.fetch(LIST_TROUBLES, MOST)
    ]


async def list_link_troubles(connection: Queryable, configuration: Configuration) -> list[str]:
    """Return a sentence where the key that signs links cannot be opened with what the configuration has at hand.

    Then no mailing begins, and links in mails that went out do not work. Where none was ever made nothing is wrong.
    """
    try:
        await check_signing_key(connection, Keyring.from_configuration(configuration), PURPOSE)
    except (ConfigurationError, SecretUnreadable) as error:
        return [f"links in mails can neither be made nor be read by what is configured here: {error}"]
    return []
