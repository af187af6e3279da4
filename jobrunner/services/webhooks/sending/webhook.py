"""A webhook as a run has it: leased, with its secrets open."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from jobrunner.db.secrets import Keyring, SecretUnreadable
from jobrunner.services.webhooks.naming import label


@dataclass(slots=True)
class Webhook:
    """One that is leased to a run."""

    id: int
    revision: int
    event: str
    url: str = field(repr=False)
    host: str
    """With its port."""
    label: str
    """What it is called in notices; without the path of its URL, which may be secret."""
    is_standard: bool
    strict_order: bool
    x_signature: bool
    failures: int
    """Faults of its endpoint in a row."""
    secrets: tuple[str, ...] = field(repr=False)
    """Those that sign, the newest first."""
    unusable: str | None
    """Why nothing can be signed."""

    @classmethod
    def of_row(cls, row: Any, keyring: Keyring) -> "Webhook":
        """Read a row of `take_webhooks`."""
        secrets: tuple[str, ...] = ()
        unusable = None
        try:
            secrets = tuple(
                keyring.open(sealed, place=f"webhook_secret/{id}/secret").get_secret_value()
                for id, sealed in zip(row["secret_ids"] or (), row["secrets"] or (), strict=True)
            )
            if not secrets:
                unusable = f"it has no secret: `jobrunner webhook rotate-secret {row['id']}` makes one"
        except SecretUnreadable as error:
            unusable = str(error)
        return cls(
            id=row["id"],
            revision=row["revision"],
            event=row["event"],
            url=row["url"],
            host=urlsplit(row["url"]).netloc,
            label=label(row["id"], row["event"], row["url"]),
            is_standard=row["format"] == "standard",
            strict_order=row["strict_order"],
            x_signature=row["x_signature"],
            failures=row["failures"],
            secrets=secrets,
            unusable=unusable,
        )
