"""The client as the settings mean it."""

import logging

from jobrunner.errors import InvalidInput
from jobrunner.services.address_guard import Guard, check_allowed
from jobrunner.services.webhooks.http.poster import Limits, Poster
from jobrunner.services.webhooks.settings import WebhookSettings

log = logging.getLogger("jobrunner.webhooks")


def guard_of(settings: WebhookSettings) -> Guard:
    """Return the guard; entries that cannot be read, which only an edit by hand can bring, let nothing through."""
    allowed = []
    for entry in settings.webhook_allowed_hosts:
        try:
            check_allowed(entry)
        except InvalidInput as error:
            log.warning("webhook_allowed_hosts: %s", error)
        else:
            allowed.append(entry)
    return Guard(allowed)


def poster_of(settings: WebhookSettings) -> Poster:
    """Return the client, which must be closed."""
    return Poster(
        guard_of(settings),
        Limits(
            connect=settings.webhook_connect_timeout,
            total=settings.webhook_timeout,
            connections=settings.webhook_concurrency,
            per_host=settings.webhook_host_concurrency,
            answer=1024 * settings.webhook_max_answer,
        ),
    )
