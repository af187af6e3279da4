"""The table of webhooks: adding, listing, changing, removing, secrets."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from jobrunner.db.queryable import Queryable
from jobrunner.db.refusals import Refusals
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.webhooks.client import guard_of
from jobrunner.services.webhooks.http.url import check_url
from jobrunner.services.webhooks.naming import check_event, label
from jobrunner.services.webhooks.settings import WebhookSettings
from jobrunner.services.webhooks.signatures import check_secret, new_secret

Format = Literal["array", "standard"]
FORMATS = ("array", "standard")
LONGEST_DESCRIPTION = 1000
MOST_OLD_SECRETS = 5
"""That sign beside the newest."""
ROUNDS = 5
"""How often a change is tried anew since somebody else has changed the same webhook."""

refusals_in_words = Refusals(
    {
        "webhook_owner_id_fkey": "there is no user of the id given for the owner",
        "webhook_secret_newest": "somebody else has rotated the secret at this moment: try again for another one",
    }
).in_words


@dataclass(frozen=True, kw_only=True)
class WebhookEntry:
    """What is entered about a webhook."""

    event: str
    """One event, or several: `Account.*`, `*`. It stays as it is."""
    url: str
    description: str | None = None
    owner_id: str | None = None
    skip_own: bool = False
    """Leave out what its owner did."""
    active: bool = True
    format: Format = "array"
    strict_order: bool = False
    """What is refused blocks what comes after it."""
    x_signature: bool = False
    """Send EspoCRM's older header X-Signature, too."""

    def checked(self, settings: WebhookSettings | None) -> "WebhookEntry":
        """Return it as it is kept; without settings its URL is not looked at.

        Raises:
            InvalidInput: a value is refused.
        """
        if self.format not in FORMATS:
            raise InvalidInput(f"the format must be array or standard, got {self.format[:100]!r}")
        if self.skip_own and self.owner_id is None:
            raise InvalidInput("only a webhook that has an owner can leave out what its owner did: give --owner")
        if self.description is not None and len(self.description) > LONGEST_DESCRIPTION:
            raise InvalidInput(
                f"a description has at most {LONGEST_DESCRIPTION} letters, got {len(self.description)}: shorten it"
            )
        url = self.url
        if settings is not None:
            url = check_url(url, guard_of(settings), settings.webhook_https_only)
        return replace(self, event=check_event(self.event), url=url)


@dataclass(frozen=True, kw_only=True)
class WebhookRecord(WebhookEntry):
    """A webhook as it is stored, and how it does."""

    id: int
    revision: int
    created_at: datetime
    health: Literal["healthy", "backing_off", "unsignable", "disabled"]
    disabled_reason: str | None
    first_failure_at: datetime | None
    failures: int
    """In a row."""
    next_attempt_at: datetime | None
    last_error: str | None
    owner: str | None
    """Name of its owner."""
    waiting: int
    """Deliveries."""
    failed: int
    """Deliveries that were given up."""
    last_success_at: datetime | None
    secrets: int
    """That sign now."""

    @property
    def name(self) -> str:
        """What it is called where people are told of it."""
        return label(self.id, self.event, self.url)

    def entry(self) -> WebhookEntry:
        """Return it as it would be entered."""
        return WebhookEntry(**{field.name: getattr(self, field.name) for field in fields(WebhookEntry)})


async def add_webhook(
    connection: Queryable,
    keyring: Keyring,
    settings: WebhookSettings,
    entry: WebhookEntry,
    *,
    secret: str | None = None,
) -> tuple[WebhookRecord, str]:
    """Add a webhook; return it and its secret, which is shown this once.

    `secret` is one that the receiver has already; otherwise one is made.

    Raises:
        InvalidInput: a value is refused.
        Conflict: its owner has as many as one may have.
        ConfigurationError: there is no key to seal the secret with.
    """
    entry = entry.checked(settings)
    await _check_room(connection, settings, entry.owner_id)
    secret = new_secret() if secret is None else check_secret(secret)
    secret_id, sealed = await _seal(connection, keyring, secret)
    with refusals_in_words():
        rows = await connection.fetch(load(__package__, "add_webhook"), json.dumps(asdict(entry)), secret_id, sealed)
    return await find_webhook(connection, str(rows[0]["id"])), secret


async def edit_webhook(
    connection: Queryable, settings: WebhookSettings, name: str, changes: Mapping[str, Any]
) -> WebhookRecord:
    """Change a webhook and return it.

    Raises:
        InvalidInput: a value is refused.
        NotFound: there is no such webhook.
        Conflict: others are changing it, or its new owner has as many as one may have.
    """
    for _ in range(ROUNDS):
        record = await find_webhook(connection, name)
        entry = replace(record.entry(), **changes)
        # A URL that the settings would refuse by now does not stop another change.
        checked = entry.checked(settings if entry.url != record.url else None)
        if checked.owner_id != record.owner_id:
            await _check_room(connection, settings, checked.owner_id)
        with refusals_in_words():
            rows = await connection.fetch(
                load(__package__, "edit_webhook"), record.id, record.revision, json.dumps(asdict(checked))
            )
        if rows:
            return await find_webhook(connection, str(record.id))
    raise Conflict(f"the webhook {name} is being changed by others: try again")


async def find_webhook(connection: Queryable, name: str) -> WebhookRecord:
    """Return a webhook by its id.

    Raises:
        NotFound: there is none.
    """
    text = name.strip()
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        rows = await connection.fetch(load(__package__, "list_webhooks"), int(text))
        if rows:
            return WebhookRecord(**dict(rows[0]))
    raise NotFound(f"there is no webhook {text[:100]!r}; `jobrunner webhook list` shows all")


async def list_webhooks(connection: Queryable) -> list[WebhookRecord]:
    """Return all webhooks."""
    return [WebhookRecord(**dict(row)) for row in await connection.fetch(load(__package__, "list_webhooks"), None)]


async def remove_webhook(connection: Queryable, name: str) -> WebhookRecord:
    """Remove a webhook, with its deliveries, and return it as it was.

    Raises:
        NotFound: there is no such webhook.
    """
    record = await find_webhook(connection, name)
    await connection.fetch(load(__package__, "remove_webhook"), record.id)
    return record


async def enable_webhook(connection: Queryable, name: str) -> WebhookRecord:
    """Let a webhook go on at once, as if it had never failed, and return it.

    Raises:
        NotFound: there is no such webhook.
    """
    record = await find_webhook(connection, name)
    await connection.fetch(load(__package__, "enable_webhook"), record.id)
    return await find_webhook(connection, str(record.id))


async def rotate_secret(
    connection: Queryable, keyring: Keyring, name: str, *, overlap: timedelta, secret: str | None = None
) -> tuple[WebhookRecord, str]:
    """Give a webhook a new secret; return it and the secret, which is shown this once.

    For the length of `overlap` the former one signs, too; with none it is dropped at once, as are all older ones.

    Raises:
        InvalidInput: the secret given is none.
        NotFound: there is no such webhook.
        Conflict: somebody else has rotated it at this moment.
        ConfigurationError: there is no key to seal the secret with.
    """
    record = await find_webhook(connection, name)
    secret = new_secret() if secret is None else check_secret(secret)
    secret_id, sealed = await _seal(connection, keyring, secret)
    statement = load(__package__, "rotate_secret")
    with refusals_in_words():
        await connection.fetch(statement, record.id, secret_id, sealed, overlap, MOST_OLD_SECRETS)
    return await find_webhook(connection, str(record.id)), secret


async def _check_room(connection: Queryable, settings: WebhookSettings, owner_id: str | None) -> None:
    """See that a user may own one more; of two that are added at the same moment one may be too many."""
    most = settings.webhook_max_per_user
    if owner_id is None or most == 0:
        return
    (row,) = await connection.fetch(load(__package__, "count_owned_webhooks"), owner_id)
    if row["webhooks"] >= most:
        raise Conflict(
            f"the user {owner_id} owns {row['webhooks']} webhooks, and may own {most} (webhook_max_per_user): "
            "remove one by `jobrunner webhook remove`, or raise that setting"
        )


async def _seal(connection: Queryable, keyring: Keyring, secret: str) -> tuple[int, str]:
    (row,) = await connection.fetch(load(__package__, "draw_secret_id"))
    id: int = row["id"]
    return id, keyring.seal(secret, place=f"webhook_secret/{id}/secret")
