"""What a job is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """The record that a job is about, for example one e-mail account."""

    type: str | None
    id: str | None
    data: Mapping[str, Any] | None = None
    """Data for this target's job, where a preparator yields it; merged over the scheduled job's own."""
