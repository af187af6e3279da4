"""A webhook as a run has it: leased, with its secrets open."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from jobrunner.db.secrets import Keyring, SecretUnreadable
from jobrunner.services.webhooks.naming import label
from jobrunner.services.webhooks.signatures import Signer


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
    failures: int
    """Faults of its endpoint in a row."""
    signer: Signer | None = field(repr=False)
    unusable: str | None
    """Why nothing can be signed: then there is no signer."""

    @classmethod
    def of_row(cls, row: Any, keyring: Keyring) -> "Webhook":
        """Read a row of `take_webhooks`."""
        signer = unusable = None
        try:
            secrets = [
                keyring.open(sealed, place=f"webhook_secret/{id}/secret").get_secret_value()
                for id, sealed in zip(row["secret_ids"] or (), row["secrets"] or (), strict=True)
            ]
            if secrets:
                signer = Signer(secrets, str(row["id"]), espo_header=row["x_signature"])
            else:
                unusable = f"it has no secret: `jobrunner webhook rotate-secret {row['id']}` makes one"
        except SecretUnreadable as error:
            unusable = str(error)
        except ValueError:  # only an edit by hand brings that
            unusable = f"its secret is not base64: `jobrunner webhook rotate-secret {row['id']}` makes another one"
        return cls(
            id=row["id"],
            revision=row["revision"],
            event=row["event"],
            url=row["url"],
            host=urlsplit(row["url"]).netloc,
            label=label(row["id"], row["event"], row["url"]),
            is_standard=row["format"] == "standard",
            strict_order=row["strict_order"],
            failures=row["failures"],
            signer=signer,
            unusable=unusable,
        )
