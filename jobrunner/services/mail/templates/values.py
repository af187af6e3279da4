"""What fills a template for one mail: fields of records, moments, and what the mailing itself gives (links, ids)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobrunner.services.mail.templates.formatting import Style


@dataclass(frozen=True, slots=True)
class Values:
    """Everything that one mail says about its recipient. Values of strangers may be anything: they are never code."""

    records: Mapping[str, Mapping[str, Any]]
    """By the name that templates use (`Person`, `Contact`, `Parent`, `User`); a linked record is a mapping in a field,
    or its fields stand there with their path (`account.name`)."""
    now: datetime
    """The moment that `{now}`, `{today}` and `{currentYear}` name; aware."""
    language: str = "en"
    """Of the recipient, a tag such as `de_AT`."""
    zone: str = "UTC"
    """In which moments are written."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Of the mailing, by the placeholder: `optOutUrl`, `queueItemId`, `trackingUrl:12`, `openPixelUrl`."""

    @property
    def style(self) -> Style:
        """How dates and numbers are written."""
        return Style.of(self.language, self.zone)

    def find(self, record: str, path: str) -> Any:
        """Return a field's value; None where it is missing."""
        fields = self.records.get(record)
        if fields is None:
            return None
        if path in fields:
            return fields[path]
        first, dot, rest = path.partition(".")
        linked = fields.get(first) if dot else None
        return linked.get(rest) if isinstance(linked, Mapping) else None
